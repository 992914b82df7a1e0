"""Element types: which one torch computes in, and casts to it.

A number and a tensor of rank 0 do not widen a tensor of their own category (bool, integer, float, complex);
https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import Op, rank

BOOL, INT64, INT32 = ir.DataType.BOOL, ir.DataType.INT64, ir.DataType.INT32
FLOAT, DOUBLE = ir.DataType.FLOAT, ir.DataType.DOUBLE
COMPLEX = {ir.DataType.COMPLEX64, ir.DataType.COMPLEX128}
_SMALL = {ir.DataType.INT8, ir.DataType.INT16, ir.DataType.UINT8}
_ORDER = [
    ir.DataType[name]
    for name in (
        "UINT8",
        "INT8",
        "INT16",
        "INT32",
        "INT64",
        "FLOAT16",
        "BFLOAT16",
        "FLOAT",
        "DOUBLE",
    )
]


def of(x: Any) -> ir.DataType:
    """The type of an operand; that of Python's numbers is torch's default."""
    if isinstance(x, ir.Value):
        return x.dtype or FLOAT
    return BOOL if isinstance(x, bool) else INT64 if isinstance(x, int) else FLOAT


def category(dtype: ir.DataType) -> int:
    """0 for truth values, 1 for integers, 2 for floats, 3 for complex numbers."""
    if dtype in COMPLEX:
        return 3
    return 2 if dtype.is_floating_point() else 0 if dtype == BOOL else 1


def is_float(x: Any) -> bool:
    """Whether an operand is of a type of floats."""
    return category(of(x)) == 2


def widest(a: ir.DataType, b: ir.DataType) -> ir.DataType:
    """The type that holds both."""
    if a == b:
        return a
    if category(a) != category(b):
        return a if category(a) > category(b) else b
    pair = {a, b}
    if pair == {ir.DataType.UINT8, ir.DataType.INT8}:
        return ir.DataType.INT16
    if pair == {ir.DataType.FLOAT16, ir.DataType.BFLOAT16}:
        return FLOAT
    return max(pair, key=lambda each: _ORDER.index(each) if each in _ORDER else len(_ORDER))


def common(operands: Sequence[Any]) -> ir.DataType:
    """The type that torch computes these operands in."""
    groups: list[list[ir.DataType]] = [[], [], []]
    for each in operands:
        place = 2 if not isinstance(each, ir.Value) else 1 if rank(each) == 0 else 0
        groups[place].append(of(each))
    found: ir.DataType | None = None
    for group in groups:
        for dtype in group[1:]:
            group[0] = widest(group[0], dtype)
        if group and (found is None or category(group[0]) > category(found)):
            found = group[0]
    return found or FLOAT


@overload
def cast(op: Op, x: ir.Value, dtype: ir.DataType) -> ir.Value: ...


@overload
def cast(op: Op, x: object, dtype: ir.DataType) -> Any: ...


def cast(op: Op, x: Any, dtype: ir.DataType) -> Any:
    """An operand in this type; a number becomes a constant."""
    if not isinstance(x, ir.Value):
        return dtype.numpy().type(x)
    return x if x.dtype == dtype else op.Cast(x, to=dtype)


def together(op: Op, *operands: Any, floats: bool = False) -> list[Any]:
    """Operands in their common type; in float32 at least where that is said."""
    dtype = common(operands)
    if floats and category(dtype) < 2:
        dtype = FLOAT
    return [cast(op, each, dtype) for each in operands]


def floating(op: Op, x: ir.Value) -> ir.Value:
    """Integers and truth values as float32."""
    return x if category(of(x)) >= 2 else op.Cast(x, to=FLOAT)


@overload
def wide(op: Op, x: ir.Value) -> ir.Value: ...


@overload
def wide(op: Op, x: object) -> Any: ...


def wide(op: Op, x: Any) -> Any:
    """Small integers and truth values as int32, in which engines compute."""
    if isinstance(x, ir.Value):
        return op.Cast(x, to=INT32) if x.dtype in _SMALL or x.dtype == BOOL else x
    return x.astype(np.int32) if ir.DataType.from_numpy(x.dtype) in _SMALL or x.dtype == bool else x


def like(x: ir.Value, value: Any) -> Any:
    """A number in the type of a tensor."""
    return np.asarray(value, (x.dtype or FLOAT).numpy())
