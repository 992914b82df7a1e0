"""Arithmetic, element by element; operators broadcast as ONNX's do."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.importer.table import (
    RAW,
    Complex,
    ImportedNode,
    Value,
    importer,
    is_float,
    same,
)
from mmdnn.ir.builder import Op

same(
    {
        "Abs": "Abs", "Neg": "Neg", "Log": "Log", "Sqrt": "Sqrt", "Sign": "Sign",
        "Floor": "Floor", "Ceil": "Ceil", "Round": "Round", "Rint": "Round", "Erf": "Erf",
        "Reciprocal": "Reciprocal", "Inv": "Reciprocal", "Sin": "Sin", "Cos": "Cos", "Tan": "Tan",
        "Asin": "Asin", "Acos": "Acos", "Atan": "Atan", "Sinh": "Sinh", "Cosh": "Cosh",
        "Asinh": "Asinh", "Acosh": "Acosh", "Atanh": "Atanh",
        "Add": "Add", "AddV2": "Add", "Sub": "Sub", "Pow": "Pow", "RealDiv": "Div",
        "Maximum": "Max", "Minimum": "Min",
        "BitwiseAnd": "BitwiseAnd", "BitwiseOr": "BitwiseOr", "BitwiseXor": "BitwiseXor",
        "Invert": "BitwiseNot",
    }
)  # fmt: skip


@importer(
    "Identity", "StopGradient", "Snapshot", "PreventGradient", "CheckNumerics", "ReadVariableXlaSplitND",
    "DebugIdentity", "PlaceholderWithDefault", "EnsureShape", "CopyHost", "DisableCopyOnRead", "Copy",
    doc=f"{RAW}/Identity", unused="message shape tensor_name",
)  # fmt: skip
def identity(node: ImportedNode, op: Op, x: Any) -> Any:
    """What is fed with a default is what the graph computes by itself."""
    return x


@importer("IdentityN", doc=f"{RAW}/IdentityN")
def identity_n(node: ImportedNode, op: Op, *inputs: Any) -> list[Any]:
    return list(inputs)


@importer("AddN", "AccumulateNV2", doc=f"{RAW}/AddN", unused="N shape")
def add_n(node: ImportedNode, op: Op, *inputs: Value) -> Value:
    if all(is_float(x) for x in inputs) and len(inputs) > 1:
        return op.Sum(*inputs)
    total = inputs[0]
    for x in inputs[1:]:
        total = op.Add(total, x)
    return total


@importer("Mul", doc=f"{RAW}/Mul")
def mul(node: ImportedNode, op: Op, a: Any, b: Any) -> Any:
    if not isinstance(a, Complex):
        return op.Mul(a, b)
    ac, bd = op.Mul(a.real, b.real), op.Mul(a.imaginary, b.imaginary)
    ad, bc = op.Mul(a.real, b.imaginary), op.Mul(a.imaginary, b.real)
    return Complex(op.Sub(ac, bd), op.Add(ad, bc))


@importer("Exp", doc=f"{RAW}/Exp")
def exp(node: ImportedNode, op: Op, x: Any) -> Any:
    if not isinstance(x, Complex):
        return op.Exp(x)
    size = op.Exp(x.real)
    return Complex(op.Mul(size, op.Cos(x.imaginary)), op.Mul(size, op.Sin(x.imaginary)))


@importer("Square", doc=f"{RAW}/Square")
def square(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Mul(x, x)


@importer("SquaredDifference", doc=f"{RAW}/SquaredDifference")
def squared_difference(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    gap = op.Sub(a, b)
    return op.Mul(gap, gap)


@importer("Rsqrt", doc=f"{RAW}/Rsqrt")
def rsqrt(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Reciprocal(op.Sqrt(x))


@importer("Expm1", doc=f"{RAW}/Expm1")
def expm1(node: ImportedNode, op: Op, x: Value) -> Value:
    """Exact near 0, too: 2 sinh(x/2) exp(x/2)."""
    half = op.Mul(x, node.constant(0.5, x))
    exact = op.Mul(op.Mul(op.Sinh(half), op.Exp(half)), node.constant(2, x))
    small = op.Less(op.Abs(x), node.constant(1, x))
    return op.Where(small, exact, op.Sub(op.Exp(x), node.constant(1, x)))


@importer("Log1p", doc=f"{RAW}/Log1p")
def log1p(node: ImportedNode, op: Op, x: Value) -> Value:
    """Exact near 0, too: 2 atanh(x / (x + 2))."""
    exact = op.Mul(op.Atanh(op.Div(x, op.Add(x, node.constant(2, x)))), node.constant(2, x))
    small = op.Less(op.Abs(x), node.constant(0.5, x))
    return op.Where(small, exact, op.Log(op.Add(x, node.constant(1, x))))


@importer("Erfc", doc=f"{RAW}/Erfc")
def erfc(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Sub(node.constant(1, x), op.Erf(x))


@importer("Lgamma", doc=f"{RAW}/Lgamma")
def lgamma(node: ImportedNode, op: Op, x: Value) -> Value:
    """Lanczos's approximation, in doubles; below 1/2 by reflection."""
    kind = x.dtype or ir.DataType.FLOAT
    x = op.Cast(x, to=ir.DataType.DOUBLE)
    one, half = np.float64(1), np.float64(0.5)
    reflects = op.Less(x, half)
    z = op.Sub(op.Where(reflects, op.Sub(one, x), x), one)
    total = op.Add(op.Mul(z, np.float64(0)), np.float64(_LANCZOS[0]))
    for place, coefficient in enumerate(_LANCZOS[1:], 1):
        total = op.Add(total, op.Div(np.float64(coefficient), op.Add(z, np.float64(place))))
    t = op.Add(z, np.float64(7.5))
    plain = op.Add(
        op.Sub(op.Mul(op.Add(z, half), op.Log(t)), t),
        op.Add(op.Log(total), np.float64(np.log(2 * np.pi) / 2)),
    )
    sine = op.Abs(op.Sin(op.Mul(op.Sub(x, op.Floor(x)), np.float64(np.pi))))
    mirrored = op.Sub(np.float64(np.log(np.pi)), op.Add(op.Log(sine), plain))
    return op.Cast(op.Where(reflects, mirrored, plain), to=kind)


_LANCZOS = (
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
    -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
    1.5056327351493116e-7,
)  # fmt: skip


@importer("ClipByValue", doc=f"{RAW}/ClipByValue")
def clip_by_value(node: ImportedNode, op: Op, x: Value, low: Value, high: Value) -> Value:
    return op.Max(op.Min(x, high), low)


@importer("Cast", doc=f"{RAW}/Cast", unused="Truncate")
def cast(node: ImportedNode, op: Op, x: Value, *, DstT: ir.DataType) -> Value:
    """Floats are cut off; what does not fit a small type of integers wraps around, as on x86."""
    if x.dtype == DstT:
        return x
    if is_float(x) and DstT in _SMALL:
        return op.Cast(op.Cast(x, to=ir.DataType.INT32), to=DstT)
    return op.Cast(x, to=DstT)


_SMALL = {ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16, ir.DataType.UINT16}


@importer("Div", "TruncateDiv", doc=f"{RAW}/TruncateDiv")
def div(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    """Integers are truncated."""
    if is_float(a) and node.type == "TruncateDiv":
        return _towards_zero(op, op.Div(a, b))
    return op.Div(a, b)


def _towards_zero(op: Op, x: Value) -> Value:
    return op.Mul(op.Sign(x), op.Floor(op.Abs(x)))


@importer("FloorDiv", doc=f"{RAW}/FloorDiv")
def floor_div(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    if is_float(a):
        return op.Floor(op.Div(a, b))
    quotient = op.Div(a, b)
    if quotient.const_value is not None or _is_unsigned(a):
        return quotient
    rest = op.Sub(a, op.Mul(quotient, b))
    zero = node.constant(0, a)
    apart = op.Xor(op.Less(rest, zero), op.Less(b, zero))
    down = op.And(apart, op.Not(op.Equal(rest, zero)))
    return op.Sub(quotient, op.Cast(down, to=a.dtype))


def _is_unsigned(x: Value) -> bool:
    return x.dtype is not None and not x.dtype.is_signed()


@importer("FloorMod", doc=f"{RAW}/FloorMod")
def floor_mod(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    """The sign is the divisor's."""
    if not is_float(a):
        return op.Mod(a, b)
    rest = op.Mod(a, b, fmod=1)
    zero = node.constant(0, a)
    apart = op.And(op.Xor(op.Less(rest, zero), op.Less(b, zero)), op.Not(op.Equal(rest, zero)))
    return op.Where(apart, op.Add(rest, b), rest)


@importer("Mod", "TruncateMod", doc=f"{RAW}/TruncateMod")
def truncate_mod(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    """The sign is the dividend's."""
    return op.Mod(a, b, fmod=1)


@importer("DivNoNan", doc=f"{RAW}/DivNoNan")
def div_no_nan(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    zero = node.constant(0, b)
    return op.Where(op.Equal(b, zero), zero, op.Div(a, b))


@importer("MulNoNan", doc=f"{RAW}/MulNoNan")
def mul_no_nan(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    zero = node.constant(0, b)
    return op.Where(op.Equal(b, zero), zero, op.Mul(a, b))


@importer("Xlogy", doc=f"{RAW}/Xlogy")
def xlogy(node: ImportedNode, op: Op, x: Value, y: Value) -> Value:
    zero = node.constant(0, x)
    return op.Where(op.Equal(x, zero), zero, op.Mul(x, op.Log(y)))


@importer("Xdivy", doc=f"{RAW}/Xdivy")
def xdivy(node: ImportedNode, op: Op, x: Value, y: Value) -> Value:
    zero = node.constant(0, x)
    return op.Where(op.Equal(x, zero), zero, op.Div(x, y))


@importer("LeftShift", doc=f"{RAW}/LeftShift")
def left_shift(node: ImportedNode, op: Op, x: Value, y: Value) -> Value:
    return _shifted(node, op, x, y, "LEFT")


@importer("RightShift", doc=f"{RAW}/RightShift")
def right_shift(node: ImportedNode, op: Op, x: Value, y: Value) -> Value:
    return _shifted(node, op, x, y, "RIGHT")


def _shifted(node: ImportedNode, op: Op, x: Value, y: Value, direction: str) -> Value:
    """ONNX shifts unsigned integers only: signed ones are multiplied by powers of two, or divided."""
    if _is_unsigned(x):
        return op.BitShift(x, y, direction=direction)
    power = op.Pow(op.Cast(np.int64(2), to=ir.DataType.INT64), op.Cast(y, to=ir.DataType.INT64))
    wide = op.Cast(x, to=ir.DataType.INT64)
    if direction == "LEFT":
        return op.Cast(op.Mul(wide, power), to=x.dtype)
    rest = op.Mod(wide, power)
    return op.Cast(op.Div(op.Sub(wide, rest), power), to=x.dtype)


@importer("Bitcast", doc=f"{RAW}/Bitcast")
def bitcast(node: ImportedNode, op: Op, x: Value, *, type: ir.DataType) -> Value:  # noqa: A002
    if x.dtype == type:
        return x
    return node.refuse(f"it makes {type.name} of {x.dtype.name if x.dtype else 'nothing'}")
