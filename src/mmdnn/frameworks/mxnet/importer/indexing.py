"""Looking up, slicing and masking (src/operator/tensor/indexing_op.cc, matrix_op.cc, sequence_*.cc).

Places may be given as floats: their fraction is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import NN
from mmdnn.frameworks.mxnet.importer.dtypes import array, cast, choose, named
from mmdnn.frameworks.mxnet.importer.shapes import known, rank, reshape, transpose
from mmdnn.frameworks.mxnet.importer.table import Importing, importer
from mmdnn.ir.builder import dimensions

FARTHEST = np.iinfo(np.int64)
INT = ir.DataType.INT64


def _size(op: Any, x: ir.Value, axis: int) -> Any:
    """The size of an axis as a scalar."""
    dim = dimensions(x)[axis]
    if isinstance(dim, int):
        return np.int64(dim)
    return op.Squeeze(op.Shape(x, start=axis, end=axis + 1), [0])


def bounded(op: Any, index: ir.Value, x: ir.Value, axis: int, mode: str) -> ir.Value:
    """Places along an axis of x as whole numbers, clipped or taken modulo its size."""
    places = cast(op, index, INT)
    size = _size(op, x, axis)
    if mode == "wrap":
        return op.Mod(places, size)
    if mode == "raise":
        return places
    last = size - np.int64(1) if isinstance(size, np.int64) else op.Sub(size, np.int64(1))
    return op.Clip(places, np.int64(0), last)


@importer("take", doc=f"{NN}.take")
def take(node: Importing, op: Any, x: ir.Value, index: ir.Value) -> ir.Value:
    axis = node.axis(node.p.axis, x)
    return op.Gather(x, bounded(op, index, x, axis, node.p.mode), axis=axis)


@importer("Embedding", "_contrib_SparseEmbedding", doc=f"{NN}.Embedding")
def embedding(node: Importing, op: Any, index: ir.Value, weight: ir.Value) -> ir.Value:
    _ = node.p.input_dim, node.p.output_dim, node.p.dtype
    return op.Gather(weight, bounded(op, index, weight, 0, "clip"), axis=0)


@importer("batch_take", doc=f"{NN}.batch_take")
def batch_take(_node: Importing, op: Any, x: ir.Value, index: ir.Value) -> ir.Value:
    """One element of each row."""
    places = bounded(op, reshape(op, index, [-1]), x, 1, "clip")
    y = op.Squeeze(op.GatherElements(x, op.Unsqueeze(places, [1]), axis=1), [1])
    return op.Reshape(y, op.Shape(index)) if rank(index) != 1 else y


@importer("one_hot", doc=f"{NN}.one_hot")
def one_hot(node: Importing, op: Any, index: ir.Value) -> ir.Value:
    """A place beyond the depth gives nothing but `off_value`."""
    p = node.p
    dtype = (named(p.dtype) or ir.DataType.FLOAT).numpy()
    places = op.Unsqueeze(cast(op, index, INT), [-1])
    hit = op.Equal(places, np.arange(p.depth, dtype=np.int64))
    return choose(
        op, hit, np.asarray(p.on_value).astype(dtype), np.asarray(p.off_value).astype(dtype)
    )


@importer("gather_nd", doc=f"{NN}.gather_nd")
def gather_nd(node: Importing, op: Any, x: ir.Value, index: ir.Value) -> ir.Value:
    """The first axis of the places goes over the axes of x; negative places go round."""
    count = known(index, 0)
    last = transpose(op, cast(op, index, INT), [*range(1, rank(index)), 0])
    sizes = [_size(op, x, axis) for axis in range(count)]
    if all(isinstance(size, np.int64) for size in sizes):
        last = op.Mod(last, np.asarray(sizes, np.int64))
    else:
        last = op.Mod(last, op.Shape(x, end=count))
    del node
    return op.GatherND(x, last)


@importer("scatter_nd", doc=f"{NN}.scatter_nd")
def scatter_nd(node: Importing, op: Any, x: ir.Value, index: ir.Value) -> ir.Value:
    last = transpose(op, cast(op, index, INT), [*range(1, rank(index)), 0])
    zeros = op.Expand(array(0, x), np.asarray(node.p.shape, np.int64))
    return op.ScatterND(zeros, last, x)


@importer("_scatter_set_nd", doc=f"{NN}.scatter_nd")
def scatter_set_nd(
    node: Importing, op: Any, target: ir.Value, x: ir.Value, index: ir.Value
) -> ir.Value:
    _ = node.p.shape
    last = transpose(op, cast(op, index, INT), [*range(1, rank(index)), 0])
    return op.ScatterND(target, last, x)


@importer("where", "_npi_where", doc=f"{NN}.where")
def where(node: Importing, op: Any, condition: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
    """A condition with one axis chooses rows."""
    chosen = _truth(op, condition)
    if rank(condition) == 1 and rank(a) > 1 and node.type == "where":
        chosen = op.Unsqueeze(chosen, list(range(1, rank(a))))
    return choose(op, chosen, a, b)


def _truth(op: Any, x: ir.Value) -> ir.Value:
    return x if x.dtype == ir.DataType.BOOL else op.Not(op.Equal(x, array(0, x)))


@importer("_npi_where_lscalar", "_npi_where_rscalar", doc=f"{NN}.where")
def where_scalar(node: Importing, op: Any, condition: ir.Value, x: ir.Value) -> ir.Value:
    number = array(node.p.scalar, x)
    both = (number, x) if node.type.endswith("lscalar") else (x, number)
    return choose(op, _truth(op, condition), *both)


@importer("_contrib_boolean_mask", doc=f"{NN}.contrib.boolean_mask")
def boolean_mask(node: Importing, op: Any, x: ir.Value, mask: ir.Value) -> ir.Value:
    return op.Compress(x, _truth(op, mask), axis=node.axis(node.p.axis, x))


@importer("_contrib_index_copy", doc=f"{NN}.contrib.index_copy")
def index_copy(_node: Importing, op: Any, x: ir.Value, index: ir.Value, new: ir.Value) -> ir.Value:
    return op.ScatterND(x, op.Unsqueeze(cast(op, index, INT), [1]), new)


@importer("_ravel_multi_index", doc=f"{NN}.ravel_multi_index")
def ravel(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """Rows of places, one row an axis, to places in the flattened array."""
    sizes = np.asarray(node.p.shape, np.float64)
    steps = array(np.append(np.cumprod(sizes[:0:-1])[::-1], 1), x)
    return op.Reshape(op.MatMul(steps[None], op.Reshape(x, [len(steps), -1])), _tail(op, x))


def _tail(op: Any, x: ir.Value) -> Any:
    return op.Shape(x, start=1)


@importer("_unravel_index", doc=f"{NN}.unravel_index")
def unravel(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    sizes = list(node.p.shape)
    rest, rows = cast(op, x, INT), []
    for size in sizes[:0:-1]:
        rows.append(op.Mod(rest, np.int64(size)))
        rest = op.Div(rest, np.int64(size))
    rows.append(rest)
    stacked = op.Concat(*(op.Unsqueeze(row, [0]) for row in rows[::-1]), axis=0)
    return cast(op, stacked, x.dtype)


@importer("slice", doc=f"{NN}.slice")
def slice_(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """Begin and end by axis, None for "from the start" and "to the end"."""
    p = node.p
    return op.Slice(x, *slices(p.begin, p.end, p.step))


def slices(
    begin: Sequence[int | None], end: Sequence[int | None], step: Sequence[int | None]
) -> list[list[int]]:
    """Starts, ends, axes and steps for ONNX."""
    steps = [1 if s is None else s for s in step] or [1] * len(begin)
    starts = [(0 if s > 0 else -1) if b is None else b for b, s in zip(begin, steps, strict=True)]
    ends = [
        (FARTHEST.max if s > 0 else FARTHEST.min) if e is None else e
        for e, s in zip(end, steps, strict=True)
    ]
    return [starts, ends, list(range(len(starts))), steps]


@importer("slice_axis", doc=f"{NN}.slice_axis")
def slice_axis(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    p = node.p
    end = FARTHEST.max if p.end is None else p.end
    return op.Slice(x, [p.begin], [end], [node.axis(p.axis, x)])


@importer("slice_like", doc=f"{NN}.slice_like")
def slice_like(node: Importing, op: Any, x: ir.Value, like: ir.Value) -> ir.Value:
    axes = [node.axis(axis, x) for axis in node.p.axes] or list(range(rank(x)))
    dims = dimensions(like)
    if all(isinstance(dims[axis], int) for axis in axes):
        ends: Any = [dims[axis] for axis in axes]
    else:
        ends = op.Gather(op.Shape(like), np.asarray(axes, np.int64))
    y = op.Slice(x, [0] * len(axes), ends, axes)
    y.shape = ir.Shape([dims[i] if i in axes else dim for i, dim in enumerate(dimensions(x))])
    return y


@importer("_slice_assign", doc=f"{NN}.slice")
def slice_assign(node: Importing, op: Any, x: ir.Value, new: ir.Value) -> ir.Value:
    return _assign(node, op, x, new)


@importer("_slice_assign_scalar", doc=f"{NN}.slice")
def slice_assign_scalar(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return _assign(node, op, x, array(node.p.scalar, x))


def _assign(node: Importing, op: Any, x: ir.Value, new: Any) -> ir.Value:
    """Places numbered, cut out in the same way, and written to."""
    p = node.p
    sizes = [known(x, axis) for axis in range(rank(x))]
    numbers = np.arange(np.prod(sizes)).reshape(sizes)
    steps = list(p.step) or [None] * len(p.begin)
    chosen = numbers[tuple(slice(*each) for each in zip(p.begin, p.end, steps, strict=True))]
    flat = op.Reshape(x, [-1])
    places = chosen.reshape(-1, 1).astype(np.int64)
    new = op.Reshape(op.Expand(new, np.asarray(chosen.shape, np.int64)), [-1])
    return op.Reshape(op.ScatterND(flat, places, new), np.asarray(sizes, np.int64))


@importer("_contrib_index_array", doc=f"{NN}.contrib.index_array")
def index_array(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    sizes = [known(x, axis) for axis in range(rank(x))]
    axes = [node.axis(axis, x) for axis in node.p.axes or range(rank(x))]
    grid = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), -1)[..., axes]
    return op.Identity(op.builder.constant(grid.astype(np.int64)))


def _lengths(op: Any, length: ir.Value, axes: list[int]) -> ir.Value:
    return op.Unsqueeze(cast(op, length, INT), axes)


def _places(op: Any, x: ir.Value, axis: int) -> Any:
    """0, 1, ... along the first axes, shaped to broadcast over axes 0 and 1."""
    dim = dimensions(x)[axis]
    numbers: Any = (
        np.arange(dim, dtype=np.int64)
        if isinstance(dim, int)
        else op.Range(np.int64(0), _size(op, x, axis), np.int64(1))
    )
    if isinstance(numbers, np.ndarray):
        return numbers[:, None] if axis == 0 else numbers[None]
    return op.Unsqueeze(numbers, [1 - axis])


def _inside(op: Any, x: ir.Value, length: ir.Value, axis: int) -> ir.Value:
    """Which places lie before each sequence's length, over all axes of x."""
    inside = op.Less(_places(op, x, axis), _lengths(op, length, [axis]))
    return op.Unsqueeze(inside, list(range(2, rank(x)))) if rank(x) > 2 else inside


@importer("SequenceMask", doc=f"{NN}.SequenceMask")
def sequence_mask(node: Importing, op: Any, x: ir.Value, *length: ir.Value) -> ir.Value:
    """Places after each sequence's length are given a value."""
    p = node.p
    _ = p.value, p.axis
    if not p.use_sequence_length:
        return op.Identity(x)
    return choose(op, _inside(op, x, length[0], p.axis), x, array(p.value, x))


@importer("SequenceLast", doc=f"{NN}.SequenceLast")
def sequence_last(node: Importing, op: Any, x: ir.Value, *length: ir.Value) -> ir.Value:
    p = node.p
    axis = p.axis
    if not p.use_sequence_length:
        return op.Gather(x, np.int64(-1), axis=axis)
    last = op.Sub(cast(op, length[0], INT), np.int64(1))
    batch_first = transpose(op, x, [1, 0, *range(2, rank(x))]) if axis == 0 else x
    return op.GatherND(batch_first, op.Unsqueeze(last, [1]), batch_dims=1)


@importer("SequenceReverse", doc=f"{NN}.SequenceReverse")
def sequence_reverse(node: Importing, op: Any, x: ir.Value, *length: ir.Value) -> ir.Value:
    """Along the first axis, each sequence within its length."""
    if node.p.axis != 0:
        node.unfit("the sequence's axis can only be 0")
    if not node.p.use_sequence_length:
        return op.Slice(x, [-1], [FARTHEST.min], [0], [-1])
    return op.ReverseSequence(x, cast(op, length[0], INT), time_axis=0, batch_axis=1)
