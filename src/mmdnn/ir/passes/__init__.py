"""The passes over the IR, one a file: each has a test of its name in `tests/ir/passes`."""
