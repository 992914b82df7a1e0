"""Weights by reference: finding them in files, describing them, streaming them into new files."""

import mmdnn.ir  # noqa: F401 - before the first import of onnx_ir
