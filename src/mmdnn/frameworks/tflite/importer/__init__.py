"""TensorFlow Lite's operators as ONNX: each is one short function, by family.

The semantics are those of the interpreter's optimised kernels (tensorflow/lite/kernels), no delegate. Data
lie as there, channels last, between Transposes that `ir.layout` takes out. Quantised values are integers
between operators: each operator is computed in float32 between DequantizeLinear and QuantizeLinear, and what
only moves numbers moves the integers.
"""

from mmdnn.frameworks.tflite.importer.model import input_shapes, to_ir
from mmdnn.frameworks.tflite.importer.table import importer
from mmdnn.ir.operators import load_families

load_families(__name__, __path__)

__all__ = ["importer", "input_shapes", "to_ir"]
