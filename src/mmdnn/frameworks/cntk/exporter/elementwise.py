"""Operators on each element (Source/Math/TensorOps.h of CNTK 2.7).

CNTK's arithmetic is guarded: x/0 is 0, the logarithm of what is below 1e-37 is -85.1, the root of a
negative number 0. ONNX has infinities and NaN there, which are put in where they can occur. (Between 0 and
1e-37 the logarithm stays -85.1.) What is CNTK's own arithmetic, spelled out in the IR, is CNTK's again.
Types: CNTK has floats only, and what is whole or true is a float.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk._operators import ELEMENTS
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.insides import (
    ERF_BOTTOM,
    ERF_TOP,
    REST,
    ROUNDED,
    SIGN,
    TOWARDS_ZERO,
    TRUNCATED,
    formula,
    inside,
    polynomial,
)
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.frameworks.cntk.graph import Axis
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.values import is_nonnegative, is_nonzero, is_positive


def is_whole(value: ir.Value) -> bool:
    """Whether a value is of integers."""
    return value.dtype is not None and value.dtype.is_integer()


SPELLED = {
    "Acosh": "Select(Less(x, 1), nan, Log(x + Sqrt((x - 1) * (x + 1))))",
    "Ceil": "-Floor(-x)",
    "Round": ROUNDED,
    "Sign": SIGN,
}
"""The root of acosh is taken of a product, which keeps its digits near 1."""

BINARY = {"Sub": "Minus", "Mul": "ElementTimes"}


@exporter(*ELEMENTS, doc=f"{API}/cntk.ops#exp")
def unary(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    return cntk[ELEMENTS[node.type]](x)


@exporter(*SPELLED, doc="https://onnx.ai/onnx/operators/onnx__Round.html")
def spelled(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    return formula(cntk, SPELLED[node.type], x=x)


@exporter(*BINARY, doc=f"{API}/cntk.ops#plus")
def binary(node: ExportedNode, cntk: CNTK, x: Operand, y: Operand) -> Operand:
    return cntk[BINARY[node.type]](x, y)


@exporter("Identity", doc=f"{API}/cntk.ops#alias")
def identity(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    """Nothing, unless CNTK's own model had a function for it."""
    own = cntk.is_own and node.source_type in {"NoOp", "Pass", "StopGradient"}
    return cntk[node.source_type](x) if own else x


@exporter("Add", doc=f"{API}/cntk.ops#plus")
def add(node: ExportedNode, cntk: CNTK, x: Operand, y: Operand) -> Operand:
    found = cntk.matched("Add(Max(x, y), Softplus(Neg(Abs(Sub(x, y)))))")
    return cntk.LogPlus(found["x"], found["y"]) if found else cntk.Plus(x, y)


@exporter("Reciprocal", doc=f"{API}/cntk.ops#reciprocal")
def reciprocal(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    return cntk.Reciprocal(x) if is_nonzero(x.value) else inverse(cntk, x)


def inverse(cntk: CNTK, x: Operand) -> Operand:
    """The inverse of x as ONNX has it."""
    return formula(cntk, "Select(Equal(x, 0), inf, Reciprocal(x))", x=x)


@exporter("Log", doc=f"{API}/cntk.ops#log")
def log(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    if is_positive(x.value):
        return cntk.Log(x)
    if is_nonnegative(x.value):
        return formula(cntk, "Select(Equal(x, 0), -inf, Log(x))", x=x)
    return formula(cntk, "Select(Greater(x, 0), Log(x), Select(Equal(x, 0), -inf, nan))", x=x)


@exporter("Sqrt", doc=f"{API}/cntk.ops#sqrt")
def sqrt(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    """The root of `Relu(x)` is CNTK's root of x."""
    if found := cntk.matched("Sqrt(Relu(x))"):
        return cntk.Sqrt(found["x"])
    if is_nonnegative(x.value):
        return cntk.Sqrt(x)
    return formula(cntk, "Select(Less(x, 0), nan, Sqrt(x))", x=x)


@exporter("Div", doc=f"{API}/cntk.ops#element_divide")
def div(node: ExportedNode, cntk: CNTK, x: Operand, y: Operand) -> Operand:
    if is_whole(node.output):
        return formula(cntk, TRUNCATED, x=x, y=y)
    if is_nonzero(y.value):
        return cntk.divide(x, y)
    return cntk.ElementTimes(x, inverse(cntk, y))


@exporter("Mod", doc="https://onnx.ai/onnx/operators/onnx__Mod.html")
def mod(node: ExportedNode, cntk: CNTK, x: Operand, y: Operand, *, fmod: int) -> Operand:
    """The rest, of the sign of the divisor, or with `fmod` of the dividend."""
    return formula(cntk, REST if fmod else f"(z := {REST}) + Less(z * y, 0) * y", x=x, y=y)


_POWERS = {1.0: "x", 2.0: "x * x", 3.0: "x * x * x"}


@exporter("Pow", doc=f"{API}/cntk.ops#pow")
def pow_(node: ExportedNode, cntk: CNTK, x: Operand, y: Operand) -> Operand:
    """Small whole powers by multiplication, which CNTK's logarithm of a negative number cannot be."""
    numbers = y.numbers() if y.tensor is not None else None
    exponent = float(numbers.reshape(-1)[0]) if numbers is not None and numbers.size == 1 else None
    alone = y.rank <= x.rank
    if exponent in _POWERS and alone:
        return formula(cntk, _POWERS[exponent], x=x)
    if exponent == 0.5 and alone and is_nonnegative(x.value):
        return cntk.Sqrt(x)
    if is_nonzero(x.value) or is_nonnegative(y.value):
        return cntk.Pow(x, y)
    return formula(cntk, "Select(Equal(x, 0) * Less(y, 0), inf, Pow(x, y))", x=x, y=y)


@exporter("Sum", "Mean", doc=f"{API}/cntk.ops#sum")
def total(node: ExportedNode, cntk: CNTK, first: Operand, *rest: Operand) -> Operand:
    if not rest:
        return first
    with cntk.block(node.type):
        for one in rest:
            first = cntk.Plus(first, one)
        return (
            first if node.type == "Sum" else cntk.divide(first, cntk.number(len(rest) + 1, first))
        )


@exporter("Max", "Min", doc=f"{API}/cntk.ops#element_max")
def extreme(node: ExportedNode, cntk: CNTK, *operands: Operand) -> Operand:
    clipped = cntk.is_own and node.source_type == "Clip" and cntk.matched("Min(Max(x, low), high)")
    if clipped:
        return cntk.make("Clip", *clipped.values(), shape=clipped["x"].shape)
    made, *rest = operands
    for one in rest:
        made = larger(cntk, made, one) if node.type == "Max" else smaller(cntk, made, one)
    return made


def larger(cntk: CNTK, x: Operand, y: Operand) -> Operand:
    """The larger of two."""
    return inside(cntk, "ElementMax", x, y)


def smaller(cntk: CNTK, x: Operand, y: Operand) -> Operand:
    """The smaller of two."""
    return inside(cntk, "ElementMin", x, y)


@exporter("Clip", doc=f"{API}/cntk.ops#clip")
def clip(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    low: Operand | None = None,
    high: Operand | None = None,
) -> Operand:
    if low is None or high is None:
        x = x if low is None else larger(cntk, x, low)
        return x if high is None else smaller(cntk, x, high)
    least, most = low.numbers(), high.numbers()
    if least is None or most is None or least > most:
        return smaller(cntk, larger(cntk, x, low), high)
    return cntk.make("Clip", x, low, high, shape=x.shape)


WIDE = {ir.DataType.INT32, ir.DataType.INT64, ir.DataType.UINT32, ir.DataType.UINT64}


@exporter("Cast", doc=f"{API}/cntk.ops#cast", unused="saturate")
def cast(node: ExportedNode, cntk: CNTK, x: Operand, *, to: int) -> Operand:
    """Numbers become whole or truth values by what CNTK has for that; both are floats."""
    own = _own_cast(cntk)
    if own is not None:
        return own
    kind = ir.DataType(to)
    before = x.value.dtype if x.value is not None else None
    if kind == ir.DataType.BOOL and before != ir.DataType.BOOL:
        x = formula(cntk, "NotEqual(x, 0)", x=x)
    elif kind.is_integer() and before is not None and before.is_floating_point():
        x = formula(cntk, TOWARDS_ZERO, x=x)
    if kind.is_integer() and kind not in WIDE and before not in {ir.DataType.BOOL, kind}:
        node.refuse(f"CNTK has no {kind.name}, and its numbers would have to wrap around")
    return cntk.cast(x, cntk.scope.kind(kind))


def _own_cast(cntk: CNTK) -> Operand | None:
    """CNTK's `OneHot`, and its product of half numbers, which the IR has in several operators."""
    if not cntk.is_own or cntk.node.source_type not in {"OneHot", "Times"}:
        return None
    if found := cntk.matched("Cast(MatMul(Cast(x), Cast(y)))"):
        return _half_product(cntk, **found)
    found = cntk.matched("Cast(Equal(Unsqueeze(Cast(Floor(x)), axes), numbers))")
    return _one_hot(cntk, **found) if found else None


def _one_hot(cntk: CNTK, x: Operand, axes: Operand, numbers: Operand) -> Operand | None:
    known = numbers.numbers()
    if known is None or not np.array_equal(known.reshape(-1), np.arange(known.size)):
        return None
    position = cntk.node.front(cntk.node.ints(axes, "axes")[0], x.rank + 1)
    layout = (*x.layout[:position], None, *x.layout[position:])
    place = sum(axis is None for axis in layout[:position])
    return cntk.make(
        "OneHot",
        x,
        shape=(*x.shape[:place], known.size, *x.shape[place:]),
        layout=layout,
        numClass=known.size,
        oneHotOutputSparse=False,
        onehotAxis=Axis(len(x.shape) - place),
    )


def _half_product(cntk: CNTK, x: Operand, y: Operand) -> Operand | None:
    if any(one.dtype != ir.DataType.FLOAT16 for one in (x, y)):
        return None
    return cntk.times(x, y) if y.is_static and len(y.shape) == 2 else None


@exporter("Dropout", doc=f"{API}/cntk.layers.layers#Dropout", unused="seed")
def dropout(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    ratio: Operand | None = None,
    training: Operand | None = None,
) -> Operand:
    """Drops when CNTK trains, and then only; a Dropout of nothing is left out."""
    if training is not None and node.numbers(training, "mode").any():
        node.refuse("a Dropout that always drops")
    if node.wants(1):
        node.refuse("the mask of a Dropout")
    rate = 0.5 if ratio is None else float(str(node.numbers(ratio, "ratio").reshape(-1)[0]))
    if not 0 <= rate < 1:
        node.refuse(f"it drops {rate}")
    with cntk.block("Dropout", layer=True):
        return cntk.Dropout(x, dropoutRate=rate, rngSeed=next(cntk.scope.seeds), rngOffset=0)


@exporter("Erf", doc="https://onnx.ai/onnx/operators/onnx__Erf.html")
def erf(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    """The quotient of polynomials by which float32 engines compute it; CNTK has no function for it.

    From 4 on erf is 1 in float32. The error is one or two units in the last place.
    """
    if x.dtype.itemsize > 4:
        node.refuse("CNTK has no erf, and this one is one of float32")
    with cntk.block("Erf"):
        inner = cntk.Clip(x, cntk.number(-4, x), cntk.number(4, x))
        text = f"inner * {polynomial(*ERF_TOP)} / {polynomial(*ERF_BOTTOM)}"
        return formula(cntk, text, inner=inner, square=cntk.ElementTimes(inner, inner))
