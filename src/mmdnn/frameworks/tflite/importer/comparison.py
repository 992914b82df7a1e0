"""Comparisons, and what is chosen by them."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.tflite.importer.table import DOC, ImportedNode, Value, importer, same
from mmdnn.ir.builder import Op, rank

same(
    {
        "EQUAL": "Equal", "GREATER": "Greater", "GREATER_EQUAL": "GreaterOrEqual", "LESS": "Less",
        "LESS_EQUAL": "LessOrEqual", "LOGICAL_AND": "And", "LOGICAL_OR": "Or", "LOGICAL_NOT": "Not",
        "SELECT_V2": "Where", "STABLEHLO_SELECT": "Where",
    }
)  # fmt: skip


@importer("NOT_EQUAL", doc=DOC)
def not_equal(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    return op.Not(op.Equal(a, b))


@importer("SELECT", doc=DOC)
def select(node: ImportedNode, op: Op, condition: Value, a: Value, b: Value) -> Value:
    """A vector of conditions chooses rows."""
    missing = rank(a) - rank(condition)
    if rank(condition) == 1 and missing > 0:
        condition = op.Unsqueeze(condition, list(range(1, 1 + missing)))
    return op.Where(condition, a, b)


@importer("WHERE", doc=DOC)
def where(node: ImportedNode, op: Op, condition: Value) -> Value:
    """The places where a condition holds, [count, axes]."""
    found = op.Transpose(op.NonZero(condition), perm=[1, 0])
    return found if found.dtype == ir.DataType.INT64 else op.Cast(found, to=ir.DataType.INT64)


@importer("STABLEHLO_AND", "STABLEHLO_OR", doc=DOC)
def logical(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    name = node.type.removeprefix("STABLEHLO_").title()
    return op[name if a.dtype == ir.DataType.BOOL else f"Bitwise{name}"](a, b)
