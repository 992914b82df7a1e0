"""Trying converted image networks: `python -m mmdnn.conversion.examples.<framework>.imagenet_test`.

One module for each framework, all of them thin: what they do is in `_imagenet`, for any framework of the
registry.
"""
