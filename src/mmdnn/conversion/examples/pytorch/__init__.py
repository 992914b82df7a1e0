"""Trying networks that were converted to PyTorch."""
