"""Comparisons, logic, and choosing by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mmdnn.frameworks.pytorch.importer import dtypes
from mmdnn.frameworks.pytorch.importer.dtypes import BOOL, cast, like, together, wide
from mmdnn.frameworks.pytorch.importer.table import TORCH, ImportedCall, Value, importer
from mmdnn.ir.builder import Op

_COMPARISONS = {
    "eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual",
    "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater", "greater_equal": "GreaterOrEqual",
}  # fmt: skip
_LOGIC = {"and": "And", "or": "Or", "xor": "Xor"}
_BITS = {"and": "BitwiseAnd", "or": "BitwiseOr", "xor": "BitwiseXor"}


def compared(op: Op, type_: str, x: Any, y: Any) -> Value:
    """Two operands in their common type."""
    a, b = together(op, x, y)
    return op[type_](wide(op, a), wide(op, b))


def _comparison(type_: str) -> Callable[..., Value]:
    return lambda node, op, x, y: compared(op, type_, x, y)


def _logic(type_: str) -> Callable[..., Value]:
    return lambda node, op, x, y: op[type_](truth(op, x), truth(op, y))


def _bits(name: str) -> Callable[..., Value]:
    def bits(node: ImportedCall, op: Op, x: Any, y: Any) -> Value:
        a, b = together(op, x, y)
        return op[_LOGIC[name] if dtypes.common([x, y]) == BOOL else _BITS[name]](a, b)

    return bits


for _name, _type in _COMPARISONS.items():
    importer(_name, doc=f"{TORCH}.{_name}")(_comparison(_type))
for _name, _type in _LOGIC.items():
    importer(f"logical_{_name}", doc=f"{TORCH}.logical_{_name}")(_logic(_type))
    importer(f"bitwise_{_name}", f"__{_name}__", doc=f"{TORCH}.bitwise_{_name}")(_bits(_name))


def truth(op: Op, x: Value) -> Value:
    """Whether elements are not zero."""
    return x if dtypes.of(x) == BOOL else op.Cast(x, to=BOOL)


@importer("ne", "not_equal", doc=f"{TORCH}.ne")
def not_equal(node: ImportedCall, op: Op, x: Any, y: Any) -> Value:
    return op.Not(compared(op, "Equal", x, y))


@importer("logical_not", doc=f"{TORCH}.logical_not")
def logical_not(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.Not(truth(op, x))


@importer("bitwise_not", doc=f"{TORCH}.bitwise_not")
def bitwise_not(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.Not(x) if dtypes.of(x) == BOOL else op.BitwiseNot(x)


@importer("isnan", doc=f"{TORCH}.isnan")
def isnan(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.IsNaN(x) if dtypes.is_float(x) else op.Not(op.Equal(x, x))


@importer("isinf", doc=f"{TORCH}.isinf")
def isinf(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.IsInf(x) if dtypes.is_float(x) else op.Not(op.Equal(x, x))


@importer("isfinite", doc=f"{TORCH}.isfinite")
def isfinite(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.Not(op.Or(op.IsNaN(x), op.IsInf(x))) if dtypes.is_float(x) else op.Equal(x, x)


@importer("isposinf", "isneginf", doc=f"{TORCH}.isposinf")
def one_infinity(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.Equal(x, like(x, np.inf if node.type == "isposinf" else -np.inf))


@importer("where", doc=f"{TORCH}.where")
def where(node: ImportedCall, op: Op, condition: Value, x: Any = None, y: Any = None) -> Any:
    condition = truth(op, condition)
    if x is None:
        places = op.NonZero(condition)
        node.several = True
        return [
            op.Gather(places, np.int64(axis), axis=0) for axis in range(len(condition.shape or ()))
        ]
    a, b = together(op, x, y)
    return op.Where(condition, a, b)


@importer("masked_fill", doc=f"{TORCH}.Tensor.masked_fill")
def masked_fill(node: ImportedCall, op: Op, x: Value, mask: Value, value: Any) -> Value:
    return op.Where(truth(op, mask), cast(op, value, dtypes.of(x)), x)


@importer("isclose", doc=f"{TORCH}.isclose")
def isclose(node: ImportedCall, op: Op, x: Value, y: Value, *, rtol: float, atol: float) -> Value:
    bound = op.Add(op.Mul(op.Abs(y), like(x, rtol)), like(x, atol))
    near = op.LessOrEqual(op.Abs(op.Sub(x, y)), bound)
    return op.Or(op.Equal(x, y), op.And(near, op.Not(op.IsInf(y))))
