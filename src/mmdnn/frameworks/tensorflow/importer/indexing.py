"""Elements by their places: slices, gathering, scattering, the largest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.importer.table import (
    RAW,
    ImportedNode,
    Value,
    as_type,
    importer,
    is_float,
)
from mmdnn.ir import axes as axes_of
from mmdnn.ir.builder import Op, known, rank, static
from mmdnn.ir.folding import int64, vector
from mmdnn.ir.strided import Masks, sliced, slices
from mmdnn.ir.values import is_nonnegative, numbers


def value_of(op: Op, x: Value | np.ndarray) -> Value:
    """A constant as a value."""
    return op.builder.constant(x) if isinstance(x, np.ndarray) else x


@importer("StridedSlice", doc=f"{RAW}/StridedSlice")
def strided_slice(
    node: ImportedNode, op: Op, x: Value, begin: Value, end: Value, strides: Value, *,
    begin_mask: int, end_mask: int, ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> Value:  # fmt: skip
    masks = Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    bounds = [value_of(op, vector(op, each)) for each in (begin, end)]
    return sliced(op, x, bounds[0], bounds[1], node.ints(strides, "its steps"), masks)


@importer("Slice", doc=f"{RAW}/Slice")
def slice_(node: ImportedNode, op: Op, x: Value, begin: Value, size: Value) -> Value:
    """A size of -1 is all that is left."""
    starts, sizes = vector(op, begin), vector(op, size)
    axes = list(range(rank(x)))
    most = np.iinfo(np.int64).max
    if isinstance(starts, np.ndarray) and isinstance(sizes, np.ndarray):
        ends = np.where(sizes < 0, most, starts + sizes)
        cut = [a for a in axes if starts[a] or ends[a] != most]
        return op.Slice(x, starts[cut], ends[cut], cut) if cut else x
    ends_ = op.Where(op.Less(sizes, np.int64(0)), np.int64(most), op.Add(starts, sizes))
    return op.Slice(x, starts, ends_, axes)


@importer("Gather", doc=f"{RAW}/Gather", unused="validate_indices")
def gather(node: ImportedNode, op: Op, x: Value, indices: Value) -> Value:
    return op.Gather(x, indices, axis=0)


@importer("ResourceGather", doc=f"{RAW}/ResourceGather", unused="validate_indices")
def resource_gather(
    node: ImportedNode, op: Op, x: Value, indices: Value, *, batch_dims: int
) -> Value:
    return _gathered(op, x, indices, batch_dims, batch_dims)


@importer("GatherV2", doc=f"{RAW}/GatherV2")
def gather_v2(
    node: ImportedNode, op: Op, x: Value, indices: Value, axis: Value, *, batch_dims: int
) -> Value:
    place = node.axis(node.ints(axis, "its axis")[0], x)
    batch = batch_dims + rank(indices) if batch_dims < 0 else batch_dims
    return _gathered(op, x, indices, place, batch)


def _gathered(op: Op, x: Value, indices: Value, axis: int, batch: int) -> Value:
    """Of each element of the batch, those of an axis."""
    if not batch:
        return op.Gather(x, indices, axis=axis)
    more = rank(indices) - batch
    x = axes_of.moved(op, x, axis, batch)
    y = op.GatherND(x, op.Unsqueeze(int64(op, indices), [-1]), batch_dims=batch)
    before = list(range(batch + more, axis + more))
    order = [*range(batch), *before, *range(batch, batch + more), *range(axis + more, rank(y))]
    return axes_of.transpose(op, y, order)


@importer("GatherNd", doc=f"{RAW}/GatherNd", unused="bad_indices_policy")
def gather_nd(node: ImportedNode, op: Op, x: Value, indices: Value) -> Value:
    return op.GatherND(x, int64(op, indices))


@importer("ScatterNd", doc=f"{RAW}/ScatterNd", unused="bad_indices_policy")
def scatter_nd(node: ImportedNode, op: Op, indices: Value, updates: Value, shape: Value) -> Value:
    """Where a place is named twice, the sum."""
    kind = updates.dtype or ir.DataType.FLOAT
    zero = ir.tensor(np.zeros(1, kind.numpy()), dtype=kind)
    x = op.ConstantOfShape(vector(op, shape), value=zero)
    return op.ScatterND(x, int64(op, indices), updates, reduction="add")


_SCATTERS = {
    "TensorScatterUpdate": None, "TensorScatterAdd": "add", "TensorScatterMax": "max",
    "TensorScatterMin": "min",
}  # fmt: skip


@importer(*_SCATTERS, doc=f"{RAW}/TensorScatterAdd", unused="bad_indices_policy")
def tensor_scatter(node: ImportedNode, op: Op, x: Value, indices: Value, updates: Value) -> Value:
    return op.ScatterND(x, int64(op, indices), updates, reduction=_SCATTERS[node.type])


@importer("TensorScatterSub", doc=f"{RAW}/TensorScatterSub", unused="bad_indices_policy")
def tensor_scatter_sub(
    node: ImportedNode, op: Op, x: Value, indices: Value, updates: Value
) -> Value:
    return op.ScatterND(x, int64(op, indices), op.Neg(updates), reduction="add")


@importer("OneHot", doc=f"{RAW}/OneHot")
def one_hot(
    node: ImportedNode, op: Op, indices: Value, depth: Value, on: Value, off: Value, *, axis: int
) -> Value:
    """Indices out of range, negative ones too, give a row of what is off."""
    places = (
        op.Cast(indices, to=ir.DataType.INT64) if indices.dtype != ir.DataType.INT64 else indices
    )
    count = value_of(op, int64(op, depth))
    if not is_nonnegative(indices):
        places = op.Where(op.Less(places, np.int64(0)), count, places)
    length = op.Reshape(count, [1])
    if on.dtype in {ir.DataType.FLOAT, ir.DataType.INT64}:
        both = [op.Reshape(each, [1]) for each in (off, on)]
        return op.OneHot(places, length, op.Concat(*both, axis=0), axis=axis)
    hot = op.OneHot(places, length, np.asarray([0, 1], np.int64), axis=axis)
    return op.Where(op.Cast(hot, to=ir.DataType.BOOL), on, off)


def _top(op: Op, x: Value, k: Value | np.ndarray, sorted_: bool) -> list[Value]:
    count = k.reshape(1) if isinstance(k, np.ndarray) else op.Reshape(k, [1])
    found, places = op.outputs(2).TopK(x, count, axis=-1, sorted=int(sorted_))
    return [found, op.Cast(places, to=ir.DataType.INT32)]


@importer("TopKV2", doc=f"{RAW}/TopKV2")
def top_k_v2(node: ImportedNode, op: Op, x: Value, k: Value, *, sorted: bool) -> list[Value]:  # noqa: A002
    return _top(op, x, int64(op, k), True)


@importer("TopK", doc=f"{RAW}/TopK", unused="sorted")
def top_k(node: ImportedNode, op: Op, x: Value, *, k: int) -> list[Value]:
    return _top(op, x, np.asarray(k), True)


@importer("InTopK", "InTopKV2", doc=f"{RAW}/InTopKV2")
def in_top_k(node: ImportedNode, op: Op, x: Value, targets: Value, *k: Value) -> Value:
    """Whether fewer than k are larger; never where the target's is not finite."""
    count = k[0] if k else node.builder.constant(node.parameter("k"), np.int64)
    own = op.GatherElements(x, op.Unsqueeze(op.Cast(targets, to=ir.DataType.INT64), [1]), axis=1)
    larger = op.ReduceSum(op.Cast(op.Greater(x, own), to=ir.DataType.INT64), [1], keepdims=0)
    flat = op.Squeeze(own, [1])
    finite = op.Not(op.Or(op.IsInf(flat), op.IsNaN(flat)))
    return op.And(op.Less(larger, value_of(op, int64(op, count))), finite)


@importer("NthElement", doc=f"{RAW}/NthElement")
def nth_element(node: ImportedNode, op: Op, x: Value, n: Value, *, reverse: bool) -> Value:
    place = node.ints(n, "its place")[0]
    found, _ = op.outputs(2).TopK(x, [place + 1], axis=-1, largest=int(reverse), sorted=1)
    return op.Gather(found, np.int64(place), axis=-1)


@importer("Where", doc=f"{RAW}/Where")
def where(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Transpose(op.NonZero(x), perm=[1, 0])


@importer("Unique", doc=f"{RAW}/Unique")
def unique(node: ImportedNode, op: Op, x: Value, *, out_idx: Any) -> list[Value]:
    wide = op.Cast(x, to=ir.DataType.INT64) if x.dtype in _NARROW else x
    found, _, inverse, _ = op.outputs(4).Unique(wide, sorted=0)
    return [as_type(op, found, x.dtype), as_type(op, inverse, out_idx or ir.DataType.INT32)]


_NARROW = {ir.DataType.INT32, ir.DataType.INT16, ir.DataType.UINT8, ir.DataType.UINT16}
"""Types that onnxruntime's Unique does not take."""


@importer("ListDiff", doc=f"{RAW}/ListDiff")
def list_diff(node: ImportedNode, op: Op, x: Value, y: Value, *, out_idx: Any) -> list[Value]:
    """What is in the one and not in the other, and where."""
    same = op.Equal(op.Unsqueeze(x, [1]), op.Unsqueeze(y, [0]))
    count = op.ReduceSum(op.Cast(same, to=ir.DataType.INT64), [1], keepdims=0)
    kept = op.Equal(count, np.int64(0))
    places = op.Squeeze(op.NonZero(kept), [0])
    return [op.Compress(x, kept, axis=0), as_type(op, places, out_idx or ir.DataType.INT32)]


@importer("ReverseV2", doc=f"{RAW}/ReverseV2")
def reverse(node: ImportedNode, op: Op, x: Value, axes: Value) -> Value:
    places = [node.axis(axis, x) for axis in node.ints(axes, "its axes")]
    return axes_of.backwards(op, x, places) if places else x


@importer("Roll", doc=f"{RAW}/Roll")
def roll(node: ImportedNode, op: Op, x: Value, shift: Value, axis: Value) -> Value:
    """What leaves at the end comes in at the beginning."""
    pairs = zip(node.ints(shift, "its shift"), node.ints(axis, "its axis"), strict=True)
    for steps, each in pairs:
        place = node.axis(each, x)
        steps %= known(x, place)
        if steps:
            parts = [op.Slice(x, [-steps], [np.iinfo(np.int64).max], [place])]
            x = op.Concat(*parts, op.Slice(x, [0], [-steps], [place]), axis=place)
    return x


@importer("InvertPermutation", doc=f"{RAW}/InvertPermutation")
def invert_permutation(node: ImportedNode, op: Op, x: Value) -> Value:
    order = numbers(x)
    if order is not None:
        return node.constant(np.argsort(order), x)
    found = op.outputs(2).TopK(x, op.Shape(x), axis=-1, largest=0)[1]
    return as_type(op, found, x.dtype)


@importer("LowerBound", "UpperBound", doc=f"{RAW}/UpperBound")
def bound(node: ImportedNode, op: Op, edges: Value, x: Value, *, out_type: Any) -> Value:
    """How many of the edges are less, or not larger."""
    compare = "Less" if node.type == "LowerBound" else "LessOrEqual"
    before = op[compare](op.Unsqueeze(edges, [1]), op.Unsqueeze(x, [2]))
    count = op.ReduceSum(op.Cast(before, to=ir.DataType.INT64), [2], keepdims=0)
    return as_type(op, count, out_type or ir.DataType.INT32)


@importer("TensorStridedSliceUpdate", doc=f"{RAW}/TensorStridedSliceUpdate")
def strided_slice_update(
    node: ImportedNode, op: Op, x: Value, begin: Value, end: Value, strides: Value, value: Value, *,
    begin_mask: int, end_mask: int, ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> Value:  # fmt: skip
    """The elements of a slice, replaced."""
    masks = Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    bounds = node.ints(begin, "its begin"), node.ints(end, "its end")
    what = slices(rank(x), *bounds, node.ints(strides, "its steps"), masks)
    sizes = static(x)
    index: list[Any] = [slice(None)] * len(sizes)
    for axis, first, last, step in zip(what.axes, what.starts, what.ends, what.steps, strict=True):
        assert first is not None
        assert last is not None
        index[axis] = slice(first, None if step < 0 and last < -sizes[axis] else last, step)
    places = np.arange(math.prod(sizes)).reshape(sizes)[tuple(index)]
    shape = places.squeeze(tuple(what.shrunk)).shape
    values = op.Reshape(op.Expand(value, np.asarray(shape, np.int64)), [-1])
    y = op.ScatterElements(op.Reshape(x, [-1]), places.reshape(-1), values)
    return op.Reshape(y, np.asarray(sizes, np.int64))


_SEGMENTS = {"Sum": "add", "Max": "max", "Min": "min", "Prod": "mul"}


@importer(*(f"UnsortedSegment{kind}" for kind in _SEGMENTS), doc=f"{RAW}/UnsortedSegmentSum")
def unsorted_segment(node: ImportedNode, op: Op, x: Value, ids: Value, count: Value) -> Value:
    """Negative segments are left out; those without elements have the operation's neutral number."""
    kind = node.type.removeprefix("UnsortedSegment")
    return _by_segment(node, op, x, ids, value_of(op, int64(op, count)), kind)


def _by_segment(node: ImportedNode, op: Op, x: Value, ids: Value, count: Value, kind: str) -> Value:
    dtype = (x.dtype or ir.DataType.FLOAT).numpy()
    least, most = (
        (np.finfo(dtype).min, np.finfo(dtype).max) if is_float(x)
        else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    )  # fmt: skip
    neutral = {"Sum": 0, "Prod": 1, "Max": least, "Min": most}[kind]
    fill = ir.tensor(np.full(1, neutral, dtype), dtype=x.dtype)
    places = value_of(op, int64(op, ids))
    if not is_nonnegative(ids):
        places = op.Where(op.Less(places, np.int64(0)), count, places)
    axes = rank(ids)
    one = op.Add(op.Reshape(count, [1]), np.asarray([1], np.int64))
    rest = op.Shape(x, start=axes)
    whole = op.ConstantOfShape(op.Concat(one, rest, axis=0), value=fill)
    y = op.ScatterND(whole, op.Unsqueeze(places, [-1]), x, reduction=_SEGMENTS[kind])
    return op.Slice(y, [0], [-1], [0])


@importer("SegmentSum", "SegmentMean", doc=f"{RAW}/SegmentSum")
def segment(node: ImportedNode, op: Op, x: Value, ids: Value) -> Value:
    return _segments(node, op, x, ids, "Mean" in node.type)


@importer(
    "SparseSegmentSum",
    "SparseSegmentMean",
    doc=f"{RAW}/SparseSegmentMean",
    unused="sparse_gradient",
)
def sparse_segment(node: ImportedNode, op: Op, x: Value, indices: Value, ids: Value) -> Value:
    return _segments(node, op, op.Gather(x, indices, axis=0), ids, "Mean" in node.type)


def _segments(node: ImportedNode, op: Op, x: Value, ids: Value, mean: bool) -> Value:
    places = value_of(op, int64(op, ids))
    count = op.Add(op.ReduceMax(places, keepdims=0), np.int64(1))
    total = _by_segment(node, op, x, ids, count, "Sum")
    if not mean:
        return total
    ones = op.Expand(node.constant(1, x), op.Shape(places))
    sizes = _by_segment(node, op, ones, ids, count, "Sum")
    if rank(x) > 1:
        sizes = op.Unsqueeze(sizes, list(range(1, rank(x))))
    return op.Div(total, op.Max(sizes, node.constant(1, x)))


@importer("ReverseSequence", doc=f"{RAW}/ReverseSequence")
def reverse_sequence(
    node: ImportedNode, op: Op, x: Value, lengths: Value, *, seq_dim: int, batch_dim: int
) -> Value:
    """ONNX's has time and batch first, in either order."""
    time, batch = node.axis(seq_dim, x), node.axis(batch_dim, x)
    rest = [axis for axis in range(rank(x)) if axis not in {time, batch}]
    order = sorted((time, batch)) if {time, batch} == {0, 1} else [time, batch]
    y = axes_of.transpose(op, x, [*order, *rest])
    places = {"time_axis": order.index(time), "batch_axis": order.index(batch)}
    y = op.ReverseSequence(y, int64(op, lengths), **places)
    back = [[*order, *rest].index(axis) for axis in range(rank(x))]
    return axes_of.transpose(op, y, back)
