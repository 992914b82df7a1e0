"""Weights by reference: finding them in files, describing them, streaming them into new files."""
