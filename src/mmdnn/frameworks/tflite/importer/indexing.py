"""Parts of tensors, and where numbers go (tensorflow/lite/kernels/gather.cc, strided_slice.cc, ...)."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tflite import _schema
from mmdnn.frameworks.tflite.importer.table import (
    DOC,
    ImportedNode,
    Value,
    as_type,
    importer,
    is_float,
    like,
)
from mmdnn.ir.axes import backwards
from mmdnn.ir.builder import Op, dimensions, known, rank, static
from mmdnn.ir.folding import int64, vector
from mmdnn.ir.strided import Masks, sliced


def _value(node: ImportedNode, x: Value | np.ndarray) -> Value:
    return x if isinstance(x, Value) else node.builder.constant(x)


@importer("STRIDED_SLICE", doc=DOC)
def strided_slice(
    node: ImportedNode, op: Op, x: Value, begin: Value, end: Value, strides: Value, *,
    begin_mask: int, end_mask: int, ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> Value:  # fmt: skip
    """With `offset`, what it ends with is counted from where it begins."""
    first, last = (_value(node, vector(op, each)) for each in (begin, end))
    if node.parameter("offset"):
        last = op.Add(first, last)
    masks = Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    return sliced(op, x, first, last, node.ints(strides, "its strides"), masks)


@importer("SLICE", doc=DOC)
def slice_(node: ImportedNode, op: Op, x: Value, begin: Value, size: Value) -> Value:
    """A size of -1 is all that is left."""
    first, count = vector(op, begin), vector(op, size)
    if isinstance(first, np.ndarray) and isinstance(count, np.ndarray):
        last = np.where(count < 0, np.iinfo(np.int64).max, first + count)
        return op.Slice(x, first, last, list(range(rank(x))))
    rest = op.Less(_value(node, count), np.int64(0))
    ends = op.Where(rest, np.int64(np.iinfo(np.int64).max), op.Add(_value(node, first), count))
    return op.Slice(x, first, ends, list(range(rank(x))))


@importer("GATHER", doc=DOC)
def gather(
    node: ImportedNode, op: Op, x: Value, indices: Value, *, axis: int, batch_dims: int
) -> Value:
    """Leading axes may belong to both: an element of the batch is looked up in its own rows."""
    place, index = node.axis(axis, x), _value(node, int64(op, indices))
    batch = batch_dims + rank(index) if batch_dims < 0 else batch_dims
    if not batch:
        return op.Gather(x, index, axis=place)
    sizes = static(x)
    rows = int(np.prod(sizes[:batch]))
    rest, inner = sizes[batch:place], sizes[place + 1 :]
    count = int(np.prod(static(index)[batch:]))
    flat = op.Reshape(x, [rows, int(np.prod(rest)), sizes[place], int(np.prod(inner))])
    where = op.Reshape(index, [rows, 1, count, 1])
    where = op.Expand(where, [rows, int(np.prod(rest)), count, int(np.prod(inner))])
    found = op.GatherElements(flat, where, axis=2)
    return op.Reshape(found, [*sizes[:batch], *rest, *static(index)[batch:], *inner])


@importer("GATHER_ND", doc=DOC)
def gather_nd(node: ImportedNode, op: Op, x: Value, indices: Value) -> Value:
    return op.GatherND(x, int64(op, indices))


@importer("EMBEDDING_LOOKUP", doc=DOC)
def embedding_lookup(node: ImportedNode, op: Op, ids: Value, x: Value) -> Value:
    """The indices are the first input."""
    return op.Gather(x, int64(op, ids), axis=0)


@importer("REVERSE_V2", doc=DOC)
def reverse(node: ImportedNode, op: Op, x: Value, axes: Value) -> Value:
    return backwards(op, x, [node.axis(axis, x) for axis in node.ints(axes, "its axes")])


@importer("ONE_HOT", doc=DOC)
def one_hot(
    node: ImportedNode, op: Op, indices: Value, depth: Value, on: Value, off: Value, *, axis: int
) -> Value:
    """What is out of range is nowhere, also below 0, which ONNX counts from the end."""
    place = rank(indices) if axis == -1 else axis
    count = node.ints(depth, "its depth")[0]
    steps = np.arange(count).reshape(-1, *[1] * (rank(indices) - place))
    index = op.Unsqueeze(indices, [place])
    return op.Where(op.Equal(index, like(steps, index)), on, off)


@importer("TOPK_V2", doc=DOC)
def top_k(node: ImportedNode, op: Op, x: Value, k: Value) -> list[Value]:
    count = op.Reshape(int64(op, k), [1]) if k.const_value is None else node.ints(k)
    found, places = op.outputs(2).TopK(x, count, axis=-1, largest=1, sorted=1)
    return [found, as_type(op, places, node.results[1].dtype)]


@importer("SCATTER_ND", doc=DOC)
def scatter_nd(node: ImportedNode, op: Op, indices: Value, x: Value, shape: Value) -> Value:
    """What goes to one place is added."""
    zeros = op.Expand(like(0, x), vector(op, shape))
    return op.ScatterND(zeros, int64(op, indices), x, reduction="add")


@importer("SPARSE_TO_DENSE", doc=DOC, unused="validate_indices")
def sparse_to_dense(
    node: ImportedNode, op: Op, indices: Value, shape: Value, x: Value, default: Value
) -> Value:
    places = _value(node, int64(op, indices))
    size = vector(op, shape)
    if rank(places) == 0:
        places = op.Reshape(places, [1, 1])
    elif rank(places) == 1:
        places = op.Unsqueeze(places, [1])
    if rank(x) == 0:
        x = op.Expand(x, [known(places, 0)])
    return op.ScatterND(op.Expand(default, size), places, x)


@importer("DYNAMIC_UPDATE_SLICE", doc=DOC)
def dynamic_update_slice(
    node: ImportedNode, op: Op, x: Value, update: Value, start: Value
) -> Value:
    """Where it would not fit, it begins earlier; each axis of what is put in is a range of places."""
    sizes, inner = static(x), static(update)
    most = np.asarray([a - b for a, b in zip(sizes, inner, strict=True)], np.int64)
    begin = op.Min(op.Max(_value(node, vector(op, start)), np.int64(0)), most)
    steps = np.stack(np.meshgrid(*map(np.arange, inner), indexing="ij"), -1).astype(np.int64)
    return op.ScatterND(x, op.Add(begin, steps), update)


@importer("REVERSE_SEQUENCE", doc=DOC)
def reverse_sequence(
    node: ImportedNode, op: Op, x: Value, lengths: Value, *, seq_dim: int, batch_dim: int
) -> Value:
    """ONNX wants one of both axes first and the other second."""
    order = [batch_dim, seq_dim, *(i for i in range(rank(x)) if i not in (batch_dim, seq_dim))]
    y = op.Transpose(x, perm=order)
    y = op.ReverseSequence(y, int64(op, lengths), batch_axis=0, time_axis=1)
    return op.Transpose(y, perm=[order.index(axis) for axis in range(rank(x))])


@importer("UNIQUE", doc=DOC)
def unique(node: ImportedNode, op: Op, x: Value, *, idx_out_type: int) -> list[Value]:
    """In the order in which they are first seen."""
    wide = x if is_float(x) else op.Cast(x, to=ir.DataType.INT64)
    found, _, places = op.outputs(3).Unique(wide, sorted=0)
    return [as_type(op, found, x.dtype), as_type(op, places, _schema.TYPES.get(idx_out_type))]


@importer("MATRIX_DIAG", doc=DOC)
def matrix_diag(node: ImportedNode, op: Op, x: Value) -> Value:
    size = known(x, rank(x) - 1)
    return op.Where(np.eye(size, dtype=bool), op.Unsqueeze(x, [rank(x) - 1]), like(0, x))


@importer("MATRIX_SET_DIAG", doc=DOC)
def matrix_set_diag(node: ImportedNode, op: Op, x: Value, diagonal: Value) -> Value:
    rows, columns = (known(x, rank(x) - place) for place in (2, 1))
    missing = columns - min(rows, columns)
    if missing:
        pads = [0] * (2 * rank(diagonal) - 1) + [missing]
        diagonal = op.Pad(diagonal, np.asarray(pads, np.int64))
    flags = np.eye(rows, columns, dtype=bool)
    return op.Where(flags, op.Unsqueeze(diagonal, [rank(diagonal) - 1]), x)


@importer("SEGMENT_SUM", doc=DOC)
def segment_sum(node: ImportedNode, op: Op, x: Value, ids: Value) -> Value:
    """The ids are sorted; the last one says how many rows there are."""
    count = node.ints(ids, "its segments")[-1] + 1
    zeros = op.Expand(like(0, x), _value(node, np.asarray([count, *static(x)[1:]], np.int64)))
    places = op.Unsqueeze(int64(op, ids), [1])
    return op.ScatterND(zeros, places, x, reduction="add")


_UNSORTED = {
    "UNSORTED_SEGMENT_SUM": "add", "UNSORTED_SEGMENT_PROD": "mul",
    "UNSORTED_SEGMENT_MAX": "max", "UNSORTED_SEGMENT_MIN": "min",
}  # fmt: skip


@importer(*_UNSORTED, doc=DOC)
def unsorted_segment(node: ImportedNode, op: Op, x: Value, ids: Value, number: Value) -> Value:
    """Ids below 0 are left out: they go to a row of their own, which is cut off."""
    count = node.ints(number, "the number of its segments")[0]
    floats = x.dtype is None or x.dtype.is_floating_point()
    limits = np.finfo(np.float32) if floats else np.iinfo(like(0, x).dtype)
    start = {"add": 0, "mul": 1, "max": limits.min, "min": limits.max}[_UNSORTED[node.type]]
    shape = static(x)[rank(ids) :]
    rows = op.Expand(like(start, x), np.asarray([count + 1, *shape], np.int64))
    places = _value(node, int64(op, ids))
    places = op.Where(op.Less(places, np.int64(0)), np.int64(count), places)
    found = op.ScatterND(rows, op.Unsqueeze(places, [rank(ids)]), x, reduction=_UNSORTED[node.type])
    return op.Slice(found, [0], [count], [0])


@importer("BUCKETIZE", doc=DOC)
def bucketize(node: ImportedNode, op: Op, x: Value) -> Value:
    """How many boundaries are not above a number."""
    bounds = np.asarray(node.parameter("boundaries"), np.float32)
    numbers = op.Unsqueeze(op.Cast(x, to=ir.DataType.FLOAT), [rank(x)])
    below = op.Cast(op.GreaterOrEqual(numbers, bounds), to=ir.DataType.INT32)
    return op.ReduceSum(below, [rank(x)], keepdims=0)


@importer("STABLEHLO_SLICE", doc=DOC)
def stablehlo_slice(node: ImportedNode, op: Op, x: Value) -> Value:
    names = ("start_indices", "limit_indices", "strides")
    starts, ends, steps = (np.asarray(node.parameter(name), np.int64) for name in names)
    return op.Slice(x, starts, ends, list(range(len(dimensions(x)))), steps)
