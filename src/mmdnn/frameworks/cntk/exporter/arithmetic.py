"""Arithmetic on each element (Source/Math/TensorOps.h of CNTK 2.7).

CNTK's arithmetic is guarded: x/0 is 0, the logarithm of what is below 1e-37 is -85.1, the root of a
negative number 0. ONNX has infinities and NaN there, which are put in where they can occur. (Between 0 and
1e-37 the logarithm stays -85.1.) What is CNTK's own arithmetic, spelled out in the IR, is CNTK's again.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.guarded import log_plus
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.signs import is_nonnegative, is_nonzero, is_positive
from mmdnn.frameworks.cntk.exporter.table import API, Exporting, exporter
from mmdnn.frameworks.cntk.exporter.writing import Writing

UNARY = {
    "Neg": "Negate",
    "Exp": "Exp",
    "Floor": "Floor",
    "Abs": "Abs",
    "Sin": "Sin",
    "Cos": "Cos",
    "Tan": "Tan",
    "Sinh": "Sinh",
    "Cosh": "Cosh",
    "Asin": "Asin",
    "Acos": "Acos",
    "Atan": "Atan",
    "Asinh": "Asinh",
    "Atanh": "Atanh",
}

BINARY = {
    "Sub": "Minus",
    "Mul": "ElementTimes",
    "Less": "Less",
    "LessOrEqual": "LessEqual",
    "Greater": "Greater",
    "GreaterOrEqual": "GreaterEqual",
    "Equal": "Equal",
}


@exporter(*UNARY, doc=f"{API}/cntk.ops#exp")
def unary(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    return getattr(cntk, UNARY[node.type])(x)


@exporter(*BINARY, doc=f"{API}/cntk.ops#plus")
def binary(node: Exporting, cntk: Writing, x: Operand, y: Operand) -> Operand:
    return getattr(cntk, BINARY[node.type])(x, y)


@exporter("Identity", doc=f"{API}/cntk.ops#alias")
def identity(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    """Nothing, unless CNTK's own model had a function for it."""
    own = cntk.is_own and node.source_type in {"NoOp", "Pass", "StopGradient"}
    return getattr(cntk, node.source_type)(x) if own else x


@exporter("Add", doc=f"{API}/cntk.ops#plus")
def add(node: Exporting, cntk: Writing, x: Operand, y: Operand) -> Operand:
    found = log_plus(node.node)
    return cntk.LogPlus(*map(cntk.operand, found)) if found else cntk.Plus(x, y)


@exporter("Reciprocal", doc=f"{API}/cntk.ops#reciprocal")
def reciprocal(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    made = cntk.Reciprocal(x)
    return made if is_nonzero(x.value) else infinite_at_zero(cntk, x, made)


def infinite_at_zero(cntk: Writing, x: Operand, inverse: Operand) -> Operand:
    """The inverse of x as ONNX has it."""
    zero = cntk.Equal(x, cntk.number(0, x))
    return cntk.Select(zero, cntk.number(np.inf, x), inverse)


@exporter("Log", doc=f"{API}/cntk.ops#log")
def log(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    made, zero = cntk.Log(x), cntk.number(0, x)
    if is_positive(x.value):
        return made
    none = cntk.number(np.nan, x)
    if is_nonnegative(x.value):
        return cntk.Select(cntk.Equal(x, zero), cntk.number(-np.inf, x), made)
    below = cntk.Select(cntk.Equal(x, zero), cntk.number(-np.inf, x), none)
    return cntk.Select(cntk.Greater(x, zero), made, below)


@exporter("Sqrt", doc=f"{API}/cntk.ops#sqrt")
def sqrt(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    """The root of `Relu(x)` is CNTK's root of x."""
    relu = x.producer("Relu")
    if relu is not None and relu.inputs[0] is not None:
        return cntk.Sqrt(cntk.operand(relu.inputs[0]))
    made = cntk.Sqrt(x)
    if is_nonnegative(x.value):
        return made
    below = cntk.Less(x, cntk.number(0, x))
    return cntk.Select(below, cntk.number(np.nan, x), made)


@exporter("Div", doc=f"{API}/cntk.ops#element_divide")
def div(node: Exporting, cntk: Writing, x: Operand, y: Operand) -> Operand:
    if is_whole(node.output):
        return truncated(cntk, x, y)
    if is_nonzero(y.value):
        return cntk.divide(x, y)
    return cntk.ElementTimes(x, infinite_at_zero(cntk, y, cntk.Reciprocal(y)))


def is_whole(value: ir.Value) -> bool:
    """Whether a value is of integers."""
    return value.dtype is not None and value.dtype.is_integer()


def sign(cntk: Writing, x: Operand) -> Operand:
    """-1, 0 or 1."""
    zero = cntk.number(0, x)
    return cntk.Minus(cntk.Greater(x, zero), cntk.Less(x, zero))


def truncated(cntk: Writing, x: Operand, y: Operand) -> Operand:
    """The quotient of integers, towards 0: a half on top keeps rounding away from whole numbers."""
    half = cntk.number(0.5, x)
    size = cntk.Floor(cntk.divide(cntk.Plus(cntk.Abs(x), half), cntk.Abs(y)))
    return cntk.ElementTimes(cntk.ElementTimes(sign(cntk, x), sign(cntk, y)), size)


@exporter("Mod", doc="https://onnx.ai/onnx/operators/onnx__Mod.html")
def mod(node: Exporting, cntk: Writing, x: Operand, y: Operand) -> Operand:
    """The rest, of the sign of the divisor, or with `fmod` of the dividend."""
    like_dividend = node.attribute("fmod", 0)
    size = cntk.Abs(y)
    rest = cntk.Abs(x)
    rest = cntk.Minus(rest, cntk.ElementTimes(cntk.Floor(cntk.divide(rest, size)), size))
    rest = cntk.Plus(rest, cntk.ElementTimes(cntk.Less(rest, cntk.number(0, x)), size))
    rest = cntk.Minus(rest, cntk.ElementTimes(cntk.GreaterEqual(rest, size), size))
    rest = cntk.ElementTimes(sign(cntk, x), rest)
    if like_dividend:
        return rest
    other = cntk.Less(cntk.ElementTimes(rest, y), cntk.number(0, x))
    return cntk.Plus(rest, cntk.ElementTimes(other, y))


_POWERS = {1.0: 1, 2.0: 2, 3.0: 3}


@exporter("Pow", doc=f"{API}/cntk.ops#pow")
def pow_(node: Exporting, cntk: Writing, x: Operand, y: Operand) -> Operand:
    """Small whole powers by multiplication, which CNTK's logarithm of a negative number cannot be."""
    numbers = y.numbers() if y.tensor is not None else None
    exponent = float(numbers.reshape(-1)[0]) if numbers is not None and numbers.size == 1 else None
    alone = y.rank <= x.rank
    if exponent in _POWERS and alone:
        made = x
        for _ in range(_POWERS[exponent] - 1):
            made = cntk.ElementTimes(made, x)
        return made
    if exponent == 0.5 and alone and is_nonnegative(x.value):
        return cntk.Sqrt(x)
    made = cntk.Pow(x, y)
    if is_nonzero(x.value) or is_nonnegative(y.value):
        return made
    zero, none = cntk.Equal(x, cntk.number(0, x)), cntk.number(0, y)
    infinite = cntk.ElementTimes(zero, cntk.Less(y, none))
    return cntk.Select(infinite, cntk.number(np.inf, x), made)


@exporter("Ceil", doc=f"{API}/cntk.ops#ceil")
def ceil(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    return cntk.Negate(cntk.Floor(cntk.Negate(x)))


@exporter("Round", doc="https://onnx.ai/onnx/operators/onnx__Round.html")
def round_(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    """Halves to the even neighbour; `cntk.round` takes them up."""
    return rounded(cntk, x)


def rounded(cntk: Writing, x: Operand) -> Operand:
    """Rounded, halves to the even neighbour."""
    half = cntk.number(0.5, x)
    low = cntk.Floor(x)
    rest = cntk.Minus(x, low)
    pairs = cntk.Floor(cntk.ElementTimes(low, half))
    odd = cntk.Minus(low, cntk.Plus(pairs, pairs))
    up = cntk.Plus(cntk.Greater(rest, half), cntk.ElementTimes(cntk.Equal(rest, half), odd))
    return cntk.Plus(low, up)


@exporter("Sign", doc="https://onnx.ai/onnx/operators/onnx__Sign.html")
def sign_(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    return sign(cntk, x)


@exporter("Acosh", doc="https://onnx.ai/onnx/operators/onnx__Acosh.html")
def acosh(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    """log(x + sqrt(x^2 - 1)), the root taken of a product, which keeps its digits near 1."""
    one = cntk.number(1, x)
    root = cntk.Sqrt(cntk.ElementTimes(cntk.Minus(x, one), cntk.Plus(x, one)))
    return cntk.Log(cntk.Plus(x, root))


@exporter("Sum", "Mean", doc=f"{API}/cntk.ops#sum")
def total(node: Exporting, cntk: Writing, first: Operand, *rest: Operand) -> Operand:
    if not rest:
        return first
    with cntk.block(node.type):
        for one in rest:
            first = cntk.Plus(first, one)
        return (
            first if node.type == "Sum" else cntk.divide(first, cntk.number(len(rest) + 1, first))
        )
