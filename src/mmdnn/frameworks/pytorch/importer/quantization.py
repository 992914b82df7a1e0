"""Quantized numbers: pairs of quantize and dequantize."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import dtypes
from mmdnn.frameworks.pytorch.importer.dtypes import INT32, like
from mmdnn.frameworks.pytorch.importer.table import TORCH, ImportedCall, Value, importer
from mmdnn.ir.builder import Op

DOC = f"{TORCH}.ao.quantization"


def _limits(kind: ir.DataType) -> tuple[int, int]:
    found = np.iinfo(kind.numpy())
    return int(found.min), int(found.max)


@importer(
    "quantized_decomposed::quantize_per_tensor", "quantized_decomposed::quantize_per_channel", doc=DOC,
    unused="eps",
)  # fmt: skip
def quantize(
    node: ImportedCall, op: Op, x: Value, *, scale: Any, zero_point: Any, scales: Value, zero_points: Value,
    axis: int, quant_min: int, quant_max: int, dtype: ir.DataType,
) -> Value:  # fmt: skip
    factor, zero = _parameters(op, scale, zero_point, scales, zero_points, dtype)
    y = op.QuantizeLinear(x, factor, zero, axis=axis)
    if (quant_min, quant_max) != _limits(dtype):
        wide = op.Clip(op.Cast(y, to=INT32), np.int32(quant_min), np.int32(quant_max))
        y = op.Cast(wide, to=dtype)
    return y


@importer(
    "quantized_decomposed::dequantize_per_tensor", "quantized_decomposed::dequantize_per_channel", doc=DOC,
    unused="quant_min quant_max eps",
)  # fmt: skip
def dequantize(
    node: ImportedCall, op: Op, x: Value, *, scale: Any, zero_point: Any, scales: Value, zero_points: Value,
    axis: int, dtype: ir.DataType, out_dtype: ir.DataType,
) -> Value:  # fmt: skip
    factor, zero = _parameters(op, scale, zero_point, scales, zero_points, dtype)
    y = op.DequantizeLinear(x, factor, zero, axis=axis)
    return dtypes.cast(op, y, out_dtype) if out_dtype is not None else y


def _parameters(
    op: Op, scale: Any, zero_point: Any, scales: Value, zero_points: Value, dtype: ir.DataType
) -> tuple[Any, Any]:
    factor = scale if scales is None else scales
    zero = zero_point if scales is None else zero_points
    factor = dtypes.cast(op, factor, dtypes.FLOAT)
    return factor, None if zero is None else dtypes.cast(op, zero, dtype)


@importer("fake_quantize_per_tensor_affine", doc=f"{TORCH}.fake_quantize_per_tensor_affine")
def fake_quantize(
    node: ImportedCall, op: Op, x: Value, scale: Any, zero_point: Any, low: int, high: int
) -> Value:
    places = op.Round(op.Div(x, dtypes.cast(op, scale, dtypes.of(x))))
    zero = dtypes.cast(op, zero_point, dtypes.of(x))
    whole = op.Clip(op.Add(places, zero), like(x, low), like(x, high))
    return op.Mul(op.Sub(whole, zero), dtypes.cast(op, scale, dtypes.of(x)))
