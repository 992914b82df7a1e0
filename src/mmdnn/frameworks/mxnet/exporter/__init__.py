"""ONNX operators as MXNet's symbols: each operator is one short function, by family.

The semantics are those of https://onnx.ai/onnx/operators and of MXNet 1.9.1 on the CPU
(https://github.com/apache/mxnet/tree/1.9.1/src/operator).
"""

from mmdnn.frameworks.mxnet.exporter.model import from_ir
from mmdnn.frameworks.mxnet.exporter.table import exporter
from mmdnn.ir.operators import load_families

load_families(__name__, __path__)

__all__ = ["exporter", "from_ir"]
