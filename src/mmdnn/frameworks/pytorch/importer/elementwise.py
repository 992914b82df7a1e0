"""Arithmetic element by element.

`round` rounds halves to even, `%` has the divisor's sign, `fmod` the dividend's; `/` of integers gives
floats; clamping to an empty range gives its upper end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import dtypes
from mmdnn.frameworks.pytorch.importer.dtypes import cast, floating, like, together, wide
from mmdnn.frameworks.pytorch.importer.table import TORCH, ImportedCall, Value, importer
from mmdnn.ir.builder import Op

_FLOATS = {
    "acos": "Acos", "acosh": "Acosh", "asin": "Asin", "asinh": "Asinh", "atan": "Atan",
    "atanh": "Atanh", "cos": "Cos", "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "log": "Log",
    "reciprocal": "Reciprocal", "sin": "Sin", "sinh": "Sinh", "sqrt": "Sqrt", "tan": "Tan",
    "tanh": "Tanh", "sigmoid": "Sigmoid", "arccos": "Acos", "arcsin": "Asin", "arctan": "Atan",
    "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "special_expit": "Sigmoid",
    "special_erf": "Erf",
}  # fmt: skip
_SAME = {
    "abs": "Abs",
    "neg": "Neg",
    "absolute": "Abs",
    "negative": "Neg",
    "sign": "Sign",
    "sgn": "Sign",
}
_ROUNDINGS = {"ceil": "Ceil", "floor": "Floor"}


def _of_floats(type_: str) -> Callable[[ImportedCall, Op, Value], Value]:
    return lambda node, op, x: op[type_](floating(op, x))


def _of_any(type_: str) -> Callable[[ImportedCall, Op, Value], Value]:
    return lambda node, op, x: cast(op, op[type_](wide(op, x)), dtypes.of(x))


def _rounding(type_: str) -> Callable[[ImportedCall, Op, Value], Value]:
    return lambda node, op, x: op[type_](x) if dtypes.is_float(x) else op.Identity(x)


for _table, _make in ((_FLOATS, _of_floats), (_SAME, _of_any), (_ROUNDINGS, _rounding)):
    for _name, _type in _table.items():
        importer(_name, doc=f"{TORCH}#pointwise-ops")(_make(_type))


def arithmetic(op: Op, type_: str, a: Any, b: Any) -> Value:
    """Two operands in their common type; truth values add as "or" and multiply as "and"."""
    a, b = together(op, a, b)
    kind = kind_of(a)
    return cast(op, op[type_](wide(op, a), wide(op, b)), kind)


def kind_of(x: Any) -> ir.DataType:
    return dtypes.of(x) if isinstance(x, ir.Value) else ir.DataType.from_numpy(x.dtype)


def scaled(op: Op, x: Any, alpha: Any) -> Any:
    """An operand times a number, which is left out where it is 1."""
    if alpha is None or (not isinstance(alpha, ir.Value) and alpha == 1):
        return x
    return (
        arithmetic(op, "Mul", x, alpha)
        if isinstance(x, ir.Value) or isinstance(alpha, ir.Value)
        else x * alpha
    )


@importer("add", doc=f"{TORCH}.add")
def add(node: ImportedCall, op: Op, x: Value, y: Any, *, alpha: Any) -> Value:
    return arithmetic(op, "Add", x, scaled(op, y, alpha))


@importer("sub", "subtract", doc=f"{TORCH}.sub")
def sub(node: ImportedCall, op: Op, x: Value, y: Any, *, alpha: Any) -> Value:
    return arithmetic(op, "Sub", x, scaled(op, y, alpha))


@importer("rsub", doc=f"{TORCH}.sub")
def rsub(node: ImportedCall, op: Op, x: Value, y: Any, *, alpha: Any) -> Value:
    return arithmetic(op, "Sub", y, scaled(op, x, alpha))


@importer("mul", "multiply", doc=f"{TORCH}.mul")
def mul(node: ImportedCall, op: Op, x: Value, y: Any) -> Value:
    return arithmetic(op, "Mul", x, y)


@importer("div", "divide", "true_divide", doc=f"{TORCH}.div")
def div(node: ImportedCall, op: Op, x: Value, y: Any, *, rounding_mode: str) -> Value:
    if rounding_mode == "floor":
        return floor_divide(node, op, x, y)
    if rounding_mode == "trunc":
        a, b = together(op, x, y)
        quotient = op.Div(wide(op, a), wide(op, b))
        return (
            truncated(op, quotient) if dtypes.is_float(quotient) else cast(op, quotient, kind_of(a))
        )
    a, b = together(op, x, y, floats=True)
    return op.Div(a, b)


@importer("floor_divide", doc=f"{TORCH}.floor_divide")
def floor_divide(node: ImportedCall, op: Op, x: Value, y: Any) -> Value:
    a, b = together(op, x, y)
    kind = kind_of(a)
    a, b = wide(op, a), wide(op, b)
    if kind.is_floating_point():
        return op.Floor(op.Div(a, b))
    return cast(op, op.Div(op.Sub(a, op.Mod(a, b)), b), kind)


def truncated(op: Op, x: Value) -> Value:
    """Rounded towards zero."""
    return op.Mul(op.Sign(x), op.Floor(op.Abs(x)))


def remainder_of(op: Op, a: Any, b: Any) -> Value:
    """What is left of a division, with the divisor's sign."""
    left = op.Mod(a, b, fmod=1)
    zero = like(left, 0)
    other = op.And(op.Not(op.Equal(left, zero)), op.Xor(op.Less(left, zero), op.Less(b, zero)))
    return op.Where(other, op.Add(left, b), left)


@importer("remainder", doc=f"{TORCH}.remainder")
def remainder(node: ImportedCall, op: Op, x: Any, y: Any) -> Value:
    a, b = together(op, x, y)
    kind = kind_of(a)
    a, b = wide(op, a), wide(op, b)
    if kind.is_floating_point():
        return remainder_of(op, a, b)
    return cast(op, op.Mod(a, b), kind)


@importer("fmod", doc=f"{TORCH}.fmod")
def fmod(node: ImportedCall, op: Op, x: Value, y: Any) -> Value:
    a, b = together(op, x, y)
    return cast(op, op.Mod(wide(op, a), wide(op, b), fmod=1), kind_of(a))


@importer("pow", doc=f"{TORCH}.pow")
def power(node: ImportedCall, op: Op, x: Any, exponent: Any) -> Value:
    if isinstance(exponent, (int, float)) and exponent == 2:
        return arithmetic(op, "Mul", x, x)
    if exponent == 0.5 and dtypes.is_float(x):
        return op.Sqrt(x)
    a, b = together(op, x, exponent)
    return cast(op, op.Pow(wide(op, a), wide(op, b)), kind_of(a))


@importer("float_power", doc=f"{TORCH}.float_power")
def float_power(node: ImportedCall, op: Op, x: Any, exponent: Any) -> Value:
    return op.Pow(cast(op, x, dtypes.DOUBLE), cast(op, exponent, dtypes.DOUBLE))


@importer("square", doc=f"{TORCH}.square")
def square(node: ImportedCall, op: Op, x: Value) -> Value:
    return arithmetic(op, "Mul", x, x)


@importer("rsqrt", doc=f"{TORCH}.rsqrt")
def rsqrt(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.Reciprocal(op.Sqrt(floating(op, x)))


@importer("round", doc=f"{TORCH}.round")
def round_(node: ImportedCall, op: Op, x: Value, *, decimals: int) -> Value:
    if not dtypes.is_float(x):
        return op.Identity(x)
    if not decimals:
        return op.Round(x)
    scale = like(x, 10.0 ** abs(decimals))
    if decimals > 0:
        return op.Div(op.Round(op.Mul(x, scale)), scale)
    return op.Mul(op.Round(op.Div(x, scale)), scale)


@importer("trunc", "fix", doc=f"{TORCH}.trunc")
def trunc(node: ImportedCall, op: Op, x: Value) -> Value:
    return truncated(op, x) if dtypes.is_float(x) else op.Identity(x)


@importer("frac", doc=f"{TORCH}.frac")
def frac(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.Sub(x, truncated(op, x))


def _extreme(type_: str, wins: str) -> Callable[..., Value]:
    def extreme(node: ImportedCall, op: Op, x: Value, y: Any) -> Value:
        a, b = together(op, x, y)
        kind = kind_of(a)
        found = cast(op, op[type_](wide(op, a), wide(op, b)), kind)
        if not kind.is_floating_point():
            return found
        if wins == "numbers":
            return op.Where(op.IsNaN(a), b, op.Where(op.IsNaN(b), a, found))
        return found

    return extreme


importer("maximum", doc=f"{TORCH}.maximum")(_extreme("Max", "nan"))
importer("minimum", doc=f"{TORCH}.minimum")(_extreme("Min", "nan"))
importer("fmax", doc=f"{TORCH}.fmax")(_extreme("Max", "numbers"))
importer("fmin", doc=f"{TORCH}.fmin")(_extreme("Min", "numbers"))


@importer("clamp", "clip", "clamp_min", "clamp_max", "hardtanh", "relu6", doc=f"{TORCH}.clamp")
def clamp(node: ImportedCall, op: Op, x: Value, low: Any = None, high: Any = None) -> Value:
    """The lower limit first, so that the upper one counts where they cross."""
    if node.type == "relu6":
        low, high = 0, 6
    if node.type == "clamp_max":
        low, high = None, low
    limits = [limit for limit in (low, high) if limit is not None]
    dtype = dtypes.common([x, *limits])
    y, kind = cast(op, x, dtype), dtype
    plain = not any(isinstance(limit, ir.Value) for limit in limits)
    if plain and kind in {
        ir.DataType.FLOAT,
        ir.DataType.DOUBLE,
        ir.DataType.FLOAT16,
        ir.DataType.INT64,
        ir.DataType.INT32,
    }:
        crossed = low is not None and high is not None and low > high
        low = high if crossed else low
        return op.Clip(y, *(None if limit is None else like(y, limit) for limit in (low, high)))
    for type_, limit in (("Max", low), ("Min", high)):
        if limit is not None:
            y = cast(op, op[type_](wide(op, y), wide(op, cast(op, limit, kind))), kind)
    return y


@importer("lerp", doc=f"{TORCH}.lerp")
def lerp(node: ImportedCall, op: Op, x: Value, end: Value, weight: Any) -> Value:
    return op.Add(x, op.Mul(cast(op, weight, dtypes.of(x)), op.Sub(end, x)))


@importer("addcmul", doc=f"{TORCH}.addcmul")
def addcmul(node: ImportedCall, op: Op, x: Value, a: Value, b: Value, *, value: Any) -> Value:
    return arithmetic(op, "Add", x, scaled(op, arithmetic(op, "Mul", a, b), value))


@importer("addcdiv", doc=f"{TORCH}.addcdiv")
def addcdiv(node: ImportedCall, op: Op, x: Value, a: Value, b: Value, *, value: Any) -> Value:
    a, b = together(op, a, b, floats=True)
    return arithmetic(op, "Add", x, op.Div(scaled(op, a, value), b))


@importer("nan_to_num", doc=f"{TORCH}.nan_to_num")
def nan_to_num(node: ImportedCall, op: Op, x: Value, nan: Any, posinf: Any, neginf: Any) -> Value:
    if not dtypes.is_float(x):
        return op.Identity(x)
    limits = np.finfo(dtypes.of(x).numpy())
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    y = op.Where(op.IsNaN(x), like(x, nan or 0), x)
    y = op.Where(op.Equal(x, like(x, np.inf)), like(x, high), y)
    return op.Where(op.Equal(x, like(x, -np.inf)), like(x, low), y)


@importer(
    "to", "_to_copy", "type_as", "float", "clone", "contiguous", "alias", "detach", "lift_fresh",
    "lift_fresh_copy", "positive", "dropout", "alpha_dropout", "feature_dropout", "_conj_physical",
    "feature_alpha_dropout", "detach_copy", "resolve_conj", "resolve_neg", "cpu", "_assert_tensor_metadata",
    doc=f"{TORCH}", unused="p a size stride",
)  # fmt: skip
def identity(
    node: ImportedCall, op: Op, x: Value, *, dtype: ir.DataType, other: Value, train: bool
) -> Value:
    """What gives its input back, in another type at most."""
    if node.type == "_assert_tensor_metadata":
        return x
    if train:
        node.refuse("it drops at random")
    target = dtype or (other.dtype if isinstance(other, ir.Value) else None)
    if target is None or target == x.dtype:
        return op.Identity(x) if node.type in {"clone", "lift_fresh_copy", "_to_copy"} else x
    if (
        target.is_integer()
        and dtypes.is_float(x)
        and target in {ir.DataType.UINT8, ir.DataType.INT8, ir.DataType.INT16}
    ):
        return op.Cast(op.Cast(x, to=dtypes.INT32), to=target)
    return op.Cast(x, to=target)


@importer("native_dropout", doc=f"{TORCH}", unused="p")
def native_dropout(node: ImportedCall, op: Op, x: Value, *, train: bool) -> list[Value]:
    if train:
        node.refuse("it drops at random")
    return [x, op.Cast(op.Add(op.Mul(x, like(x, 0)), like(x, 1)), to=dtypes.BOOL)]
