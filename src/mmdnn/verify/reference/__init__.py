"""Frameworks that cannot be installed any more, written again from their documentation, in numpy."""
