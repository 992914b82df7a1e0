"""CNTK's functions as ONNX: each operator is one short function, by family.

The semantics are those of CNTK 2.7 on the CPU (https://github.com/microsoft/CNTK/tree/v2.7/Source).
Static axes are row-major here, as in CNTK's Python; a value with dynamic axes has them first:
[batch, *static] or [batch, time, *static], as `mmdnn.ir.sequences` says.
"""

from mmdnn.frameworks.cntk.importer.model import input_shapes, to_ir
from mmdnn.frameworks.cntk.importer.table import importer
from mmdnn.ir.operators import load_families

load_families(__name__, __path__)

__all__ = ["importer", "input_shapes", "to_ir"]
