"""Trying networks that were converted to CNTK."""
