"""The commands, one file each.

Nothing heavy is imported before the arguments are parsed: `--help` and mistakes answer at once.
"""
