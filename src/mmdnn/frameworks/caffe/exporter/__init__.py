"""ONNX operators as Caffe's layers: each operator is one short function, by family.

The layers are those of BVLC Caffe (https://github.com/BVLC/caffe, master of 2020-02), and of the fork
that the caller names. The semantics of the operators are those of https://onnx.ai/onnx/operators.
"""

from mmdnn.frameworks.caffe.exporter.network import from_ir
from mmdnn.frameworks.caffe.exporter.table import exporter
from mmdnn.ir.operators import load_families

load_families(__name__, __path__)

__all__ = ["exporter", "from_ir"]
