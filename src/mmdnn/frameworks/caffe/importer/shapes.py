"""Shapes of which the batch may be open: checking and comparing them, and reshaping to them.

A dimension is a number, the name of a symbolic one, or None where nothing is known.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mmdnn.errors import ShapeError
from mmdnn.frameworks.caffe.importer.table import LIMIT, ImportedLayer
from mmdnn.ir.builder import Dimension, NeedsStatic, Op, dimensions
from mmdnn.ir.builder import known as known


def needs_static(*values: ir.Value) -> NeedsStatic:
    """The signal that every dimension of these must be known."""
    symbols = [dim for value in values for dim in dimensions(value) if isinstance(dim, str)]
    return NeedsStatic(values[0].name, symbols)


def count(value: ir.Value, start: int = 0, end: int | None = None) -> int:
    """The number of elements in the axes from `start` up to `end`.

    Raises:
        NeedsStatic: One of them is open.
    """
    rank = len(dimensions(value))
    return math.prod(known(value, axis) for axis in range(rank)[start:end])


def channels(layer: ImportedLayer, x: ir.Value, group: int = 1) -> int:
    """The number of channels, which the groups must divide."""
    if len(dimensions(x)) < 2:
        layer.refuse(f"its bottom '{x.name}' has no channels")
    found = known(x, 1)
    if group < 1 or found % group:
        layer.refuse(f"{found} channels do not divide into {group}")
    return found


def image_size(layer: ImportedLayer, x: ir.Value) -> tuple[int, int]:
    """Height and width of a value with four axes."""
    if len(dimensions(x)) != 4:
        layer.refuse(f"its bottom '{x.name}' has {len(dimensions(x))} axes, not 4")
    height, width = known(x, 2), known(x, 3)
    if max(height, width) > LIMIT:
        layer.refuse(f"an image of {height} x {width}")
    return height, width


def agree(one: ir.Value, other: ir.Value, axes: Sequence[tuple[int, int]] | None = None) -> None:
    """Check that two values have the same size on these pairs of axes (on all, where not given).

    Caffe never broadcasts, and ONNX would.

    Raises:
        ShapeError: They differ.
        NeedsStatic: Whether they do depends on an open dimension.
    """
    ours, theirs = dimensions(one), dimensions(other)
    if axes is None:
        if len(ours) != len(theirs):
            raise ShapeError(f"{_text(ours)} and {_text(theirs)} should be the same shape")
        axes = [(axis, axis) for axis in range(len(ours))]
    open_: list[Dimension] = []
    for i, j in axes:
        if isinstance(ours[i], int) and isinstance(theirs[j], int):
            if ours[i] != theirs[j]:
                raise ShapeError(
                    f"axis {i} of {_text(ours)} and axis {j} of {_text(theirs)} should be the same"
                )
        elif ours[i] is None or ours[i] != theirs[j]:
            open_ += [ours[i], theirs[j]]
    if open_:
        raise NeedsStatic(one.name, [dim for dim in open_ if isinstance(dim, str)])


def reshape(op: Op, x: ir.Value, target: Sequence[Dimension]) -> ir.Value:
    """`x` in this shape, with as many open dimensions as there are in it.

    Raises:
        ShapeError: The shape has another number of elements.
        NeedsStatic: Whether it has depends on an open dimension.
    """
    source = dimensions(x)
    target = _completed(x, target)
    if tuple(target) == source and None not in source:
        return x
    vector = [
        dim if isinstance(dim, int) else 0 if _stays(source, target, axis) else -1
        for axis, dim in enumerate(target)
    ]
    if vector.count(-1) > 1:
        raise needs_static(x)
    y = op.Reshape(x, np.array(vector, np.int64))
    y.shape = ir.Shape(target)
    return y


def _stays(source: Sequence[Dimension], target: Sequence[Dimension], axis: int) -> bool:
    return axis < len(source) and target[axis] is not None and source[axis] == target[axis]


def _completed(x: ir.Value, target: Sequence[Dimension]) -> list[Dimension]:
    """The target with a single None replaced by what is left for it, where that can be told."""
    (size, symbols), (wanted, names) = _factors(dimensions(x)), _factors(target)
    missing, extra = symbols - names, names - symbols
    unknown = sum(dim is None for dim in target)
    if None in dimensions(x) or extra or unknown > 1:
        if unknown <= 1 and not extra:
            return list(target)
        raise needs_static(x)
    if not unknown:
        if missing:
            raise needs_static(x)
        if size != wanted:
            raise ShapeError(f"{_text(dimensions(x))} cannot become {_text(target)}")
        return list(target)
    rest: Dimension = None
    if not wanted or size % wanted:
        if missing:
            raise needs_static(x)
        raise ShapeError(f"{_text(dimensions(x))} cannot become {_text(target)}")
    if not missing:
        rest = size // wanted
    elif missing.total() == 1 and size == wanted:
        rest = next(iter(missing))
    return [rest if dim is None else dim for dim in target]


def _factors(dims: Sequence[Dimension]) -> tuple[int, Counter[str]]:
    numbers = [dim for dim in dims if isinstance(dim, int)]
    return math.prod(numbers), Counter(dim for dim in dims if isinstance(dim, str))


def _text(dims: Sequence[Dimension]) -> str:
    return f"[{', '.join('?' if dim is None else str(dim) for dim in dims)}]"
