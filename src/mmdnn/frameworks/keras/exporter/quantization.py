"""Whole numbers that stand for fractions: by arithmetic."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, Inputs, exporter
from mmdnn.frameworks.keras.exporter.writer import Writer

RANGES = {ir.DataType.INT8: (-128, 127), ir.DataType.UINT8: (0, 255)}


@exporter("DequantizeLinear", doc="DequantizeLinear", unused="output_dtype")
def dequantize(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    scale: Array,
    zero: Inputs = None,
    *,
    axis: int,
    block_size: int,
) -> Array:
    _check(node, block_size)
    kind = node.output.dtype or ir.DataType.FLOAT
    whole = keras.ops.Cast(keras.tensor(x), dtype="int32")
    if zero is not None and np.any(node.numbers(zero, "zero point")):
        whole = keras.ops.Subtract(whole, _along(node, zero, x, axis).astype(np.int32))
    return keras.ops.Multiply(
        keras.ops.Cast(whole, dtype=keras.named(kind)), _along(node, scale, x, axis)
    )


@exporter("QuantizeLinear", doc="QuantizeLinear", unused="saturate output_dtype precision")
def quantize(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    scale: Array,
    zero: Inputs = None,
    *,
    axis: int,
    block_size: int,
) -> Array:
    _check(node, block_size)
    kind = node.output.dtype
    if kind not in RANGES or kind is None:
        node.refuse(f"to {kind.name if kind else '?'}")
    rounded = keras.ops.Round(keras.ops.Divide(x, _along(node, scale, x, axis)))
    if zero is not None and np.any(node.numbers(zero, "zero point")):
        rounded = keras.ops.Add(rounded, _along(node, zero, x, axis).astype(np.float32))
    low, high = RANGES[kind]
    return keras.ops.Cast(keras.ops.Clip(rounded, x_min=low, x_max=high), dtype=keras.named(kind))


def _check(node: ExportedNode, block_size: int) -> None:
    if block_size:
        node.refuse("scales of blocks")


def _along(node: ExportedNode, parameter: Array, x: Array, axis: int) -> np.ndarray:
    """A parameter, one number or one for each element of an axis, to be broadcast."""
    numbers = node.numbers(parameter, "scale")
    if numbers.size == 1:
        return numbers.reshape(())
    place, rank = node.axis(x, axis), node.rank(x)
    return numbers.reshape([-1 if i == place else 1 for i in range(rank)])
