"""ONNX operators as CNTK's functions: each operator is one short function, by family.

The semantics are those of https://onnx.ai/onnx/operators and of CNTK 2.7 on the CPU
(Source/CNTKv2LibraryDll, Source/ComputationNetworkLib and Source/Math of microsoft/CNTK).
"""

from mmdnn.frameworks.cntk.exporter.model import from_ir
from mmdnn.frameworks.cntk.exporter.table import exporter
from mmdnn.ir.operators import load_families

load_families(__name__, __path__)

__all__ = ["exporter", "from_ir"]
