"""Arithmetic, element by element; operators broadcast as ONNX's do."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tflite.importer.table import (
    DOC,
    ImportedNode,
    Value,
    as_type,
    importer,
    is_float,
    like,
    same,
)
from mmdnn.ir.builder import Op

same(
    {
        "ABS": "Abs", "NEG": "Neg", "EXP": "Exp", "LOG": "Log", "SQRT": "Sqrt", "SIGN": "Sign",
        "FLOOR": "Floor", "CEIL": "Ceil", "ROUND": "Round", "SIN": "Sin", "COS": "Cos",
        "MAXIMUM": "Max", "MINIMUM": "Min", "POW": "Pow", "MUL": "Mul", "DIV": "Div",
        "BITWISE_XOR": "BitwiseXor",
        "STABLEHLO_ABS": "Abs", "STABLEHLO_NEGATE": "Neg", "STABLEHLO_EXPONENTIAL": "Exp",
        "STABLEHLO_LOG": "Log", "STABLEHLO_FLOOR": "Floor", "STABLEHLO_COSINE": "Cos",
        "STABLEHLO_ADD": "Add", "STABLEHLO_SUBTRACT": "Sub", "STABLEHLO_MULTIPLY": "Mul",
        "STABLEHLO_DIVIDE": "Div", "STABLEHLO_MAXIMUM": "Max", "STABLEHLO_MINIMUM": "Min",
        "STABLEHLO_POWER": "Pow",
    }
)  # fmt: skip


@importer("ADD", "SUB", doc=DOC, unused="pot_scale_int16")
def add(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    return op["Add" if node.type == "ADD" else "Sub"](a, b)


@importer("ADD_N", doc=DOC)
def add_n(node: ImportedNode, op: Op, *inputs: Value) -> Value:
    total = inputs[0]
    for x in inputs[1:]:
        total = op.Add(total, x)
    return total


@importer("SQUARE", doc=DOC)
def square(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Mul(x, x)


@importer("SQUARED_DIFFERENCE", doc=DOC)
def squared_difference(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    gap = op.Sub(a, b)
    return op.Mul(gap, gap)


@importer("RSQRT", "STABLEHLO_RSQRT", doc=DOC)
def rsqrt(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Reciprocal(op.Sqrt(x))


@importer("FLOOR_DIV", doc=DOC)
def floor_div(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    if is_float(a):
        return op.Floor(op.Div(a, b))
    rest = op.Mod(a, b)
    return op.Div(op.Sub(a, rest), b)


@importer("FLOOR_MOD", doc=DOC)
def floor_mod(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    """The sign is the divisor's."""
    if not is_float(a):
        return op.Mod(a, b)
    rest = op.Mod(a, b, fmod=1)
    apart = op.Xor(op.Less(rest, like(0, a)), op.Less(b, like(0, a)))
    wrong = op.And(apart, op.Not(op.Equal(rest, like(0, a))))
    return op.Where(wrong, op.Add(rest, b), rest)


@importer("STABLEHLO_REMAINDER", doc=DOC)
def remainder(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    """The sign is the dividend's."""
    return op.Mod(a, b, fmod=1)


@importer("ATAN2", doc=DOC)
def atan2(node: ImportedNode, op: Op, y: Value, x: Value) -> Value:
    """The angle of (x, y); 0 and half a turn on the axis of x."""
    half, zero = like(math.pi, x), like(0, x)
    base = op.Atan(op.Div(y, x))
    turned = op.Where(op.Less(y, zero), op.Sub(base, half), op.Add(base, half))
    angle = op.Where(op.Less(x, zero), turned, base)
    upright = op.Mul(op.Sign(y), like(math.pi / 2, x))
    return op.Where(op.Equal(x, zero), upright, angle)


@importer("CAST", "STABLEHLO_CONVERT", doc=DOC, unused="in_data_type out_data_type")
def cast(node: ImportedNode, op: Op, x: Value) -> Value:
    """Floats are cut off; what does not fit wraps around for int8, else it is the nearest that fits."""
    kind = node.results[0].dtype
    if is_float(x) and kind == ir.DataType.INT8:
        return op.Cast(op.Cast(x, to=ir.DataType.INT32), to=kind)
    if is_float(x) and kind in (ir.DataType.UINT8, ir.DataType.INT16):
        limits = np.iinfo(kind.numpy())
        x = op.Clip(x, like(limits.min, x), like(limits.max, x))
    return as_type(op, x, kind)


@importer("RIGHT_SHIFT", doc=DOC)
def right_shift(node: ImportedNode, op: Op, x: Value, places: Value) -> Value:
    """Arithmetic: what is less than 0 stays so."""
    if x.dtype is not None and not x.dtype.is_signed():
        return op.BitShift(x, places, direction="RIGHT")
    most = (x.dtype or ir.DataType.INT32).itemsize * 8 - 1
    bounded = op.Min(op.Max(places, like(0, x)), like(most, x))
    power = op.Pow(like(2.0, x).astype(np.float64), op.Cast(bounded, to=ir.DataType.DOUBLE))
    exact = op.Floor(op.Div(op.Cast(x, to=ir.DataType.DOUBLE), power))
    return op.Cast(exact, to=x.dtype)


@importer("STABLEHLO_CLAMP", doc=DOC)
def clamp(node: ImportedNode, op: Op, low: Value, x: Value, high: Value) -> Value:
    return op.Min(op.Max(x, low), high)
