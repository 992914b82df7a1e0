"""Order: the largest, sorted, unique, counted, searched for."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import dtypes, sizes
from mmdnn.frameworks.pytorch.importer.dtypes import INT64, cast, floating, like
from mmdnn.frameworks.pytorch.importer.table import TORCH, ImportedCall, Value, importer
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, known, rank


@importer("topk", doc=f"{TORCH}.topk")
def topk(
    node: ImportedCall, op: Op, x: Value, k: Any, dim: int, largest: bool, in_order: bool
) -> list[Value]:
    count = sizes.vector(op, [k])
    said = {"axis": node.axis(dim, x), "largest": int(largest), "sorted": int(in_order)}
    return list(op.outputs(2).TopK(x, count, **said))


@importer("sort", "argsort", "msort", doc=f"{TORCH}.sort", unused="stable")
def sort(node: ImportedCall, op: Op, x: Value, *, dim: int, descending: bool) -> Any:
    if rank(x) == 0:
        return [x, op.Mul(op.Cast(x, to=INT64), np.int64(0))]
    axis = 0 if node.type == "msort" else node.axis(-1 if dim is None else dim, x)
    whole = sizes.vector(op, [sizes.size(op, x, axis)])
    kind = dtypes.of(x)
    plain = op.Cast(x, to=dtypes.INT32) if kind == dtypes.BOOL else x
    y, places = op.outputs(2).TopK(plain, whole, axis=axis, largest=int(bool(descending)))
    y = cast(op, y, kind)
    return places if node.type == "argsort" else y if node.type == "msort" else [y, places]


@importer("unique", "_unique2", "unique_dim", doc=f"{TORCH}.unique", unused="sorted")
def unique(
    node: ImportedCall, op: Op, x: Value, *, dim: int, return_inverse: bool, return_counts: bool
) -> list[Value]:
    axis = None if dim is None else node.axis(dim, x)
    y, _, inverse, counts = op.outputs(4).Unique(x, axis=axis, sorted=1)
    if dim is None:
        inverse = op.Reshape(inverse, op.Shape(x))
    return [y, inverse, counts]


@importer(
    "unique_consecutive", doc=f"{TORCH}.unique_consecutive", unused="return_inverse return_counts"
)
def unique_consecutive(node: ImportedCall, op: Op, x: Value, *, dim: int) -> list[Value]:
    if dim is not None:
        node.refuse("it compares slices")
    flat = op.Reshape(x, [-1])
    before, behind = (
        op.Slice(flat, [0], [-1], [0]),
        op.Slice(flat, [1], [np.iinfo(np.int64).max], [0]),
    )
    fresh = op.Concat(np.asarray([True]), op.Not(op.Equal(before, behind)), axis=0)
    group = op.Sub(op.CumSum(op.Cast(fresh, to=INT64), np.int64(0)), np.int64(1))
    y = op.Compress(flat, fresh, axis=0)
    zeros = op.Mul(op.Cast(op.Shape(y), to=INT64), np.int64(0))
    counts = op.ScatterElements(
        op.Expand(op.Squeeze(zeros, [0]), op.Shape(y)),
        group,
        op.Expand(np.int64(1), op.Shape(group)),
        axis=0,
        reduction="add",
    )
    return [y, op.Reshape(group, op.Shape(x)), counts]


@importer("bincount", doc=f"{TORCH}.bincount")
def bincount(
    node: ImportedCall, op: Op, x: Value, weights: Value | None, *, minlength: int
) -> Value:
    x = cast(op, x, INT64)
    top = op.Add(op.ReduceMax(x, [0], keepdims=1), np.int64(1))
    length = op.Max(top, np.asarray([minlength], np.int64))
    kind = INT64 if weights is None else dtypes.of(weights)
    zeros = op.Expand(kind.numpy().type(0), length)
    ones = op.Expand(np.int64(1), op.Shape(x)) if weights is None else weights
    return op.ScatterElements(zeros, x, ones, axis=0, reduction="add")


@importer("searchsorted", "bucketize", doc=f"{TORCH}.searchsorted", unused="sorter")
def searchsorted(
    node: ImportedCall, op: Op, a: Any, b: Any, *, out_int32: bool, right: bool, side: str
) -> Value:
    """How many of the sorted numbers are smaller, or not larger."""
    line, x = (a, b) if node.type == "searchsorted" else (b, a)
    right = right or side == "right"
    line, x = dtypes.together(op, line, x)
    x = x if isinstance(x, ir.Value) else op.Identity(x)
    behind = op.Unsqueeze(x, [rank(x)])
    row = line if rank(line) == 1 else op.Unsqueeze(line, [rank(line) - 1])
    counted = op.LessOrEqual(row, behind) if right else op.Less(row, behind)
    found = op.ReduceSum(op.Cast(counted, to=INT64), [-1], keepdims=0)
    return op.Cast(found, to=dtypes.INT32) if out_int32 else found


@importer("repeat_interleave", doc=f"{TORCH}.repeat_interleave", unused="output_size")
def repeat_interleave(
    node: ImportedCall, op: Op, x: Value, repeats: Any = None, *, dim: int
) -> Value:
    if repeats is None:
        repeats, x = x, op.Range(np.int64(0), op.Squeeze(op.Shape(x), [0]), np.int64(1))
        dim = 0
    x, axis = axes.along(node, op, x, dim)
    if isinstance(repeats, int) or rank(repeats) == 0 or known(repeats, 0) == 1:
        count = (
            sizes.vector(op, [repeats]) if isinstance(repeats, int) else op.Reshape(repeats, [1])
        )
        wide = op.Unsqueeze(x, [axis + 1])
        ones = np.ones(rank(x) + 1, np.int64)
        parts = [ones[: axis + 1], count, ones[axis + 2 :]]
        tiled = op.Tile(
            wide,
            axes.joined(
                op, [part for part in parts if not isinstance(part, np.ndarray) or part.size]
            ),
        )
        kept: list[Any] = [(a,) for a in range(rank(tiled))]
        kept[axis : axis + 2] = [(axis, axis + 1)]
        return axes.reshape(op, tiled, kept)
    ends = op.CumSum(cast(op, repeats, INT64), np.int64(0))
    total = op.Squeeze(op.Slice(ends, [-1], [np.iinfo(np.int64).max], [0]), [0])
    steps = op.Range(np.int64(0), total, np.int64(1))
    past = op.LessOrEqual(op.Unsqueeze(ends, [0]), op.Unsqueeze(steps, [1]))
    places = op.ReduceSum(op.Cast(past, to=INT64), [1], keepdims=0)
    return op.Gather(x, places, axis=axis)


@importer("median", "nanmedian", "kthvalue", doc=f"{TORCH}.median")
def median(node: ImportedCall, op: Op, x: Value, *, k: int, dim: int, keepdim: bool) -> Any:
    """The lower one of the two in the middle."""
    if node.type == "nanmedian":
        node.refuse("it leaves NaN out")
    whole = node.type == "median" and "dim" not in node.arguments
    if whole:
        x, dim = op.Reshape(x, [-1]), 0
    axis = node.axis(-1 if dim is None else dim, x)
    place = known(x, axis) - 1
    rank_ = (k - 1) if node.type == "kthvalue" else place // 2
    y, places = op.outputs(2).TopK(x, np.asarray([place + 1], np.int64), axis=axis, largest=0)
    found = [op.Gather(each, np.int64(rank_), axis=axis) for each in (y, places)]
    if node.type == "median" and dtypes.is_float(x):
        worst = op.ReduceMax(op.Cast(op.IsNaN(x), to=dtypes.INT32), [axis], keepdims=0)
        found[0] = op.Where(op.Cast(worst, to=dtypes.BOOL), like(x, np.nan), found[0])
    if keepdim:
        found = [op.Unsqueeze(each, [axis]) for each in found]
    return found[0] if whole else found


@importer("mode", doc=f"{TORCH}.mode")
def mode(node: ImportedCall, op: Op, x: Value, *, dim: int, keepdim: bool) -> list[Value]:
    """Of the most frequent, the smallest, and where it stands last."""
    axis = node.axis(dim, x)
    x = axes.moved(op, x, axis, rank(x) - 1)
    same = op.Equal(op.Unsqueeze(x, [-1]), op.Unsqueeze(x, [-2]))
    counts = op.ReduceSum(op.Cast(same, to=INT64), [-1], keepdims=0)
    most = op.ReduceMax(counts, [-1], keepdims=1)
    floats = dtypes.is_float(x)
    far = like(x, np.inf if floats else np.iinfo(dtypes.of(x).numpy()).max)
    least = op.ReduceMin(op.Where(op.Equal(counts, most), x, far), [-1], keepdims=1)
    steps = np.arange(known(x, -1), dtype=np.int64)
    place = op.ReduceMax(op.Where(op.Equal(x, least), steps, np.int64(-1)), [-1], keepdims=1)
    found = [least, place]
    if keepdim:
        return [axes.moved(op, each, rank(x) - 1, axis) for each in found]
    return [op.Squeeze(each, [-1]) for each in found]


@importer("quantile", "nanquantile", doc=f"{TORCH}.quantile")
def quantile(
    node: ImportedCall, op: Op, x: Value, q: Any, *, dim: int, keepdim: bool, interpolation: str
) -> Value:
    if node.type == "nanquantile" or interpolation != "linear":
        node.refuse("it leaves NaN out, or rounds")
    whole = dim is None
    count = rank(x)
    x, axis = axes.along(node, op, x, dim)
    x = axes.moved(op, x, axis, rank(x) - 1)
    length = known(x, -1)
    y, _ = op.outputs(2).TopK(x, np.asarray([length], np.int64), axis=-1, largest=0)
    alone = not isinstance(q, ir.Value) or rank(q) == 0
    q = (
        op.Reshape(cast(op, q, dtypes.of(x)), [-1])
        if isinstance(q, ir.Value)
        else op.Identity(like(x, [q]))
    )
    place = op.Mul(q, like(x, length - 1))
    low = op.Floor(place)
    first = op.Gather(y, op.Cast(low, to=INT64), axis=-1)
    second = op.Gather(y, op.Cast(op.Ceil(place), to=INT64), axis=-1)
    found = op.Add(first, op.Mul(op.Sub(second, first), op.Sub(place, low)))
    found = axes.moved(op, found, rank(found) - 1, 0)
    if keepdim:
        found = op.Unsqueeze(found, [a + 1 for a in (range(count) if whole else [axis])])
    return op.Squeeze(found, [0]) if alone else found


@importer("isin", doc=f"{TORCH}.isin", unused="assume_unique")
def isin(node: ImportedCall, op: Op, x: Value, tests: Value, *, invert: bool) -> Value:
    same = op.Equal(op.Unsqueeze(x, [-1]), op.Reshape(tests, [-1]))
    found = op.Cast(op.ReduceMax(op.Cast(same, to=dtypes.INT32), [-1], keepdims=0), to=dtypes.BOOL)
    return op.Not(found) if invert else found


@importer("histc", doc=f"{TORCH}.histc")
def histc(node: ImportedCall, op: Op, x: Value) -> Value:
    floating(op, x)
    node.refuse("its limits may depend on the data")
