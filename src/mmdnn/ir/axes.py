"""Axes of values on their way into the IR: reshaped, joined, moved and put in, where sizes may be open.

A size in a target is a number, or the axes of a value whose sizes are multiplied: `[(0,), (1, 2)]` keeps the
first axis and joins the next two, whether their sizes are known or not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import Dimension, Op, dimensions, rank
from mmdnn.ir.importing import ImportedLayer

Size: TypeAlias = "int | tuple[int, ...]"
"""A number, or axes whose sizes are multiplied."""


def product(value: ir.Value, axes: Sequence[int]) -> int | None:
    """The number of elements in these axes; None where one is open."""
    dims = [dimensions(value)[axis] for axis in axes]
    sizes = [dim for dim in dims if isinstance(dim, int)]
    return math.prod(sizes) if len(sizes) == len(dims) else None


def size(op: Op, value: ir.Value, axes: Sequence[int]) -> ir.Value | np.ndarray:
    """The number of elements in these axes, [1]: a constant where it is known."""
    number = product(value, axes)
    if number is not None:
        return np.asarray([number], np.int64)
    if not axes:
        return np.asarray([1], np.int64)
    if len(axes) == 1:
        axis = axes[0] % rank(value)
        return op.Shape(value, start=axis, end=axis + 1)
    sizes = op.Gather(op.Shape(value), np.asarray(axes, np.int64))
    return op.ReduceProd(sizes, [0], keepdims=1)


def vector(op: Op, value: ir.Value, target: Sequence[Size]) -> ir.Value | np.ndarray:
    """A shape, from numbers and the sizes of a value's axes."""
    parts = [
        np.asarray([each], np.int64) if isinstance(each, int) else size(op, value, each)
        for each in target
    ]
    return joined(op, parts)


def joined(op: Op, parts: Sequence[Any]) -> ir.Value | np.ndarray:
    """Vectors one after the other: a constant where they all are."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate([np.zeros(0, np.int64), *parts])
    return op.Concat(*parts, axis=0) if len(parts) > 1 else parts[0]


def reshape(op: Op, x: ir.Value, target: Sequence[Size]) -> ir.Value:
    """`x` in a shape of numbers (one may be -1: what is left) and products of its own axes."""
    dims = dimensions(x)
    numbers: list[int | tuple[int, ...]] = []
    for each in target:
        count = each if isinstance(each, int) else product(x, each)
        numbers.append(each if count is None else count)
    total = product(x, range(len(dims)))
    if total is not None and numbers.count(-1) == 1 and all(isinstance(n, int) for n in numbers):
        rest = math.prod(n for n in numbers if isinstance(n, int) and n != -1)
        if rest and total % rest == 0:
            numbers[numbers.index(-1)] = total // rest
    symbols = _symbols(dims, numbers)
    if symbols == list(dims) and None not in symbols:
        return x
    open_ = [place for place, n in enumerate(numbers) if not isinstance(n, int)]
    plain: list[int] = []
    for place, n in enumerate(numbers):
        if isinstance(n, int):
            plain.append(n)
        elif n == (place,):
            plain.append(0)
        elif -1 not in numbers and open_ == [place]:
            plain.append(-1)
    if len(plain) == len(numbers) and not (0 in numbers and 0 in plain):
        y = op.Reshape(x, np.asarray(plain, np.int64), allowzero=1 if 0 in numbers else None)
    else:
        y = op.Reshape(x, vector(op, x, numbers))
    y.shape = ir.Shape(symbols)
    return y


def _symbols(
    dims: Sequence[Dimension], numbers: Sequence[int | tuple[int, ...]]
) -> list[Dimension]:
    """The new dimensions, by name where one open axis stays as it is."""
    found: list[Dimension] = []
    for n in numbers:
        if isinstance(n, int):
            found.append(n if n >= 0 else None)
            continue
        rest = [axis for axis in n if dims[axis] != 1]
        found.append(dims[rest[0]] if len(rest) == 1 else None)
    used = [axis for n in numbers if not isinstance(n, int) for axis in n]
    left = [dim for axis, dim in enumerate(dims) if axis not in used]
    if found.count(None) == 1 and -1 in numbers and sum(not isinstance(d, int) for d in left) == 1:
        fixed = math.prod(dim for dim in left if isinstance(dim, int))
        if fixed == math.prod(n for n in numbers if isinstance(n, int) and n != -1):
            found[numbers.index(-1)] = next(dim for dim in left if not isinstance(dim, int))
    return found


def flat(op: Op, x: ir.Value, start: int = 1) -> ir.Value:
    """All axes from `start` on as one."""
    axes = rank(x)
    if axes == start + 1:
        return x
    return reshape(op, x, [*((axis,) for axis in range(start)), tuple(range(start, axes))])


def along(layer: ImportedLayer, op: Op, x: ir.Value, axis: int | None) -> tuple[ir.Value, int]:
    """A value and the axis that a layer names; flattened, and 0, where it names none."""
    return (flat(op, x, 0), 0) if axis is None else (x, layer.axis(axis, x))


def backwards(op: Op, x: ir.Value, axes: Sequence[int]) -> ir.Value:
    """With the elements of these axes from the last to the first."""
    count = len(axes)
    return op.Slice(x, [-1] * count, [np.iinfo(np.int64).min] * count, list(axes), [-1] * count)


def at_least(op: Op, x: ir.Value, axes: int) -> ir.Value:
    """With leading axes of size 1, until there are so many."""
    missing = axes - rank(x)
    return op.Unsqueeze(x, list(range(missing))) if missing > 0 else x


def at_least_three(op: Op, x: ir.Value) -> ir.Value:
    """With three axes, as NumPy makes them: of size 1 in front, and then behind."""
    missing = {0: [0, 1, 2], 1: [0, 2], 2: [2]}.get(rank(x))
    return x if missing is None else op.Unsqueeze(x, missing)


def squeeze(op: Op, x: ir.Value, axes: Sequence[int]) -> ir.Value:
    """Without these axes, which have the size 1."""
    return op.Squeeze(x, list(axes)) if axes else x


def transpose(op: Op, x: ir.Value, order: Sequence[int]) -> ir.Value:
    """Axes in another order; nothing where it is the same."""
    return op.Transpose(x, perm=list(order)) if list(order) != sorted(order) else x


def moved(op: Op, x: ir.Value, source: int, target: int) -> ir.Value:
    """With one axis moved to another place."""
    order = [axis for axis in range(rank(x)) if axis != source]
    order.insert(target, source)
    return transpose(op, x, order)
