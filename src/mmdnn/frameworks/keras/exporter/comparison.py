"""Comparisons, logic, and choosing by them."""

from __future__ import annotations

from mmdnn.frameworks.keras.exporter.elementwise import operands
from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.keras.exporter.writer import Writer

_ROWS = {
    "And": "LogicalAnd",
    "Equal": "Equal",
    "Greater": "Greater",
    "GreaterOrEqual": "GreaterEqual",
    "Less": "Less",
    "LessOrEqual": "LessEqual",
    "Or": "LogicalOr",
    "Xor": "LogicalXor",
}


@exporter(*_ROWS, doc="Equal")
def comparison(node: ExportedNode, keras: Writer, a: Array, b: Array) -> Array:
    return keras.ops[_ROWS[node.type]](*operands(keras, a, b))


@exporter("Not", doc="Not")
def logical_not(node: ExportedNode, keras: Writer, x: Array) -> Array:
    return keras.ops.LogicalNot(x)


@exporter("Where", doc="Where")
def where(node: ExportedNode, keras: Writer, condition: Array, a: Array, b: Array) -> Array:
    return keras.ops.Where(condition, a, b)


@exporter("IsNaN", doc="IsNaN")
def is_nan(node: ExportedNode, keras: Writer, x: Array) -> Array:
    return keras.ops.Isnan(x)


@exporter("IsInf", doc="IsInf")
def is_inf(
    node: ExportedNode, keras: Writer, x: Array, *, detect_negative: int, detect_positive: int
) -> Array:
    if detect_negative and detect_positive:
        return keras.ops.Isinf(x)
    if not detect_negative and not detect_positive:
        return keras.ops.LogicalAnd(keras.ops.Isinf(x), False)
    return keras.ops.Isneginf(x) if detect_negative else keras.ops.Isposinf(x)
