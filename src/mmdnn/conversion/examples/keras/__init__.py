"""Trying networks that were converted to Keras."""
