"""Eight-bit numbers: quantising and back, as MXNet's usual build does it, with oneDNN.

src/operator/quantization/mkldnn/mkldnn_quantize_v2-inl.h, mkldnn_dequantize-inl.h: the range
[-r, r] (or [0, r]) is 127.5 (255.5) steps, halves go to even numbers, and what is beyond is cut off.
(The plain code, src/operator/quantization/quantize_v2-inl.h, has 127 steps; a CPU does not run it.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir.builder import Op

STEPS = {ir.DataType.INT8: 127.5, ir.DataType.UINT8: 255.5}

TYPES = {"int8": ir.DataType.INT8, "uint8": ir.DataType.UINT8}


def _scalar(op: Op, x: Any) -> ir.Value:
    return op.Reshape(x, np.zeros(0, np.int64))


def _quantized(
    op: Op, x: ir.Value, low: ir.Value, high: ir.Value, dtype: ir.DataType
) -> list[ir.Value]:
    zero = op.builder.constant(np.zeros((), dtype.numpy()))
    real = op.Max(op.Abs(low), op.Abs(high))
    scaled = op.Mul(x, op.Div(np.float32(STEPS[dtype]), _scalar(op, real)))
    y = op.QuantizeLinear(scaled, np.float32(1), zero)
    if dtype == ir.DataType.UINT8:
        return [y, op.Identity(low), op.Identity(high)]
    return [y, op.Neg(real), op.Identity(real)]


@importer("_contrib_quantize_v2", doc=f"{NN}.contrib.quantize_v2")
def quantize_v2(node: ImportedNode, op: Op, x: ir.Value) -> list[ir.Value]:
    """Numbers, and the range they stand for: calibrated, or the input's own."""
    p = node.p
    low, high = p.min_calib_range, p.max_calib_range
    if x.dtype != ir.DataType.FLOAT:
        node.refuse(f"an input of type {x.dtype}")
    calibrated = low is not None and high is not None
    if calibrated:
        ends = [op.builder.constant(np.asarray([v], np.float32)) for v in (low, high)]
    else:
        ends = [op.Reshape(make(x, keepdims=0), [1]) for make in (op.ReduceMin, op.ReduceMax)]
    automatic = "uint8" if calibrated and low >= 0 else "int8"
    kind = TYPES[automatic if p.out_type == "auto" else p.out_type]
    return _quantized(op, x, ends[0], ends[1], kind)


@importer("_contrib_quantize", doc=f"{NN}.contrib.quantize")
def quantize(
    node: ImportedNode, op: Op, x: ir.Value, low: ir.Value, high: ir.Value, *, out_type: str
) -> list[ir.Value]:
    return _quantized(op, x, low, high, TYPES[out_type])


@importer("_contrib_dequantize", doc=f"{NN}.contrib.dequantize", unused="out_type")
def dequantize(node: ImportedNode, op: Op, x: ir.Value, low: ir.Value, high: ir.Value) -> ir.Value:
    if x.dtype not in STEPS:
        node.refuse(f"an input of type {x.dtype}")
    real = _scalar(op, op.Max(op.Abs(low), op.Abs(high)))
    return op.DequantizeLinear(x, op.Div(real, np.float32(STEPS[x.dtype])))
