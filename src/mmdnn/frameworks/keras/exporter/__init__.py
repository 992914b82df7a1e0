"""ONNX operators as Keras 3's layers and operations, each by one short function, by family.

What is a layer becomes one; all else is a node of `keras.ops`, which a functional model keeps in its file.
Images are channels-last (`ir.layout.channels_last`): operators over them are registered as `image("Conv")`.
"""

from mmdnn.frameworks.keras.exporter.model import from_ir
from mmdnn.frameworks.keras.exporter.table import exporter
from mmdnn.ir.operators import load_families

load_families(__name__, __path__)

__all__ = ["exporter", "from_ir"]
