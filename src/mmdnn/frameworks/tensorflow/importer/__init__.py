"""TensorFlow's operators as ONNX: each is one short function, by family.

Semantics: https://www.tensorflow.org/api_docs/python/tf/raw_ops, and the CPU kernels of TensorFlow 2.21 (of
1.13 for what has been removed since). Values have the names of TensorFlow's tensors, their data lie as there:
what is channels last stays so, between Transposes that `ir.layout` takes out.
"""

from mmdnn.frameworks.tensorflow.importer.model import input_shapes, to_ir
from mmdnn.frameworks.tensorflow.importer.table import importer
from mmdnn.ir.operators import load_families

load_families(__name__, __path__)

__all__ = ["importer", "input_shapes", "to_ir"]
