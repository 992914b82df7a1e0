"""ONNX operators as PyTorch: each operator is one short function, by family.

The semantics are those of https://onnx.ai/onnx/operators and https://docs.pytorch.org/docs/stable.
"""

from mmdnn.frameworks.pytorch.exporter.model import from_ir
from mmdnn.frameworks.pytorch.exporter.table import exporter
from mmdnn.ir.operators import load_families

load_families(__name__, __path__)

__all__ = ["exporter", "from_ir"]
