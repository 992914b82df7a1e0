"""Putting elements at places."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import dtypes
from mmdnn.frameworks.pytorch.importer.dtypes import BOOL, INT64, cast, like
from mmdnn.frameworks.pytorch.importer.indexing import (
    as_places,
    diagonal_places,
    first_of_all,
    side_by_side,
)
from mmdnn.frameworks.pytorch.importer.table import TORCH, ImportedCall, Value, importer
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, dimensions, known, rank


@importer(
    "index_put",
    "_index_put_impl",
    "_unsafe_index_put",
    doc=f"{TORCH}.Tensor.index_put_",
    unused="unsafe",
)
def index_put(
    node: ImportedCall,
    op: Op,
    x: Value,
    indices: list[Value | None],
    values: Value,
    *,
    accumulate: bool,
) -> Value:
    mask = indices[0]
    one_mask = len(indices) == 1 and mask is not None and dtypes.of(mask) == BOOL
    if mask is not None and one_mask and rank(values) == 0 and not accumulate:
        for _ in range(rank(x) - rank(mask)):
            mask = op.Unsqueeze(mask, [-1])
        return op.Where(mask, cast(op, values, dtypes.of(x)), x)
    given = as_places(node, op, indices)
    if all(each is None for each in given):
        return op.Expand(
            cast(op, values, dtypes.of(x)), axes.vector(op, x, [(a,) for a in range(rank(x))])
        )
    named, places = side_by_side(op, x, given)
    order = first_of_all(rank(x), named)
    base = axes.transpose(op, x, order)
    rest = list(range(len(named), rank(x)))
    target = [op.Shape(places, start=0, end=-1)]
    if rest:
        target.append(op.Shape(base, start=len(named)))
    shape = op.Concat(*target, axis=0) if len(target) > 1 else target[0]
    together = named == list(range(named[0], named[-1] + 1)) and named[0] != 0
    new = rank(places) - 1
    values = cast(op, values, dtypes.of(x))
    if together and rank(values) > 1:
        whole = axes.at_least(op, values, new + len(rest))
        lead = named[0]
        back = [*range(lead, lead + new), *range(lead), *range(lead + new, new + len(rest))]
        values = op.Transpose(whole, perm=back)
    updates = op.Expand(values, shape)
    y = op.ScatterND(base, places, updates, reduction="add" if accumulate else None)
    return axes.transpose(op, y, [order.index(axis) for axis in range(rank(x))])


_REDUCTIONS = {
    "add": "add",
    "multiply": "mul",
    "sum": "add",
    "prod": "mul",
    "amax": "max",
    "amin": "min",
}


@importer("scatter", "scatter_add", "scatter_reduce", doc=f"{TORCH}.Tensor.scatter_")
def scatter(
    node: ImportedCall, op: Op, x: Value, dim: int, index: Value, *,
    src: Any, value: Any, reduce: str, include_self: bool,
) -> Value:  # fmt: skip
    axis = node.axis(dim, x)
    kind = dtypes.of(x)
    reduce = "add" if node.type == "scatter_add" else reduce
    if reduce is not None and reduce not in _REDUCTIONS:
        node.refuse(f"it reduces by {reduce}")
    if src is None:
        updates = op.Expand(
            cast(op, value, kind), axes.vector(op, index, [(a,) for a in range(rank(index))])
        )
    else:
        updates = _whole_cut(op, cast(op, src, kind), index)
    if reduce is not None and include_self is False:
        start = {"sum": 0, "prod": 1, "amax": _limit(kind, -1), "amin": _limit(kind, 1)}[reduce]
        neutral = op.Expand(
            like(x, start), axes.vector(op, index, [(a,) for a in range(rank(index))])
        )
        x = op.ScatterElements(x, index, neutral, axis=axis)
    how = _REDUCTIONS[reduce] if reduce is not None else None
    return op.ScatterElements(x, index, updates, axis=axis, reduction=how)


def _limit(kind: ir.DataType, sign: int) -> Any:
    if kind.is_floating_point():
        return sign * np.inf
    limits = np.iinfo(kind.numpy())
    return limits.max if sign > 0 else limits.min


def _whole_cut(op: Op, x: Value, index: Value) -> Value:
    named = [a for a in range(rank(x)) if dimensions(x)[a] != dimensions(index)[a]]
    if not named:
        return x
    ends = axes.vector(op, index, [(a,) for a in named])
    return op.Slice(x, [0] * len(named), ends, np.asarray(named, np.int64))


@importer("index_add", "index_copy", "index_fill", "index_reduce", doc=f"{TORCH}.Tensor.index_add_")
def index_add(
    node: ImportedCall, op: Op, x: Value, dim: int, index: Value, source: Any, *, alpha: Any
) -> Value:
    if node.type == "index_reduce":
        node.refuse("it reduces by a name")
    axis = node.axis(dim, x)
    order = [axis, *(a for a in range(rank(x)) if a != axis)]
    base = axes.transpose(op, x, order)
    index = op.Reshape(index, [-1])
    source = cast(op, source, dtypes.of(x))
    if not isinstance(source, ir.Value) or rank(source) == 0:
        source = op.Expand(source, op.Concat(op.Shape(index), op.Shape(base, start=1), axis=0))
    else:
        source = axes.transpose(op, source, order)
    if alpha not in (None, 1):
        source = op.Mul(source, like(x, alpha))
    how = "add" if node.type == "index_add" else None
    y = op.ScatterND(base, op.Unsqueeze(index, [-1]), source, reduction=how)
    return axes.transpose(op, y, [order.index(a) for a in range(rank(x))])


@importer("slice_scatter", doc=f"{TORCH}.slice_scatter")
def slice_scatter(
    node: ImportedCall,
    op: Op,
    x: Value,
    source: Value,
    *,
    dim: int,
    start: Any,
    end: Any,
    step: int,
) -> Value:
    axis = node.axis(dim or 0, x)
    whole = known(x, axis)
    places = np.arange(whole)[slice(start, None if end is None else end, step)]
    return _put_rows(op, x, source, axis, places)


def _put_rows(op: Op, x: Value, source: Value, axis: int, places: np.ndarray) -> Value:
    order = [axis, *(a for a in range(rank(x)) if a != axis)]
    base, rows = axes.transpose(op, x, order), axes.transpose(op, source, order)
    y = op.ScatterND(base, places.astype(np.int64)[:, None], cast(op, rows, dtypes.of(x)))
    return axes.transpose(op, y, [order.index(a) for a in range(rank(x))])


@importer("select_scatter", doc=f"{TORCH}.select_scatter")
def select_scatter(
    node: ImportedCall, op: Op, x: Value, source: Value, dim: int, index: int
) -> Value:
    axis = node.axis(dim, x)
    return _put_rows(
        op, x, op.Unsqueeze(source, [axis]), axis, np.asarray([index % known(x, axis)])
    )


@importer("masked_scatter", doc=f"{TORCH}.Tensor.masked_scatter_")
def masked_scatter(node: ImportedCall, op: Op, x: Value, mask: Value, source: Value) -> Value:
    """The n-th place that is marked gets the source's n-th element."""
    mask = op.And(mask, op.Expand(np.asarray(True), op.Shape(x)))
    flags = op.Reshape(op.Cast(mask, to=INT64), [-1])
    order = op.Sub(op.CumSum(flags, np.int64(0)), np.int64(1))
    taken = op.Gather(op.Reshape(source, [-1]), op.Max(order, np.int64(0)))
    return op.Where(mask, op.Reshape(taken, op.Shape(x)), x)


@importer("diagonal_scatter", doc=f"{TORCH}.diagonal_scatter")
def diagonal_scatter(
    node: ImportedCall, op: Op, x: Value, source: Value, *, offset: int, dim1: int, dim2: int
) -> Value:
    a, b = node.axis(0 if dim1 is None else dim1, x), node.axis(1 if dim2 is None else dim2, x)
    places = diagonal_places(known(x, a), known(x, b), offset or 0)
    order = [a, b, *(axis for axis in range(rank(x)) if axis not in (a, b))]
    rows = op.Transpose(source, perm=[rank(source) - 1, *range(rank(source) - 1)])
    y = op.ScatterND(axes.transpose(op, x, order), places, cast(op, rows, dtypes.of(x)))
    return axes.transpose(op, y, [order.index(axis) for axis in range(rank(x))])
