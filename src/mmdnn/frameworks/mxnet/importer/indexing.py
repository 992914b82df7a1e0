"""Looking up, slicing and sorting (src/operator/tensor/indexing_op.cc, matrix_op.cc, ordering_op.cc).

Places may be given as floats: their fraction is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.comparison import truth
from mmdnn.frameworks.mxnet.importer.dtypes import array, cast, choose, named
from mmdnn.frameworks.mxnet.importer.table import NN, NP, ImportedNode, Ints, importer
from mmdnn.ir import LIKE
from mmdnn.ir.axes import along, backwards, reshape, transpose
from mmdnn.ir.builder import Op, dimensions, known, rank

FARTHEST = np.iinfo(np.int64)

INT = ir.DataType.INT64


def size_of(op: Op, x: ir.Value, axis: int) -> ir.Value | np.generic:
    """The size of an axis as a scalar."""
    dim = dimensions(x)[axis]
    if isinstance(dim, int):
        return np.int64(dim)
    return op.Squeeze(op.Shape(x, start=axis, end=axis + 1), [0])


def bounded(op: Op, index: ir.Value, x: ir.Value, axis: int, mode: str) -> ir.Value:
    """Places along an axis of x as whole numbers, clipped or taken modulo its size."""
    places = cast(op, index, INT)
    size = size_of(op, x, axis)
    if mode == "wrap":
        return op.Mod(places, size)
    if mode == "raise":
        return places
    last = size - np.int64(1) if isinstance(size, np.int64) else op.Sub(size, np.int64(1))
    return op.Clip(places, np.int64(0), last)


@importer("take", doc=f"{NN}.take")
def take(node: ImportedNode, op: Op, x: ir.Value, index: ir.Value) -> ir.Value:
    axis = node.axis(node.p.axis, x)
    return op.Gather(x, bounded(op, index, x, axis, node.p.mode), axis=axis)


@importer(
    "Embedding",
    "_contrib_SparseEmbedding",
    doc=f"{NN}.Embedding",
    unused="input_dim output_dim dtype",
)
def embedding(node: ImportedNode, op: Op, index: ir.Value, weight: ir.Value) -> ir.Value:
    return op.Gather(weight, bounded(op, index, weight, 0, "clip"), axis=0)


@importer("batch_take", doc=f"{NN}.batch_take")
def batch_take(_node: ImportedNode, op: Op, x: ir.Value, index: ir.Value) -> ir.Value:
    """One element of each row."""
    places = bounded(op, reshape(op, index, [-1]), x, 1, "clip")
    y = op.Squeeze(op.GatherElements(x, op.Unsqueeze(places, [1]), axis=1), [1])
    return op.Reshape(y, op.Shape(index)) if rank(index) != 1 else y


@importer("one_hot", doc=f"{NN}.one_hot")
def one_hot(node: ImportedNode, op: Op, index: ir.Value) -> ir.Value:
    """A place beyond the depth gives nothing but `off_value`."""
    p = node.p
    dtype = (named(p.dtype) or ir.DataType.FLOAT).numpy()
    places = op.Unsqueeze(cast(op, index, INT), [-1])
    hit = op.Equal(places, np.arange(p.depth, dtype=np.int64))
    return choose(
        op, hit, np.asarray(p.on_value).astype(dtype), np.asarray(p.off_value).astype(dtype)
    )


@importer("gather_nd", doc=f"{NN}.gather_nd")
def gather_nd(_node: ImportedNode, op: Op, x: ir.Value, index: ir.Value) -> ir.Value:
    """The first axis of the places goes over the axes of x; negative places go round."""
    count = known(index, 0)
    last = transpose(op, cast(op, index, INT), [*range(1, rank(index)), 0])
    sizes = [size_of(op, x, axis) for axis in range(count)]
    if all(isinstance(size, np.int64) for size in sizes):
        last = op.Mod(last, np.asarray(sizes, np.int64))
    else:
        last = op.Mod(last, op.Shape(x, end=count))
    return op.GatherND(x, last)


@importer("scatter_nd", doc=f"{NN}.scatter_nd")
def scatter_nd(node: ImportedNode, op: Op, x: ir.Value, index: ir.Value) -> ir.Value:
    last = transpose(op, cast(op, index, INT), [*range(1, rank(index)), 0])
    zeros = op.Expand(array(0, x), np.asarray(node.p.shape, np.int64))
    return op.ScatterND(zeros, last, x)


@importer("_scatter_set_nd", doc=f"{NN}.scatter_nd", unused="shape")
def scatter_set_nd(
    node: ImportedNode, op: Op, target: ir.Value, x: ir.Value, index: ir.Value
) -> ir.Value:
    last = transpose(op, cast(op, index, INT), [*range(1, rank(index)), 0])
    return op.ScatterND(target, last, x)


@importer("_contrib_boolean_mask", doc=f"{NN}.contrib.boolean_mask")
def boolean_mask(node: ImportedNode, op: Op, x: ir.Value, mask: ir.Value, *, axis: int) -> ir.Value:
    return op.Compress(x, truth(op, mask), axis=node.axis(axis, x))


@importer("_contrib_index_copy", doc=f"{NN}.contrib.index_copy")
def index_copy(
    _node: ImportedNode, op: Op, x: ir.Value, index: ir.Value, new: ir.Value
) -> ir.Value:
    return op.ScatterND(x, op.Unsqueeze(cast(op, index, INT), [1]), new)


@importer("_ravel_multi_index", doc=f"{NN}.ravel_multi_index")
def ravel(node: ImportedNode, op: Op, x: ir.Value, *, shape: Ints) -> ir.Value:
    """Rows of places, one row an axis, to places in the flattened array."""
    sizes = np.asarray(shape, np.float64)
    steps = array(np.append(np.cumprod(sizes[:0:-1])[::-1], 1), x)
    return op.Reshape(op.MatMul(steps[None], op.Reshape(x, [len(steps), -1])), op.Shape(x, start=1))


@importer("_unravel_index", doc=f"{NN}.unravel_index")
def unravel(node: ImportedNode, op: Op, x: ir.Value, *, shape: Ints) -> ir.Value:
    sizes = list(shape)
    rest, rows = cast(op, x, INT), []
    for size in sizes[:0:-1]:
        rows.append(op.Mod(rest, np.int64(size)))
        rest = op.Div(rest, np.int64(size))
    rows.append(rest)
    stacked = op.Concat(*(op.Unsqueeze(row, [0]) for row in rows[::-1]), axis=0)
    return cast(op, stacked, x.dtype)


@importer("slice", doc=f"{NN}.slice")
def slice_(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
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


@importer("Crop", doc=f"{NN}.Crop")
def crop(node: ImportedNode, op: Op, x: ir.Value, *like: ir.Value) -> ir.Value:
    """To `h_w`, or the size of a second input; from `offset`, or from the middle."""
    p = node.p
    size = [known(like[0], 2), known(like[0], 3)] if like else list(p.h_w)
    offset = list(p.offset)
    if p.center_crop:
        offset = [(known(x, axis) - n) // 2 for axis, n in zip((2, 3), size, strict=True)]
    ends = [start + n for start, n in zip(offset, size, strict=True)]
    if any(end > known(x, axis) for axis, end in zip((2, 3), ends, strict=True)):
        node.unfit(f"a crop of {size} from {offset} does not fit")
    y = op.Slice(x, offset, ends, [2, 3])
    producer = y.producer()
    if like and producer is not None:
        producer.metadata_props[LIKE] = str(like[0].name)
    return y


@importer("slice_axis", doc=f"{NN}.slice_axis")
def slice_axis(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    p = node.p
    end = FARTHEST.max if p.end is None else p.end
    return op.Slice(x, [p.begin], [end], [node.axis(p.axis, x)])


@importer("slice_like", doc=f"{NN}.slice_like")
def slice_like(node: ImportedNode, op: Op, x: ir.Value, like: ir.Value, *, axes: Ints) -> ir.Value:
    along = [node.axis(axis, x) for axis in axes] or list(range(rank(x)))
    dims = dimensions(like)
    if all(isinstance(dims[axis], int) for axis in along):
        ends: Any = [dims[axis] for axis in along]
    else:
        ends = op.Gather(op.Shape(like), np.asarray(along, np.int64))
    y = op.Slice(x, [0] * len(along), ends, along)
    y.shape = ir.Shape([dims[i] if i in along else dim for i, dim in enumerate(dimensions(x))])
    return y


@importer("_slice_assign", doc=f"{NN}.slice")
def slice_assign(node: ImportedNode, op: Op, x: ir.Value, new: ir.Value) -> ir.Value:
    return _assign(node, op, x, new)


@importer("_slice_assign_scalar", doc=f"{NN}.slice")
def slice_assign_scalar(node: ImportedNode, op: Op, x: ir.Value, *, scalar: float) -> ir.Value:
    return _assign(node, op, x, array(scalar, x))


def _assign(node: ImportedNode, op: Op, x: ir.Value, new: Any) -> ir.Value:
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
def index_array(node: ImportedNode, op: Op, x: ir.Value, *, axes: Ints | None) -> ir.Value:
    sizes = [known(x, axis) for axis in range(rank(x))]
    along = [node.axis(axis, x) for axis in axes or range(rank(x))]
    grid = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), -1)[..., along]
    return op.Identity(op.builder.constant(grid.astype(np.int64)))


@importer("reverse", "_npi_flip", doc=f"{NN}.reverse")
def reverse(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    return backwards(op, x, [node.axis(axis, x) for axis in node.p.axis or range(rank(x))])


@importer("_np_roll", doc=f"{NN}.roll")
def roll(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """Elements shifted round along axes, or of the flattened array."""
    shifts, axes = list(node.p.shift or ()), node.p.axis
    if axes is None:
        y = _rolled(op, reshape(op, x, [tuple(range(rank(x)))]), shifts[0], 0)
        return op.Reshape(y, op.Shape(x))
    shifts = shifts * len(axes) if len(shifts) == 1 else shifts
    for shift, axis in zip(shifts, axes, strict=True):
        x = _rolled(op, x, shift, node.axis(axis, x))
    return x


def _rolled(op: Op, x: ir.Value, shift: int, axis: int) -> ir.Value:
    shift %= known(x, axis)
    parts = [known(x, axis) - shift, shift]
    if not shift:
        return x
    first, last = op.outputs(2).Split(x, np.asarray(parts, np.int64), axis=axis)
    return op.Concat(last, first, axis=axis)


@importer("topk", doc=f"{NN}.topk")
def topk(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value | tuple[ir.Value, ir.Value]:
    """The k largest or smallest: values, places, both, or a mask of where they are."""
    p = node.p
    dtype = named(p.dtype)
    flattened = p.axis is None
    y, axis = along(node, op, x, node.p.axis)
    values, places = _sorted(op, y, axis, p.k, not p.is_ascend)
    if p.ret_typ == "mask":
        zeros = op.Sub(y, y)
        ones = op.Add(op.Sub(values, values), array(1, x))
        mask = op.ScatterElements(zeros, places, ones, axis=axis)
        return op.Reshape(mask, op.Shape(x)) if flattened else mask
    if p.ret_typ == "indices":
        return cast(op, places, dtype)
    return values if p.ret_typ == "value" else (values, cast(op, places, dtype))


def _sorted(op: Op, x: ir.Value, axis: int, k: int, largest: bool) -> tuple[ir.Value, ir.Value]:
    size = op.Shape(x, start=axis, end=axis + 1) if k <= 0 else np.asarray([k], np.int64)
    dims = list(x.shape or ())
    if k <= 0 and isinstance(dims[axis], int):
        size = np.asarray([dims[axis]], np.int64)
    values, places = op.outputs(2).TopK(x, size, axis=axis, largest=int(largest))
    return values, places


@importer("sort", doc=f"{NN}.sort")
def sort(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    return _ordered(node, op, x)[0]


@importer("argsort", doc=f"{NN}.argsort")
def argsort(node: ImportedNode, op: Op, x: ir.Value, *, dtype: str) -> ir.Value:
    return cast(op, _ordered(node, op, x)[1], named(dtype))


def _ordered(node: ImportedNode, op: Op, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    y, axis = along(node, op, x, node.p.axis)
    return _sorted(op, y, axis, 0, not node.p.is_ascend)


@importer("pick", doc=f"{NN}.pick")
def pick(node: ImportedNode, op: Op, x: ir.Value, index: ir.Value) -> ir.Value:
    """One element along an axis for each place; places beyond it are clipped or go round."""
    p = node.p
    axis = node.axis(-1 if p.axis is None else p.axis, x)
    if p.axis is None:
        node.refuse("no axis")
    places = bounded(op, index, x, axis, p.mode)
    if rank(index) == rank(x) - 1:
        places = op.Unsqueeze(places, [axis])
    y = op.GatherElements(x, places, axis=axis)
    if p.keepdims:
        return y
    y = op.Squeeze(y, [axis])
    return op.Reshape(y, [1]) if rank(x) == 1 and not node.numpy else y


@importer("_npi_diff", doc=f"{NP}.diff.html")
def diff(node: ImportedNode, op: Op, x: ir.Value, *, axis: int, n: int) -> ir.Value:
    axis = node.axis(axis, x)
    for _ in range(n):
        later = op.Slice(x, [1], [np.iinfo(np.int64).max], [axis])
        x = op.Sub(later, op.Slice(x, [0], [-1], [axis]))
    return x
