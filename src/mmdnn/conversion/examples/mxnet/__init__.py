"""Trying networks that were converted to MXNet."""
