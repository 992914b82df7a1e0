"""Trying networks that were converted to ONNX."""
