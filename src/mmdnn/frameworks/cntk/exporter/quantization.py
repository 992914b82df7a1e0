"""Quantisation, in floats: CNTK has no integers, and rounds and bounds by itself."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.insides import ROUNDED, formula
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.table import exporter
from mmdnn.ir.exporting import ExportedNode

KINDS = (ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16, ir.DataType.UINT16)


@exporter(
    "QuantizeLinear",
    doc="https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html",
    unused="saturate output_dtype precision",
)
def quantize(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    scale: Operand,
    zero: Operand | None = None,
    *,
    axis: int,
    block_size: int,
) -> Operand:
    kind = node.output.dtype
    if kind not in KINDS or block_size:
        node.refuse(f"its result is {kind.name if kind else 'unknown'}")
    position = node.front(axis, x.rank)
    bounds = np.iinfo(kind.numpy())
    made = formula(cntk, ROUNDED, x=cntk.divide(x, _column(cntk, scale, x, position)))
    if zero is not None:
        made = cntk.Plus(made, _column(cntk, zero, x, position))
    low, high = cntk.number(int(bounds.min), made), cntk.number(int(bounds.max), made)
    return cntk.make("Clip", made, low, high, shape=made.shape)


@exporter(
    "DequantizeLinear",
    doc="https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html",
    unused="output_dtype",
)
def dequantize(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    scale: Operand,
    zero: Operand | None = None,
    *,
    axis: int,
    block_size: int,
) -> Operand:
    if block_size:
        node.refuse("it has a scale for each block")
    position = node.front(axis, x.rank)
    if zero is not None:
        x = cntk.Minus(x, _column(cntk, zero, x, position))
    return cntk.ElementTimes(x, _column(cntk, scale, x, position))


def _column(cntk: CNTK, one: Operand, like: Operand, position: int) -> Operand:
    """A number for each element of an axis, where there are several."""
    if one.rank == 0 or one.shape == (1,):
        return cntk.reshape(one, (), ()) if one.rank else one
    return cntk.column(one, like.rank - 1 - position)
