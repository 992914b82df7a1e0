"""Numbers as small integers, by their definition (https://onnx.ai/onnx/operators)."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.elementwise import round_operator
from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer


def _along(node: ExportedNode, mx: Writer, each: Array, x: Array, axis: int) -> Array:
    """A number for all, or one for each place along an axis."""
    if len(each.shape or ()) > 1:
        node.refuse("scales for blocks")
    if not each.shape:
        return each
    place = node.axis(x, axis)
    return mx.Reshape(each, shape=tuple(-1 if i == place else 1 for i in range(node.rank(x))))


@exporter(
    "QuantizeLinear", doc="QuantizeLinear", unused="saturate output_dtype precision block_size"
)
def quantize(
    node: ExportedNode, mx: Writer, x: Array, scale: Array, zero: Array | None = None, *, axis: int
) -> Array:
    kind = node.output.dtype
    if kind not in {ir.DataType.UINT8, ir.DataType.INT8}:
        node.refuse(f"the type {kind.name if kind else '?'}")
    y = round_operator(node, mx, mx.broadcast_div(x, _along(node, mx, scale, x, axis)))
    if zero is not None:
        y = mx.broadcast_add(y, mx.cast(_along(node, mx, zero, x, axis), ir.DataType.FLOAT))
    y = mx.typed(ir.DataType.FLOAT, "clip", y, a_min=int(kind.min), a_max=int(kind.max))
    return mx.cast(y, kind)


@exporter("DequantizeLinear", doc="DequantizeLinear", unused="output_dtype block_size")
def dequantize(
    node: ExportedNode, mx: Writer, x: Array, scale: Array, zero: Array | None = None, *, axis: int
) -> Array:
    kind = node.output.dtype or ir.DataType.FLOAT
    if kind not in NAMES:
        node.refuse(f"the type {kind.name}")
    y = mx.cast(x, kind)
    if zero is not None:
        y = mx.broadcast_sub(y, mx.cast(_along(node, mx, zero, x, axis), kind))
    return mx.broadcast_mul(y, _along(node, mx, scale, x, axis))
