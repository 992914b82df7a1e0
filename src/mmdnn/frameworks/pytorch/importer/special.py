"""Functions that ONNX has no operator for, element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mmdnn.frameworks.pytorch.importer import dtypes
from mmdnn.frameworks.pytorch.importer.dtypes import floating, like, together
from mmdnn.frameworks.pytorch.importer.elementwise import kind_of
from mmdnn.frameworks.pytorch.importer.table import TORCH, ImportedCall, Value, importer
from mmdnn.ir.builder import Op


@importer("expm1", "special_expm1", doc=f"{TORCH}.expm1")
def expm1(node: ImportedCall, op: Op, x: Value) -> Value:
    """As 2 tanh(x/2) / (1 - tanh(x/2)), which is exact near 0 too."""
    x = floating(op, x)
    half = op.Tanh(op.Mul(x, like(x, 0.5)))
    near = op.Div(op.Mul(half, like(x, 2)), op.Sub(like(x, 1), half))
    return op.Where(op.Less(op.Abs(x), like(x, 1)), near, op.Sub(op.Exp(x), like(x, 1)))


@importer("log1p", "special_log1p", doc=f"{TORCH}.log1p")
def log1p(node: ImportedCall, op: Op, x: Value) -> Value:
    """As 2 atanh(x / (2 + x)), which is exact near 0 too."""
    x = floating(op, x)
    near = op.Mul(op.Atanh(op.Div(x, op.Add(x, like(x, 2)))), like(x, 2))
    return op.Where(op.Less(op.Abs(x), like(x, 0.5)), near, op.Log(op.Add(x, like(x, 1))))


@importer("log2", doc=f"{TORCH}.log2")
def log2(node: ImportedCall, op: Op, x: Value) -> Value:
    x = floating(op, x)
    return op.Div(op.Log(x), like(x, math.log(2)))


@importer("log10", doc=f"{TORCH}.log10")
def log10(node: ImportedCall, op: Op, x: Value) -> Value:
    x = floating(op, x)
    return op.Div(op.Log(x), like(x, math.log(10)))


@importer("exp2", "special_exp2", doc=f"{TORCH}.exp2")
def exp2(node: ImportedCall, op: Op, x: Value) -> Value:
    x = floating(op, x)
    return op.Pow(like(x, 2), x)


@importer("erfc", "special_erfc", doc=f"{TORCH}.erfc")
def erfc(node: ImportedCall, op: Op, x: Value) -> Value:
    x = floating(op, x)
    return op.Sub(like(x, 1), op.Erf(x))


@importer("sinc", "special_sinc", doc=f"{TORCH}.sinc")
def sinc(node: ImportedCall, op: Op, x: Value) -> Value:
    x = floating(op, x)
    angle = op.Mul(x, like(x, math.pi))
    return op.Where(op.Equal(x, like(x, 0)), like(x, 1), op.Div(op.Sin(angle), angle))


@importer("deg2rad", doc=f"{TORCH}.deg2rad")
def deg2rad(node: ImportedCall, op: Op, x: Value) -> Value:
    x = floating(op, x)
    return op.Mul(x, like(x, math.pi / 180))


@importer("rad2deg", doc=f"{TORCH}.rad2deg")
def rad2deg(node: ImportedCall, op: Op, x: Value) -> Value:
    x = floating(op, x)
    return op.Mul(x, like(x, 180 / math.pi))


@importer("logit", "special_logit", doc=f"{TORCH}.logit")
def logit(node: ImportedCall, op: Op, x: Value, *, eps: float) -> Value:
    x = floating(op, x)
    if eps is not None:
        x = op.Clip(x, like(x, eps), like(x, 1 - eps))
    return op.Log(op.Div(x, op.Sub(like(x, 1), x)))


@importer("atan2", "arctan2", doc=f"{TORCH}.atan2")
def atan2(node: ImportedCall, op: Op, y: Value, x: Value) -> Value:
    y, x = together(op, y, x, floats=True)
    zero, half, whole = like(x, 0), like(x, math.pi / 2), like(x, math.pi)
    angle = op.Atan(op.Div(y, x))
    turned = op.Where(op.Less(y, zero), op.Sub(angle, whole), op.Add(angle, whole))
    upright = op.Where(op.Less(y, zero), op.Neg(half), op.Where(op.Greater(y, zero), half, zero))
    on_axis = op.Equal(x, zero)
    return op.Where(on_axis, upright, op.Where(op.Less(x, zero), turned, angle))


@importer("hypot", doc=f"{TORCH}.hypot")
def hypot(node: ImportedCall, op: Op, x: Value, y: Value) -> Value:
    x, y = together(op, x, y)
    return op.Sqrt(op.Add(op.Mul(x, x), op.Mul(y, y)))


@importer("copysign", doc=f"{TORCH}.copysign")
def copysign(node: ImportedCall, op: Op, x: Value, y: Any) -> Value:
    """The sign of a zero counts: 1 / -0 is negative."""
    a, b = together(op, x, y, floats=True)
    zero = op.Equal(b, like(a, 0))
    negative = op.Less(op.Where(zero, op.Div(like(a, 1), b), b), like(a, 0))
    size = op.Abs(a)
    return op.Where(negative, op.Neg(size), size)


@importer("heaviside", doc=f"{TORCH}.heaviside")
def heaviside(node: ImportedCall, op: Op, x: Value, values: Value) -> Value:
    step = op.Cast(op.Greater(x, like(x, 0)), to=dtypes.of(x))
    return op.Where(op.Equal(x, like(x, 0)), values, step)


@importer("logaddexp", doc=f"{TORCH}.logaddexp")
def logaddexp(node: ImportedCall, op: Op, x: Value, y: Value) -> Value:
    x, y = together(op, x, y, floats=True)
    gap = op.Neg(op.Abs(op.Sub(x, y)))
    return op.Add(op.Max(x, y), op.Log(op.Add(like(x, 1), op.Exp(gap))))


@importer("xlogy", "special_xlogy", doc=f"{TORCH}.xlogy")
def xlogy(node: ImportedCall, op: Op, x: Any, y: Any) -> Value:
    a, b = together(op, x, y, floats=True)
    zero = np.zeros((), kind_of(a).numpy())
    found = op.Where(op.Equal(a, zero), zero, op.Mul(a, op.Log(b)))
    return op.Where(op.IsNaN(b), b, found)


def _gamma_terms() -> tuple[float, list[float]]:
    """Lanczos' approximation for g = 7 (P. Godfrey), good to 1e-15."""
    return 7.0, [
        0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
        -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
        1.5056327351493116e-7,
    ]  # fmt: skip


@importer("lgamma", "special_gammaln", doc=f"{TORCH}.lgamma")
def lgamma(node: ImportedCall, op: Op, x: Value) -> Value:
    """In double precision; below 1/2 by reflection."""
    kind = dtypes.of(floating(op, x))
    x = op.Cast(x, to=dtypes.DOUBLE)
    low = op.Less(x, like(x, 0.5))
    z = op.Sub(op.Where(low, op.Sub(like(x, 1), x), x), like(x, 1))
    g, terms = _gamma_terms()
    total: Any = like(x, terms[0])
    for place, term in enumerate(terms[1:], 1):
        total = op.Add(op.Div(like(x, term), op.Add(z, like(x, place))), total)
    t = op.Add(z, like(x, g + 0.5))
    half = like(x, 0.5 * math.log(2 * math.pi))
    found = op.Add(
        op.Sub(op.Mul(op.Add(z, like(x, 0.5)), op.Log(t)), t), op.Add(op.Log(total), half)
    )
    sine = op.Abs(op.Sin(op.Mul(op.Sub(x, op.Floor(x)), like(x, math.pi))))
    mirrored = op.Sub(op.Log(op.Div(like(x, math.pi), sine)), found)
    return op.Cast(op.Where(low, mirrored, found), to=kind)
