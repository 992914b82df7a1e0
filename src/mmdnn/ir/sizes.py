"""Sizes that a model computes from shapes: numbers, open dimensions, and arithmetic of these.

`Concat(Gather(Shape(x), [0]), [64, -1])` is a dimension of x, 64 and -1, whatever x is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import NamedTuple, TypeAlias

import onnx_ir as ir

from mmdnn.ir.values import ints

LONGEST = 32
"""Elements of a shape, at most."""


class Dim(NamedTuple):
    """The size of a value's axis, which is open."""

    value: ir.Value
    axis: int


class Count(NamedTuple):
    """How many elements a value has."""

    value: ir.Value


class Term(NamedTuple):
    """Two sizes, and an operator of ONNX: Add, Sub, Mul or Div."""

    operator: str
    left: Size
    right: Size


Size: TypeAlias = "int | Dim | Count | Term"

ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": lambda a, b: a // b,
}
INTEGERS = {ir.DataType.INT64, ir.DataType.INT32}


def trace(value: ir.Value | None) -> list[Size] | None:
    """The elements of a vector or scalar of integers; None where they are not sizes."""
    if value is None or value.dtype not in INTEGERS:
        return None
    known = ints(value)
    if known is not None:
        usual = value.const_value is not None and len(value.const_value.shape) < 2
        return [*known] if usual and len(known) <= LONGEST else None
    node = value.producer()
    if node is None or node.domain not in {"", "ai.onnx"} or node.op_type not in RULES:
        return None
    return RULES[node.op_type](node, [trace(each) for each in node.inputs])


def is_of(size: Size, value: ir.Value, axis: int) -> bool:
    """Whether it is certainly the size of that axis, by its name too."""
    if value.shape is None or axis >= len(value.shape):
        return False
    dim = value.shape[axis]
    if isinstance(dim, int) or not isinstance(size, Dim):
        return size == dim
    shape = size.value.shape
    name = None if shape is None else shape[size.axis]
    return size == Dim(value, axis) or (dim.value is not None and name == dim)


Parts: TypeAlias = "Sequence[list[Size] | None]"


def _shape(node: ir.Node, _parts: Parts) -> list[Size] | None:
    x = node.inputs[0]
    if x is None or x.shape is None:
        return None
    dims: list[Size] = [d if isinstance(d, int) else Dim(x, i) for i, d in enumerate(x.shape)]
    return dims[node.attributes.get_int("start") : node.attributes.get_int("end")]


def _same(_node: ir.Node, parts: Parts) -> list[Size] | None:
    return parts[0]


def _gather(_node: ir.Node, parts: Parts) -> list[Size] | None:
    items, places = parts
    if items is None or places is None:
        return None
    known = [i for i in places if isinstance(i, int) and -len(items) <= i < len(items)]
    return [items[i] for i in known] if len(known) == len(places) else None


def _slice(_node: ir.Node, parts: Parts) -> list[Size] | None:
    items, start, end = parts[:3]
    step = parts[4] if len(parts) > 4 else [1]
    bounds = [part[0] for part in (start, end, step) if part is not None and len(part) == 1]
    known = [bound for bound in bounds if isinstance(bound, int)]
    if items is None or len(known) < 3:
        return None
    first, last, by = known
    return items[first : None if by < 0 and last < -len(items) else last : by] if by else None


def _concat(_node: ir.Node, parts: Parts) -> list[Size] | None:
    found: list[Size] = [item for part in parts for item in part or ()]
    return None if None in parts or len(found) > LONGEST else found


def _arithmetic(node: ir.Node, parts: Parts) -> list[Size] | None:
    left, right = parts
    if not left or not right or (len(left) != len(right) and 1 not in {len(left), len(right)}):
        return None
    count = max(len(left), len(right))
    pairs = zip(left * (count // len(left)), right * (count // len(right)), strict=True)
    found = [_compute(node.op_type, a, b) for a, b in pairs]
    return [item for item in found if item is not None] if None not in found else None


def _compute(operator: str, a: Size, b: Size) -> Size | None:
    if operator == "Div" and not (isinstance(b, int) and b > 0 and _is_nonnegative(a)):
        return None
    if isinstance(a, int) and isinstance(b, int):
        return ARITHMETIC[operator](a, b)
    if operator == "Mul" and 1 in (a, b):
        return b if a == 1 else a
    idle = (operator == "Div" and b == 1) or (operator in {"Add", "Sub"} and b == 0)
    return a if idle else Term(operator, a, b)


def _is_nonnegative(size: Size) -> bool:
    """Whether it cannot be negative: a dimension, or sums and products of such."""
    if isinstance(size, Term):
        return size.operator != "Sub" and all(map(_is_nonnegative, (size.left, size.right)))
    return not isinstance(size, int) or size >= 0


def _product(_node: ir.Node, parts: Parts) -> list[Size] | None:
    if parts[0] is None:
        return None
    numbers = [size for size in parts[0] if isinstance(size, int)]
    start: Size = reduce(ARITHMETIC["Mul"], numbers, 1)
    rest = [size for size in parts[0] if not isinstance(size, int)]
    return [reduce(lambda a, b: b if a == 1 else Term("Mul", a, b), rest, start)]


def _size(node: ir.Node, _parts: Parts) -> list[Size] | None:
    return None if node.inputs[0] is None else [Count(node.inputs[0])]


RULES: dict[str, Callable[[ir.Node, Parts], list[Size] | None]] = {
    "Shape": _shape,
    "Size": _size,
    "Gather": _gather,
    "Slice": _slice,
    "Concat": _concat,
    "ReduceProd": _product,
    **dict.fromkeys(("Cast", "Identity", "Squeeze", "Unsqueeze", "Reshape"), _same),
    **dict.fromkeys(ARITHMETIC, _arithmetic),
}
