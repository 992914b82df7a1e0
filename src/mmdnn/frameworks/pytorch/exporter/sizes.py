"""Sizes that a model computes from shapes, as Python's own integers.

`Concat(Gather(Shape(x), 0), [64, -1])` is `(x.shape[0], 64, -1)`: no tensor is made for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.graph import Member, Variable
from mmdnn.python.expressions import ATOM, Code, binary
from mmdnn.python.statements import Statement, walk

Size = int | Code
Lookup = Callable[[ir.Value], Variable]

LONGEST = 32
"""Elements of a shape, at most."""

ARITHMETIC: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "Add": ("+", lambda a, b: a + b),
    "Sub": ("-", lambda a, b: a - b),
    "Mul": ("*", lambda a, b: a * b),
    "Div": ("//", lambda a, b: a // b),
}
INTEGERS = {ir.DataType.INT64, ir.DataType.INT32}


def trace(value: ir.Value | None, variable: Lookup) -> list[Size] | None:
    """The elements of an integer vector or scalar, each a number or code; None where they are not sizes.

    Args:
        value: What to look at.
        variable: Gives the variable that holds a value.
    """
    if value is None or value.dtype not in INTEGERS:
        return None
    if value.const_value is not None and not value.is_graph_input():
        return _constant(value.const_value)
    node = value.producer()
    if node is None or node.domain not in {"", "ai.onnx"} or node.op_type not in RULES:
        return None
    return RULES[node.op_type](node, lambda i: trace(_input(node, i), variable), variable)


def _input(node: ir.Node, index: int) -> ir.Value | None:
    return node.inputs[index] if index < len(node.inputs) else None


def _constant(tensor: ir.TensorProtocol) -> list[Size] | None:
    if tensor.size > LONGEST or len(tensor.shape) > 1 or tensor.dtype not in INTEGERS:
        return None
    return [int(item) for item in tensor.numpy().reshape(-1)]


Of = Callable[[int], list[Size] | None]


def _shape(node: ir.Node, _of: Of, variable: Lookup) -> list[Size] | None:
    data = node.inputs[0]
    if data is None or data.shape is None:
        return None
    start = node.attributes["start"].as_int()
    end = node.attributes.get_int("end")
    return shape(variable(data))[start:end]


def shape(x: Variable) -> list[Size]:
    """Each dimension: a number, or `x.shape[axis]`."""
    return [
        dim if isinstance(dim, int) else Code(f"{{0}}.shape[{axis}]", (x,), needs=(ATOM,))
        for axis, dim in enumerate(x.shape or ())
    ]


def _same(_node: ir.Node, of: Of, _variable: Lookup) -> list[Size] | None:
    return of(0)


def _gather(node: ir.Node, of: Of, _variable: Lookup) -> list[Size] | None:
    items, places = of(0), of(1)
    if items is None or places is None or not all(isinstance(i, int) for i in places):
        return None
    if not all(-len(items) <= i < len(items) for i in places):  # type: ignore[operator]
        return None
    return [items[i] for i in places]  # type: ignore[index]


def _slice(node: ir.Node, of: Of, _variable: Lookup) -> list[Size] | None:
    items, start, end = of(0), of(1), of(2)
    step = [1] if len(node.inputs) < 5 else of(4)
    bounds = [start, end, step]
    if items is None or any(b is None or len(b) != 1 or not isinstance(b[0], int) for b in bounds):
        return None
    first, last, by = (int(b[0]) for b in bounds)  # type: ignore[index, arg-type]
    return items[first:last:by] if by > 0 else None


def _concat(node: ir.Node, of: Of, _variable: Lookup) -> list[Size] | None:
    parts = [of(i) for i in range(len(node.inputs))]
    if any(part is None for part in parts):
        return None
    found = [item for part in parts for item in part or ()]
    return found if len(found) <= LONGEST else None


def _arithmetic(node: ir.Node, of: Of, _variable: Lookup) -> list[Size] | None:
    left, right = of(0), of(1)
    if left is None or right is None or not left or not right:
        return None
    if len(left) != len(right) and 1 not in {len(left), len(right)}:
        return None
    count = max(len(left), len(right))
    pairs = zip(left * (count // len(left)), right * (count // len(right)), strict=True)
    found = [_compute(node.op_type, a, b) for a, b in pairs]
    return None if any(item is None for item in found) else found  # type: ignore[return-value]


def _compute(operator: str, a: Size, b: Size) -> Size | None:
    symbol, function = ARITHMETIC[operator]
    if operator == "Div" and not (isinstance(b, int) and b > 0 and is_positive(a)):
        return None
    if isinstance(a, int) and isinstance(b, int):
        return function(a, b)
    if operator == "Mul" and 1 in (a, b):
        return b if a == 1 else a
    if (operator == "Div" and b == 1) or (operator in {"Add", "Sub"} and b == 0):
        return a
    return binary(symbol, a, b)


def is_positive(size: Size) -> bool:
    """Whether it cannot be negative: a dimension, or sums and products of such."""
    if isinstance(size, int):
        return size >= 0
    parts = [item for item in size.operands if isinstance(item, (int, Code))]
    return "-" not in size.text and all(map(is_positive, parts))


def product(sizes: Sequence[Size]) -> Size:
    """All of them multiplied."""
    known = int(np.prod([size for size in sizes if isinstance(size, int)], dtype=np.int64))
    open_ = [size for size in sizes if isinstance(size, Code)]
    total: Size = known
    for size in open_:
        total = size if total == 1 else binary("*", total, size)
    return total


def _product(_node: ir.Node, of: Of, _variable: Lookup) -> list[Size] | None:
    items = of(0)
    return None if items is None else [product(items)]


def _size(node: ir.Node, _of: Of, variable: Lookup) -> list[Size] | None:
    data = node.inputs[0]
    if data is None:
        return None
    return [Code("{0}.numel()", (variable(data),), needs=(ATOM,))]


RULES: dict[str, Callable[[ir.Node, Of, Lookup], list[Size] | None]] = {
    "Shape": _shape,
    "Size": _size,
    "Gather": _gather,
    "Slice": _slice,
    "Concat": _concat,
    "ReduceProd": _product,
    **dict.fromkeys(("Cast", "Identity", "Squeeze", "Unsqueeze", "Reshape"), _same),
    **dict.fromkeys(ARITHMETIC, _arithmetic),
}


def prune(statements: list[Statement], outputs: Sequence[Variable]) -> list[Statement]:
    """Without the statements that nothing needs: sizes that were computed as tensors."""
    used: set[Any] = set(outputs)
    kept: list[Statement] = []
    for statement in reversed(statements):
        layers = statement.bodies or any(True for _ in statement.code.references(Member))
        if layers or not statement.targets or used.intersection(statement.targets):
            used.update(statement.references(Variable))
            used.update(target for inner in walk([statement]) for target in inner.targets)
            kept.append(statement)
    return kept[::-1]
