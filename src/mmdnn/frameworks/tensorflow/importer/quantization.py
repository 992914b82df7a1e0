"""Quantised numbers, and floats rounded as if they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.importer.table import RAW, ImportedNode, Value, as_type, importer
from mmdnn.ir.builder import Op
from mmdnn.ir.regions import rounded


def _away(x: Any) -> np.ndarray:
    """To the nearest whole number, halves away from zero."""
    return np.asarray(np.sign(x) * np.floor(np.abs(x) + np.float32(0.5)))


def _nudged(
    low: np.ndarray, high: np.ndarray, bits: int, narrow: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A range in which 0 is exact (fake_quant_ops_functor.h): its least, its most, its step."""
    least, most = np.float32(1 if narrow else 0), np.float32((1 << bits) - 1)
    step = (high - low) / (most - least)
    with np.errstate(all="ignore"):
        place = least - low / step
    whole = _away(place)
    zero = np.where(place < least, least, np.where(place > most, most, whole)).astype(np.float32)
    return (least - zero) * step, (most - zero) * step, step


def _rounded(
    node: ImportedNode, op: Op, x: Value, low: np.ndarray, high: np.ndarray, bits: int, narrow: bool
) -> Value:
    if not np.all(low < high):
        node.refuse("its range is empty")
    least, most, step = _nudged(low.astype(np.float32), high.astype(np.float32), bits, narrow)
    inside = op.Min(op.Max(x, least), most)
    steps = op.Mul(op.Sub(inside, least), np.float32(1) / step)
    return op.Add(op.Mul(op.Floor(op.Add(steps, np.float32(0.5))), step), least)


@importer(
    "FakeQuantWithMinMaxVars",
    "FakeQuantWithMinMaxVarsPerChannel",
    doc=f"{RAW}/FakeQuantWithMinMaxVars",
)
def fake_quant(
    node: ImportedNode,
    op: Op,
    x: Value,
    low: Value,
    high: Value,
    *,
    num_bits: int,
    narrow_range: bool,
) -> Value:
    ends = node.numbers(low, "its range"), node.numbers(high, "its range")
    return _rounded(node, op, x, *ends, num_bits, narrow_range)


@importer("FakeQuantWithMinMaxArgs", doc=f"{RAW}/FakeQuantWithMinMaxArgs")
def fake_quant_args(
    node: ImportedNode, op: Op, x: Value, *, min: float, max: float, num_bits: int, narrow_range: bool  # noqa: A002
) -> Value:  # fmt: skip
    return _rounded(node, op, x, np.asarray(min), np.asarray(max), num_bits, narrow_range)


@importer(
    "QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4", doc=f"{RAW}/QuantizeAndDequantizeV2"
)
def quantize_and_dequantize(
    node: ImportedNode, op: Op, x: Value, low: Value, high: Value, *, signed_input: bool, num_bits: int,
    range_given: bool, round_mode: str, narrow_range: bool, axis: int,
) -> Value:  # fmt: skip
    """A scale that fits the larger of both sides (quantize_and_dequantize_op.h)."""
    if axis != -1:
        node.refuse(f"its axis is {axis}")
    least = -(1 << num_bits - 1) + int(narrow_range) if signed_input else 0
    most = (1 << num_bits - 1) - 1 if signed_input else (1 << num_bits) - 1
    if not range_given:
        low, high = op.ReduceMin(x, keepdims=0), op.ReduceMax(x, keepdims=0)
    huge = node.constant(np.finfo(np.float32).max, x)
    zero = node.constant(0, x)

    def scale(side: Value, number: int) -> Value:
        whole = node.constant(number, x)
        fits = op.Greater(op.Mul(side, whole), zero)
        return op.Where(fits, op.Div(whole, side), huge)

    sides = scale(low, least), scale(high, most)
    by_low = op.Less(sides[0], sides[1])
    factor = op.Where(by_low, sides[0], sides[1])
    inverses = [op.Div(low, node.constant(least or 1, x)), op.Div(high, node.constant(most, x))]
    inverse = op.Where(by_low, *inverses)
    if range_given:
        ends = [op.Mul(inverse, node.constant(number, x)) for number in (least, most)]
        x = op.Min(op.Max(x, ends[0]), ends[1])
    steps = op.Mul(x, factor)
    if round_mode == "HALF_TO_EVEN":
        return op.Mul(op.Round(steps), inverse)
    return op.Mul(op.Floor(op.Add(steps, node.constant(0.5, x))), inverse)


def _limits(kind: ir.DataType) -> tuple[int, int]:
    info = np.iinfo(kind.numpy())
    return int(info.min), int(info.max)


@importer("Dequantize", doc=f"{RAW}/Dequantize")
def dequantize(
    node: ImportedNode, op: Op, x: Value, low: Value, high: Value, *,
    mode: str, narrow_range: bool, axis: int, dtype: Any,
) -> Value:  # fmt: skip
    ends = [node.numbers(each, "its range").astype(np.float32) for each in (low, high)]
    if axis != -1 or ends[0].size != 1:
        node.refuse("it has a range for each channel")
    first, last = (each.reshape(()) for each in ends)
    least, most = _limits(x.dtype or ir.DataType.UINT8)
    numbers = op.Cast(x, to=ir.DataType.FLOAT)
    if mode == "SCALED":
        sides = [last / np.float32(most)]
        if least < 0:
            sides.append(first / np.float32(least + int(narrow_range)))
        y = op.Mul(numbers, np.max(sides).astype(np.float32))
    else:
        step = (np.float64(last) - np.float64(first)) / (most - least)
        start = _away(first / step) * step if mode == "MIN_FIRST" else np.float64(first)
        y = op.Add(op.Mul(op.Sub(numbers, np.float32(least)), np.float32(step)), np.float32(start))
    return as_type(op, y, dtype or ir.DataType.FLOAT)


@importer("QuantizeV2", doc=f"{RAW}/QuantizeV2", unused="round_mode")
def quantize(
    node: ImportedNode, op: Op, x: Value, low: Value, high: Value, *,
    T: ir.DataType, mode: str, narrow_range: bool, axis: int, ensure_minimum_range: float,
) -> list[Value]:  # fmt: skip
    first, last = (node.numbers(each, "its range").astype(np.float32) for each in (low, high))
    least, most = _limits(T)
    if axis != -1 or first.size != 1 or least or mode == "SCALED":
        node.refuse(f"its mode is {mode} of {T.name}")
    start, end = min(0.0, float(first.reshape(()))), float(last.reshape(()))
    end = max(0.0, end, start + max(1.0, abs(start), abs(end)) * ensure_minimum_range)
    step = np.float32(most - least) / (np.float32(end) - np.float32(start))
    ends = [node.builder.constant(np.float32(bound)) for bound in (start, end)]
    if mode == "MIN_FIRST":
        first_step = np.float32(_away(np.float32(start) * step))
        steps = op.Sub(rounded(op, op.Mul(x, np.float32(step))), first_step)
        inside = op.Clip(steps, np.float32(least), np.float32(most))
        return [op.Cast(inside, to=T), *ends]
    steps = op.Add(op.Mul(op.Sub(inside, np.float32(start)), np.float32(step)), np.float32(0.5))
    return [op.Cast(op.Floor(steps), to=T), *ends]
