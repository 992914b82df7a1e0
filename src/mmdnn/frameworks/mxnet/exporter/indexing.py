"""Picking elements: by places, by slices, by size."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.creation import counted
from mmdnn.frameworks.mxnet.exporter.pad import NONE
from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer
from mmdnn.ir import LIKE
from mmdnn.ir.values import is_zero
from mmdnn.shapes import closed

EMBEDDINGS = {"Embed", "Embedding"}
"""Layers of Caffe, and what they were in MXNet, that refuse negative indices."""


@exporter("Gather", doc="Gather")
def gather(node: ExportedNode, mx: Writer, x: Array, indices: Array, *, axis: int) -> Array:
    """`take`; a number alone is a slice of one, without its axis. Negative indices wrap around."""
    axis = node.axis(x, axis)
    numbers = indices.numbers()
    if node.source_type in EMBEDDINGS and axis == 0 and node.rank(x) == 2 and x.is_weight:
        rows, columns = x.shape or ()
        return mx.Embedding(indices, mx.weight(x, "weight"), input_dim=rows, output_dim=columns)
    if numbers is not None and numbers.ndim == 0:
        index = int(numbers)
        part = mx.slice_axis(x, axis=axis, begin=index, end=index + 1 if index != -1 else "None")
        if node.rank(x) == 1:
            return part
        return mx.squeeze(part, axis=(axis,))
    if indices.shape == ():
        picked = mx.take(x, indices, axis=axis, mode="wrap")
        return picked if node.rank(x) == 1 else mx.squeeze(picked, axis=(axis,))
    wraps = numbers is None or bool((numbers < 0).any())
    return mx.take(x, indices, axis=axis, mode="wrap" if wraps else None)


@exporter("GatherElements", doc="GatherElements")
def gather_elements(
    node: ExportedNode, mx: Writer, x: Array, indices: Array, *, axis: int
) -> Array:
    axis = node.axis(x, axis)
    shape = indices.shape or ()
    expected = tuple(1 if i == axis else dim for i, dim in enumerate(x.shape or ()))
    if shape != expected or None in shape:
        node.refuse("MXNet picks one element along an axis, for all the others")
    return mx.pick(x, indices, axis=axis, keepdims=True, mode="wrap")


@exporter("GatherND", doc="GatherND")
def gather_nd(
    node: ExportedNode, mx: Writer, x: Array, indices: Array, *, batch_dims: int
) -> Array:
    """MXNet has the coordinates along the first axis, that of the batch among them."""
    rank = node.rank(indices)
    if batch_dims > 1:
        node.refuse(f"batch_dims {batch_dims}")
    places = mx.transpose(indices, axes=(rank - 1, *range(rank - 1)))
    if batch_dims:
        rows = _counted(mx, indices, 0, rank - 1)
        places = mx.Concat(
            mx.broadcast_like(rows, mx.slice_axis(places, axis=0, begin=0, end=1)),
            places,
            num_args=2,
            dim=0,
        )
    return mx.gather_nd(x, places)


def _counted(mx: Writer, x: Array, axis: int, rank: int) -> Array:
    """0, 1, ... along an axis of `x`, with an axis in front and `rank - 1` behind."""
    numbers = counted(mx, x, axis, x.dtype or ir.DataType.INT64)
    return mx.Reshape(numbers, shape=(1, -1, *(1,) * (rank - 1)))


@exporter("Compress", doc="Compress")
def compress(
    node: ExportedNode, mx: Writer, x: Array, mask: Array, *, axis: int | None = None
) -> Array:
    """Places that are known are gathered; MXNet's mask has all that is along the first axis."""
    along, marks = 0 if axis is None else node.axis(x, axis), mask.numbers()
    size = None if x.shape is None else x.shape[along]
    if axis is None:
        sizes = closed(x.shape or ())
        x, size = mx.Reshape(x, shape=(-1,)), None if sizes is None else math.prod(sizes)
    if marks is not None and not marks.any():
        node.refuse("nothing is left of its input")
    if marks is not None:
        return mx.take(x, mx.constant(np.flatnonzero(marks)), axis=along)
    if size is None or mask.shape != (size,):
        node.refuse("MXNet has as many marks as the axis has elements")
    if not along:
        return mx.make("_contrib_boolean_mask", x, mask, axis=0)
    y = mx.make("_contrib_boolean_mask", mx.SwapAxis(x, dim1=0, dim2=along), mask, axis=0)
    return mx.SwapAxis(y, dim1=0, dim2=along)


@exporter("ScatterND", doc="ScatterND")
def scatter_nd(
    node: ExportedNode, mx: Writer, x: Array, indices: Array, updates: Array, *, reduction: str
) -> Array:
    """Into zeros."""
    numbers, shape = x.numbers(), node.output_shape()
    plain = numbers is not None and not numbers.any()
    filled = x.producer("Expand")
    if filled is not None:
        plain = is_zero(filled.inputs[0])
    if not plain or reduction != "none" or shape is None or None in shape:
        node.refuse("MXNet scatters into zeros")
    rank = node.rank(indices)
    places = mx.transpose(indices, axes=(rank - 1, *range(rank - 1)))
    return mx.scatter_nd(updates, places, shape=shape)


@exporter("OneHot", doc="OneHot")
def one_hot(
    node: ExportedNode, mx: Writer, indices: Array, depth: Array, values: Array, *, axis: int
) -> Array:
    size = node.ints(depth, "depth")[0]
    numbers = values.numbers()
    kind = node.output.dtype
    if numbers is None or kind not in NAMES:
        node.refuse("its values are computed while the model runs")
    rank = node.rank(indices)
    if indices.constant is None or _may_be_negative(indices):
        from_end = mx._mul_scalar(mx._lesser_scalar(indices, scalar=0), scalar=size)
        indices = mx.elemwise_add(indices, from_end)
    hot = mx.typed(
        kind,
        "one_hot",
        indices,
        depth=size,
        on_value=float(numbers[1]),
        off_value=float(numbers[0]),
        dtype=NAMES[kind],
    )
    if axis in {-1, rank}:
        return hot
    order: list[int] = list(range(rank))
    order.insert(axis % (rank + 1), rank)
    return mx.transpose(hot, axes=order)


def _may_be_negative(x: Array) -> bool:
    numbers = x.numbers()
    return bool((numbers < 0).any()) if numbers is not None else False


FAR = 1 << 31
"""Slices that end here or later go to the end."""


@exporter("Slice", doc="Slice")
def slice_operator(
    node: ExportedNode,
    mx: Writer,
    x: Array,
    starts: Array,
    ends: Array,
    axes: Array | None = None,
    steps: Array | None = None,
) -> Array:
    begins, stops = node.ints(starts, "starts"), node.ints(ends, "ends")
    places = list(range(len(begins))) if axes is None else node.ints(axes, "axes")
    strides = [1] * len(begins) if steps is None else node.ints(steps, "steps")
    rank, dims = node.rank(x), x.shape or ()
    if any(
        not range(size if isinstance(size := dims[axis], int) else FAR)[begin:stop:step]
        for axis, begin, stop, step in zip(places, begins, stops, strides, strict=True)
    ):
        node.refuse("nothing is left of its input, or of a large one")
    cuts = {
        axis % rank: _cut(dims[axis], begin, stop, step)
        for axis, begin, stop, step in zip(places, begins, stops, strides, strict=True)
    }
    cuts = {axis: cut for axis, cut in cuts.items() if cut != (0, None, 1)}
    if not cuts:
        return mx.make("_copy", x)
    like = _like(node, mx)
    if like is not None and set(cuts) <= {2, 3} and {cut[2] for cut in cuts.values()} == {1}:
        offset = tuple(cuts.get(axis, (0,))[0] or 0 for axis in (2, 3))
        return mx.Crop(x, like, num_args=2, offset=offset if any(offset) else None)
    axis, (begin, stop, step) = next(iter(cuts.items()))
    clips = stop is not None and stop > 0 and not isinstance(dims[axis], int)
    if len(cuts) == step == 1 and (not clips or node.source_type == "RNN"):
        return mx.slice_axis(x, axis=axis, begin=begin or 0, end=NONE if stop is None else stop)
    each = [cuts.get(axis, (None, None, 1)) for axis in range(max(cuts) + 1)]
    steps_ = tuple(cut[2] for cut in each)
    return mx.slice(
        x,
        begin=tuple(cut[0] for cut in each),
        end=tuple(cut[1] for cut in each),
        step=steps_ if set(steps_) != {1} else None,
    )


def _like(node: ExportedNode, mx: Writer) -> Array | None:
    """The picture to whose size the source cut, where it is known."""
    name, wanted = node.node.metadata_props.get(LIKE, ""), node.output_shape() or ()
    found = (array for value, array in mx.scope.values.items() if value.name == name)
    like = next(found, None) if len(wanted) == 4 else None
    sizes = (like.shape or ())[2:] if like is not None else ()
    return like if len(sizes) == 2 and sizes == wanted[2:] and None not in sizes else None


def _cut(
    size: int | str | None, begin: int, stop: int, step: int
) -> tuple[int | None, int | None, int]:
    """Begin and end as MXNet takes them: within the axis, None for as far as it goes."""
    if isinstance(size, int):
        first, last, _ = slice(
            begin, stop if stop > -FAR else None if step < 0 else stop, step
        ).indices(size)
        if step > 0:
            return first, None if last >= size else last, step
        return first, None if last < 0 else last, step
    if step > 0:
        return begin, None if stop >= FAR - 1 else stop, step
    return (
        (None if begin >= FAR - 1 or begin == -1 else begin),
        (None if stop <= -FAR + 1 else stop),
        step,
    )


@exporter("TopK", doc="TopK", unused="sorted")
def top_k(
    node: ExportedNode, mx: Writer, x: Array, k: Array, *, axis: int, largest: int
) -> list[Array]:
    count = node.ints(k, "number")[0]
    both = mx.topk(
        x, axis=axis, k=count, ret_typ="both", is_ascend=None if largest else True, dtype="int64"
    )
    return mx.outputs(both, 2)
