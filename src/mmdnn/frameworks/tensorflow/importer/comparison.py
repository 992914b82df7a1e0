"""Comparisons, logic, and choosing between two tensors."""

from __future__ import annotations

from mmdnn.frameworks.tensorflow.importer.table import RAW, ImportedNode, Value, importer, same
from mmdnn.ir.builder import Op, rank

same(
    {
        "Less": "Less", "LessEqual": "LessOrEqual", "Greater": "Greater", "GreaterEqual": "GreaterOrEqual",
        "LogicalAnd": "And", "LogicalOr": "Or", "LogicalNot": "Not", "IsNan": "IsNaN", "IsInf": "IsInf",
        "SelectV2": "Where",
    }
)  # fmt: skip


@importer("Equal", doc=f"{RAW}/Equal", unused="incompatible_shape_error")
def equal(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    return op.Equal(a, b)


@importer("NotEqual", doc=f"{RAW}/NotEqual", unused="incompatible_shape_error")
def not_equal(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    return op.Not(op.Equal(a, b))


@importer("IsFinite", doc=f"{RAW}/IsFinite")
def is_finite(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Not(op.Or(op.IsInf(x), op.IsNaN(x)))


@importer("ApproximateEqual", doc=f"{RAW}/ApproximateEqual")
def approximate_equal(node: ImportedNode, op: Op, a: Value, b: Value, *, tolerance: float) -> Value:
    return op.Less(op.Abs(op.Sub(a, b)), node.constant(tolerance, a))


@importer("Select", doc=f"{RAW}/Select")
def select(node: ImportedNode, op: Op, condition: Value, a: Value, b: Value) -> Value:
    """A vector chooses rows."""
    axes = rank(a)
    if rank(condition) == 1 and axes > 1:
        condition = op.Unsqueeze(condition, list(range(1, axes)))
    return op.Where(condition, a, b)
