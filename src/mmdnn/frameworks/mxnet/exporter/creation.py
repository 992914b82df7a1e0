"""Arrays of a number, and of numbers that follow each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.sizes import Size, sizes
from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer


@exporter("Range", doc="Range")
def range_operator(
    node: ExportedNode, mx: Writer, start: Array, limit: Array, step: Array
) -> Array:
    """Along an axis of another array."""
    first, by, found = start.numbers(), step.numbers(), sizes(limit.value)
    if first is None or by is None or not found or isinstance(found[0], int):
        node.refuse("a number of steps that is computed while the model runs")
    if first.item() != 0 or by.item() != 1:
        node.refuse("steps other than 0, 1, 2, ...")
    value, axis = found[0]
    return counted(mx, mx.scope.array(value), axis, node.output.dtype or ir.DataType.INT64)


def counted(mx: Writer, x: Array, axis: int, kind: ir.DataType) -> Array:
    """0, 1, ... along an axis of an array."""
    return mx.cast(mx.typed(ir.DataType.FLOAT, "_contrib_arange_like", x, axis=axis), kind)


@exporter("ConstantOfShape", doc="ConstantOfShape")
def constant_of_shape(
    node: ExportedNode, mx: Writer, shape: Array, *, value: ir.TensorProtocol | None = None
) -> Array:
    """In the shape of another array, whose type must be the same."""
    array = np.zeros(1, np.float32) if value is None else value.numpy()
    whole = shape.producer("Shape")
    if whole is None or whole.inputs[0] is None or not _is_whole(whole):
        return _full(node, mx, shape, array)
    like = mx.cast(mx.scope.array(whole.inputs[0]), ir.DataType.from_numpy(array.dtype))
    number: Any = array.reshape(-1)[0]
    zeros = mx.zeros_like(like)
    return zeros if number == 0 else mx._plus_scalar(zeros, scalar=number.item())


def _is_whole(node: ir.Node) -> bool:
    """Whether a Shape tells all sizes."""
    return node.attributes["start"].as_int() == 0 and "end" not in node.attributes


def _full(node: ExportedNode, mx: Writer, target: Array, array: np.ndarray) -> Array:
    shape, kind = node.output_shape(), ir.DataType.from_numpy(array.dtype)
    found = sizes(target.value)
    if found is not None and not all(isinstance(size, int) for size in found):
        return full_of_sizes(mx, found, array.reshape(-1)[0].item(), kind)
    if shape is None or not all(isinstance(dim, int) for dim in shape):
        node.refuse("its shape is computed while the model runs")
    number = array.reshape(-1)[0].item()
    return mx.typed(kind, "_full", shape=shape or (1,), value=number, dtype=NAMES[kind])


def full_of_sizes(mx: Writer, found: Sequence[Size], number: float, kind: ir.DataType) -> Array:
    """An array of a number: for each open size a vector of zeros as long as that axis, repeated.

    Args:
        mx: What is written with.
        found: The sizes, one of them open at least.
        number: What it is full of.
        kind: The type of its elements.
    """
    total = None
    for axis, size in enumerate(found):
        if not isinstance(size, int):
            count = counted(mx, mx.scope.array(size[0]), size[1], kind)
            shape = tuple(-1 if place == axis else 1 for place in range(len(found)))
            zeros = mx.Reshape(mx.zeros_like(count), shape=shape)
            total = zeros if total is None else mx.broadcast_add(total, zeros)
    fixed = {axis: size for axis, size in enumerate(found) if isinstance(size, int) and size != 1}
    assert total is not None
    if fixed:
        total = mx.broadcast_axis(total, axis=tuple(fixed), size=tuple(fixed.values()))
    return mx._plus_scalar(total, scalar=number) if number else total
