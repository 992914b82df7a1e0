"""Comparisons, which give numbers, and choosing by them (Source/Math/TensorOps.h of CNTK 2.7)."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.cntk._operators import COMPARISONS
from mmdnn.frameworks.cntk.importer.elementwise import dtype_of
from mmdnn.frameworks.cntk.importer.operand import Operand, align
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.ir.builder import Op

COMPARING = {cntk: onnx for onnx, cntk in COMPARISONS.items()} | {"NotEqual": "Equal"}


@importer(*COMPARING, doc=f"{API}/cntk.ops#less")
def comparison(f: ImportedFunction, op: Op, x: Operand, y: Operand) -> Operand:
    """0 or 1, numbers of the inputs' type."""
    axes, values = align(op, [x, y])
    made = op[COMPARING[f.function.op]](*values)
    made = op.Not(made) if f.function.op == "NotEqual" else made
    return Operand(op.Cast(made, to=dtype_of(x.value)), axes)


@importer("Select", doc=f"{API}/cntk.ops#element_select")
def select(f: ImportedFunction, op: Op, flag: Operand, x: Operand, y: Operand) -> Operand:
    """Everything but 0 is true."""
    axes, (condition, one, other) = align(op, [flag, x, y])
    return Operand(op.Where(op.Cast(condition, to=ir.DataType.BOOL), one, other), axes)
