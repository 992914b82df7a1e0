"""Comparisons, logic and choices."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.importer.elementwise import together
from mmdnn.frameworks.keras.importer.table import OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op

NUMPY = f"{OPS}/numpy"


def truth(node: ImportedNode, op: Op, x: Any) -> Value:
    """Whether numbers are not zero."""
    x = x if isinstance(x, Value) else node.builder.constant(np.asarray(x))
    return x if x.dtype == ir.DataType.BOOL else op.Cast(x, to=ir.DataType.BOOL)


def _logical(name: str, onnx: str) -> None:
    @importer(f"ops.{name}", doc=NUMPY)
    def function(node: ImportedNode, op: Op, x1: Any, x2: Any) -> Value:
        return op[onnx](truth(node, op, x1), truth(node, op, x2))


for _name, _onnx in {"LogicalAnd": "And", "LogicalOr": "Or", "LogicalXor": "Xor"}.items():
    _logical(_name, _onnx)


@importer("ops.LogicalNot", doc=NUMPY)
def logical_not(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Not(truth(node, op, x))


@importer("ops.Where", doc=NUMPY)
def where(node: ImportedNode, op: Op, condition: Value, x1: Any, x2: Any) -> Value:
    """Python's numbers take the type of the other, floats if neither is a tensor."""
    if isinstance(x1, Value) or isinstance(x2, Value):
        return op.Where(truth(node, op, condition), *together(node, op, x1, x2))
    kind = np.float32 if isinstance(x1, float) or isinstance(x2, float) else np.int32
    return op.Where(truth(node, op, condition), np.asarray(x1, kind), np.asarray(x2, kind))
