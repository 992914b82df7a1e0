"""The entry points that the old tool's users know: `python -m mmdnn.conversion.examples.<framework>...`."""
