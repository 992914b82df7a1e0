"""MXNet's operators as ONNX: each operator is one short function, by family.

The semantics are those of MXNet 1.9.1 (https://github.com/apache/mxnet/tree/1.9.1/src/operator) on
the CPU. Several of its operators differ from ONNX's of the same name; the functions say where.
"""

from mmdnn.frameworks.mxnet.importer.model import to_ir
from mmdnn.frameworks.mxnet.importer.table import importer
from mmdnn.ir.operators import load_families

load_families(__name__, __path__)

__all__ = ["importer", "to_ir"]
