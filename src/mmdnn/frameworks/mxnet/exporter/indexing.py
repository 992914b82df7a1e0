"""Picking elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.filling import full_of_sizes
from mmdnn.frameworks.mxnet.exporter.sizes import sizes
from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array, Exporting, Writing, exporter

EMBEDDINGS = {"Embed", "Embedding"}
"""Layers of Caffe and MXNet that refuse, or never get, negative indices."""


@exporter("Gather", doc="Gather")
def gather(node: Exporting, mx: Writing, x: Array, indices: Array) -> Array:
    """`take`; a number alone is a slice of one, without its axis. Negative indices wrap around."""
    axis = node.axis(x, node.attribute("axis", 0))
    numbers = indices.numbers()
    bounded = _bounded(node, mx, x, indices, axis)
    if bounded is not None and node.source_type == "take":
        return mx.take(x, bounded, axis=axis)
    if node.source_type in EMBEDDINGS and axis == 0 and node.rank(x) == 2 and x.is_weight:
        rows, columns = x.shape or ()
        return mx.Embedding(
            bounded or indices, mx.weight(x, "weight"), input_dim=rows, output_dim=columns
        )
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


def _bounded(node: Exporting, mx: Writing, x: Array, indices: Array, axis: int) -> Array | None:
    """The indices before the layer clips them, which MXNet's own layer does too."""
    clip = node.own(indices, "Clip")
    low, high = (
        [mx.scope.array(v).numbers() if v is not None else None for v in clip.inputs[1:]]
        if clip and len(clip.inputs) == 3
        else (None, None)
    )
    size = (x.shape or ())[axis]
    if (
        clip is None
        or low is None
        or high is None
        or (low.item(), high.item()) != (0, size - 1 if isinstance(size, int) else None)
    ):
        return None
    cast = node.own(clip.inputs[0], "Cast")
    value = cast.inputs[0] if cast is not None else clip.inputs[0]
    return None if value is None else mx.scope.array(value)


@exporter("GatherElements", doc="GatherElements")
def gather_elements(node: Exporting, mx: Writing, x: Array, indices: Array) -> Array:
    axis = node.axis(x, node.attribute("axis", 0))
    shape = indices.shape or ()
    expected = tuple(1 if i == axis else dim for i, dim in enumerate(x.shape or ()))
    if shape != expected or None in shape:
        node.refuse("MXNet picks one element along an axis, for all the others")
    return mx.pick(x, indices, axis=axis, keepdims=True, mode="wrap")


@exporter("GatherND", doc="GatherND")
def gather_nd(node: Exporting, mx: Writing, x: Array, indices: Array) -> Array:
    """MXNet has the coordinates along the first axis, that of the batch among them."""
    batch, rank = node.attribute("batch_dims", 0), node.rank(indices)
    if batch > 1:
        node.refuse(f"batch_dims {batch}")
    places = mx.transpose(indices, axes=(rank - 1, *range(rank - 1)))
    if batch:
        rows = _counted(mx, indices, 0, rank - 1)
        places = mx.Concat(
            mx.broadcast_like(rows, mx.slice_axis(places, axis=0, begin=0, end=1)),
            places,
            num_args=2,
            dim=0,
        )
    return mx.gather_nd(x, places)


def _counted(mx: Writing, x: Array, axis: int, rank: int) -> Array:
    """0, 1, ... along an axis of `x`, with an axis in front and `rank - 1` behind."""
    numbers = mx.make("_contrib_arange_like", x, axis=axis)
    numbers.dtype = ir.DataType.FLOAT
    numbers = mx.cast(numbers, x.dtype or ir.DataType.INT64)
    return mx.Reshape(numbers, shape=(1, -1, *(1,) * (rank - 1)))


@exporter("Range", doc="Range")
def range_operator(node: Exporting, mx: Writing, start: Array, limit: Array, step: Array) -> Array:
    """Along an axis of another array."""
    first, by, found = start.numbers(), step.numbers(), sizes(limit.value)
    if first is None or by is None or not found or isinstance(found[0], int):
        node.refuse("a number of steps that is computed while the model runs")
    if first.item() != 0 or by.item() != 1:
        node.refuse("steps other than 0, 1, 2, ...")
    value, axis = found[0]
    numbers = mx.make("_contrib_arange_like", mx.scope.array(value), axis=axis)
    numbers.dtype = ir.DataType.FLOAT
    return mx.cast(numbers, node.output.dtype or ir.DataType.INT64)


@exporter("ReverseSequence", doc="ReverseSequence")
def reverse_sequence(node: Exporting, mx: Writing, x: Array, lengths: Array) -> Array:
    """MXNet has time first, then the batch."""
    time, batch = node.attribute("time_axis", 0), node.attribute("batch_axis", 1)
    if {time, batch} != {0, 1}:
        node.refuse("its axes")
    x = x if time == 0 else mx.SwapAxis(x, dim1=0, dim2=1)
    counts = mx.cast(lengths, x.dtype or ir.DataType.FLOAT)
    y = mx.SequenceReverse(x, counts, use_sequence_length=True)
    return y if time == 0 else mx.SwapAxis(y, dim1=0, dim2=1)


@exporter("Compress", doc="Compress")
def compress(node: Exporting, mx: Writing, x: Array, mask: Array) -> Array:
    axis = node.attribute("axis")
    if axis != 0:
        node.refuse("MXNet picks along the first axis")
    return mx.make("_contrib_boolean_mask", x, mask, axis=0)


@exporter("ScatterND", doc="ScatterND")
def scatter_nd(node: Exporting, mx: Writing, x: Array, indices: Array, updates: Array) -> Array:
    """Into zeros."""
    numbers, shape = x.numbers(), node.output_shape()
    plain = numbers is not None and not numbers.any()
    filled = node.own(x, "Expand")
    if (
        filled is not None
        and filled.inputs[0] is not None
        and filled.inputs[0].const_value is not None
    ):
        plain = not filled.inputs[0].const_value.numpy().any()
    if not plain or node.attribute("reduction", "none") != "none" or shape is None or None in shape:
        node.refuse("MXNet scatters into zeros")
    rank = node.rank(indices)
    places = mx.transpose(indices, axes=(rank - 1, *range(rank - 1)))
    return mx.scatter_nd(updates, places, shape=shape)


@exporter("OneHot", doc="OneHot")
def one_hot(node: Exporting, mx: Writing, indices: Array, depth: Array, values: Array) -> Array:
    size = node.ints(depth, "depth")[0]
    numbers = values.numbers()
    kind = node.output.dtype
    if numbers is None or kind not in NAMES:
        node.refuse("its values are computed while the model runs")
    axis = node.attribute("axis", -1)
    rank = node.rank(indices)
    wrapped = mx._mod_scalar(indices, scalar=size) if _may_be_negative(indices) else indices
    hot = mx.one_hot(
        wrapped,
        depth=size,
        on_value=float(numbers[1]),
        off_value=float(numbers[0]),
        dtype=NAMES[kind],
    )
    hot.dtype = kind
    if axis in {-1, rank}:
        return hot
    order: list[int] = list(range(rank))
    order.insert(axis % (rank + 1), rank)
    return mx.transpose(hot, axes=order)


def _may_be_negative(x: Array) -> bool:
    numbers = x.numbers()
    return bool((numbers < 0).any()) if numbers is not None else False


@exporter("ConstantOfShape", doc="ConstantOfShape")
def constant_of_shape(node: Exporting, mx: Writing, shape: Array) -> Array:
    """In the shape of another array, whose type must be the same."""
    filled = node.attribute("value")
    array = np.zeros(1, np.float32) if filled is None else filled.numpy()
    whole = shape.producer("Shape")
    if whole is None or whole.inputs[0] is None or whole.attributes:
        return _full(node, mx, shape, array)
    like = mx.cast(mx.scope.array(whole.inputs[0]), ir.DataType.from_numpy(array.dtype))
    number: Any = array.reshape(-1)[0]
    zeros = mx.zeros_like(like)
    return zeros if number == 0 else mx._plus_scalar(zeros, scalar=number.item())


def _full(node: Exporting, mx: Writing, target: Array, array: np.ndarray) -> Array:
    shape, kind = node.output_shape(), ir.DataType.from_numpy(array.dtype)
    found = sizes(target.value)
    if found is not None and not all(isinstance(size, int) for size in found):
        return full_of_sizes(mx, found, array.reshape(-1)[0].item(), kind)
    if shape is None or not all(isinstance(dim, int) for dim in shape):
        node.refuse("its shape is computed while the model runs")
    full = mx.make(
        "_full", shape=shape or (1,), value=array.reshape(-1)[0].item(), dtype=NAMES[kind]
    )
    full.dtype = kind
    return full
