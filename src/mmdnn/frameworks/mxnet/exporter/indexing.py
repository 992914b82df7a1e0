"""Picking elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array, Exporting, Writing, exporter


EMBEDDINGS = {"Embed", "Embedding"}
"""Layers of Caffe and MXNet that refuse, or never get, negative indices."""


@exporter("Gather", doc="Gather")
def gather(node: Exporting, mx: Writing, x: Array, indices: Array) -> Array:
    """`take`; a number alone is a slice of one, without its axis. Negative indices wrap around."""
    axis = node.axis(x, node.attribute("axis", 0))
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
def gather_elements(node: Exporting, mx: Writing, x: Array, indices: Array) -> Array:
    axis = node.axis(x, node.attribute("axis", 0))
    shape = indices.shape or ()
    expected = tuple(1 if i == axis else dim for i, dim in enumerate(x.shape or ()))
    if shape != expected or None in shape:
        node.refuse("MXNet picks one element along an axis, for all the others")
    return mx.pick(x, indices, axis=axis, keepdims=True, mode="wrap")


@exporter("GatherND", doc="GatherND")
def gather_nd(node: Exporting, mx: Writing, x: Array, indices: Array) -> Array:
    """MXNet has the coordinates along the first axis."""
    if node.attribute("batch_dims", 0):
        node.refuse("batch_dims")
    rank = node.rank(indices)
    return mx.gather_nd(x, mx.transpose(indices, axes=(rank - 1, *range(rank - 1))))


@exporter("OneHot", doc="OneHot")
def one_hot(
    node: Exporting, mx: Writing, indices: Array, depth: Array, values: Array
) -> Array:
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
        return _full(node, mx, array)
    like = mx.cast(mx.scope.array(whole.inputs[0]), ir.DataType.from_numpy(array.dtype))
    number: Any = array.reshape(-1)[0]
    zeros = mx.zeros_like(like)
    return zeros if number == 0 else mx._plus_scalar(zeros, scalar=number.item())


def _full(node: Exporting, mx: Writing, array: np.ndarray) -> Array:
    shape = node.output_shape()
    if shape is None or not all(isinstance(dim, int) for dim in shape):
        node.refuse("its shape is computed while the model runs")
    kind = ir.DataType.from_numpy(array.dtype)
    full = mx.make("_full", shape=shape or (1,), value=array.reshape(-1)[0].item(), dtype=NAMES[kind])
    full.dtype = kind
    return full
