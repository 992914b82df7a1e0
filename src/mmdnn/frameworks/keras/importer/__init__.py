"""Keras's layers and operations as ONNX: each is one short function, by family.

The semantics are those of Keras 3.15 with TensorFlow on the CPU; where Keras 1, Keras 2 and tf.keras compute
something else, the functions ask the model's generation. A layer's value has the layer's name, its data lie
as in Keras: what is channels last stays so, between Transposes that `ir.layout` takes out.
"""

from mmdnn.frameworks.keras.importer.model import input_shapes, to_ir
from mmdnn.frameworks.keras.importer.table import importer
from mmdnn.ir.operators import load_families

load_families(__name__, __path__)

__all__ = ["importer", "input_shapes", "to_ir"]
