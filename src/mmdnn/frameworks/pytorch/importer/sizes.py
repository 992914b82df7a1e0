"""Sizes: numbers where they are known, else values of rank 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer.dtypes import INT64
from mmdnn.frameworks.pytorch.importer.table import ImportedCall, Value
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, dimensions, rank
from mmdnn.ir.sizes import is_of, trace


def several(value: Any, count: int) -> list[Any]:
    """A number, or a list of one, for so many axes."""
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    return items * count if len(items) == 1 else items


def size(op: Op, x: Value, axis: int) -> Any:
    """The size of an axis: a number, or a value of rank 0."""
    axis %= max(rank(x), 1)
    dim = dimensions(x)[axis]
    if isinstance(dim, int):
        return dim
    return op.Squeeze(op.Shape(x, start=axis, end=axis + 1), [0])


def vector(op: Op, items: Sequence[Any]) -> Any:
    """Sizes as a vector: a constant where all are known."""
    parts = [
        op.Reshape(each if each.dtype == INT64 else op.Cast(each, to=INT64), [1])
        if isinstance(each, ir.Value)
        else np.asarray([each], np.int64)
        for each in items
    ]
    return axes.joined(op, parts)


def scalar(op: Op, item: Any) -> Any:
    """A size as an operand of rank 0."""
    return item if isinstance(item, ir.Value) else np.int64(item)


def reshaped(op: Op, x: Value, target: Sequence[Any]) -> Value:
    """A tensor in another shape; one size may be -1."""
    items = list(target)
    total = axes.product(x, range(rank(x)))
    known = [each for each in items if not isinstance(each, ir.Value)]
    if len(known) == len(items):
        rest = int(np.prod([n for n in known if n != -1], dtype=np.int64))
        if -1 in items and total is not None and rest:
            items[items.index(-1)] = total // rest
        if tuple(items) == dimensions(x):
            return x
        return op.Reshape(x, np.asarray(items, np.int64), allowzero=1 if 0 in items else None)
    if 0 not in known:
        plain = [
            each if not isinstance(each, ir.Value) else _same(x, each, i)
            for i, each in enumerate(items)
        ]
        open_ = [i for i, each in enumerate(plain) if isinstance(each, ir.Value)]
        if not open_ or (len(open_) == 1 and -1 not in plain):
            plain = [-1 if isinstance(each, ir.Value) else each for each in plain]
            return op.Reshape(x, np.asarray(plain, np.int64))
    return op.Reshape(x, vector(op, items))


def _same(x: Value, item: ir.Value, place: int) -> Any:
    """0, where a size is certainly that of the same axis of what is reshaped."""
    found = trace(item)
    return 0 if found is not None and len(found) == 1 and is_of(found[0], x, place) else item


def axis_list(node: ImportedCall, x: Value, dims: Any) -> list[int]:
    """Axes counted from the front; all of them where none is named."""
    if dims is None or dims == []:
        return list(range(rank(x)))
    return [node.axis(d, x) if rank(x) else 0 for d in (dims if isinstance(dims, list) else [dims])]
