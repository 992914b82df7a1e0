"""Functions that ONNX has no operator for; the long ones as local functions in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array, choose
from mmdnn.ir.builder import Op

_LANCZOS = (
    0.99999999999980993,
    676.5203681218851,
    -1259.1392167224028,
    771.32342877765313,
    -176.61502916214059,
    12.507343278686905,
    -0.13857109526572012,
    9.9843695780195716e-6,
    1.5056327351493116e-7,
)
"""Coefficients of Lanczos's approximation for g = 7 (https://en.wikipedia.org/wiki/Lanczos_approximation)."""


def _in_double(
    op: Op, x: ir.Value, name: str, body: Callable[[Op, ir.Value], ir.Value]
) -> ir.Value:
    def whole(inner: Op, value: ir.Value) -> ir.Value:
        y = body(inner, inner.Cast(value, to=ir.DataType.DOUBLE))
        return inner.Cast(y, to=value.dtype or ir.DataType.FLOAT)

    return op.builder.function(name, [x], {}, whole)[0]


def _log_gamma(op: Op, x: ir.Value) -> ir.Value:
    """Log Γ(x) for x ≥ ½."""
    z = op.Sub(x, np.float64(1))
    total = op.builder.constant(np.float64(_LANCZOS[0]))
    for index, coefficient in enumerate(_LANCZOS[1:], 1):
        total = op.Add(total, op.Div(np.float64(coefficient), op.Add(z, np.float64(index))))
    t = op.Add(z, np.float64(7.5))
    power = op.Sub(op.Mul(op.Add(z, np.float64(0.5)), op.Log(t)), t)
    return op.Add(op.Add(power, op.Log(total)), np.float64(math.log(2 * math.pi) / 2))


def _parts(op: Op, x: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Whether x is below ½, log Γ of x or of 1 - x, and sin πx for the reflection."""
    below = op.Less(x, np.float64(0.5))
    log = _log_gamma(op, choose(op, below, op.Sub(np.float64(1), x), x))
    turn = op.Sub(x, op.Mul(np.float64(2), op.Floor(op.Div(x, np.float64(2)))))
    sine = op.Sin(op.Mul(turn, np.float64(math.pi)))
    sine = choose(op, op.Equal(op.Floor(x), x), np.float64(0), sine)
    return below, log, sine


def gammaln(op: Op, x: ir.Value) -> ir.Value:
    """Log |Γ(x)|."""

    def body(inner: Op, value: ir.Value) -> ir.Value:
        below, log, sine = _parts(inner, value)
        reflected = inner.Sub(inner.Log(inner.Div(np.float64(math.pi), inner.Abs(sine))), log)
        return choose(inner, below, reflected, log)

    return _in_double(op, x, "gammaln", body)


def gamma(op: Op, x: ir.Value) -> ir.Value:
    """Γ(x)."""

    def body(inner: Op, value: ir.Value) -> ir.Value:
        below, log, sine = _parts(inner, value)
        reflected = inner.Div(np.float64(math.pi), inner.Mul(sine, inner.Exp(log)))
        return choose(inner, below, reflected, inner.Exp(log))

    return _in_double(op, x, "gamma", body)


_CENTRE = (
    *(2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087),
    *(-0.00125372503, -0.00417768164, 0.246640727, 1.50140941),
)

_TAIL = (
    *(-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773),
    *(-0.0076224613, 0.00943887047, 1.00167406, 2.83297682),
)
"""Giles's polynomials for erfinv (https://people.maths.ox.ac.uk/gilesm/files/gems_erfinv.pdf)."""


def _polynomial(op: Op, coefficients: tuple[float, ...], w: ir.Value) -> ir.Value:
    total = op.builder.constant(np.float64(coefficients[0]))
    for coefficient in coefficients[1:]:
        total = op.Add(op.Mul(w, total), np.float64(coefficient))
    return total


def erfinv(op: Op, x: ir.Value) -> ir.Value:
    """The inverse of erf."""

    def body(inner: Op, value: ir.Value) -> ir.Value:
        one = np.float64(1)
        edge = inner.Equal(inner.Abs(value), one)
        safe = choose(inner, edge, np.float64(0), value)
        w = inner.Neg(inner.Log(inner.Sub(one, inner.Mul(safe, safe))))
        centre = _polynomial(inner, _CENTRE, inner.Sub(w, np.float64(2.5)))
        tail = _polynomial(inner, _TAIL, inner.Sub(inner.Sqrt(inner.Abs(w)), np.float64(3)))
        y = inner.Mul(safe, choose(inner, inner.Less(w, np.float64(5)), centre, tail))
        return choose(inner, edge, inner.Mul(value, np.float64(np.inf)), y)

    return _in_double(op, x, "erfinv", body)


def modulo(op: Op, a: Any, b: Any) -> ir.Value:
    """The remainder with the sign of the divisor; 0 where that is 0."""
    like = a if isinstance(a, ir.Value) else b
    zero = array(0, like)
    nothing = op.Equal(b, zero)
    b = choose(op, nothing, array(1, like), b)
    left = op.Mod(a, b, fmod=1)
    other = op.And(op.Not(op.Equal(left, zero)), op.Xor(op.Less(left, zero), op.Less(b, zero)))
    return choose(op, nothing, zero, choose(op, other, op.Add(left, b), left))


def arctan2(op: Op, y: Any, x: Any) -> ir.Value:
    """The angle of (x, y)."""
    like = y if isinstance(y, ir.Value) else x
    zero, pi = array(0, like), array(math.pi, like)
    upright = op.Equal(x, zero)
    angle = op.Atan(op.Div(y, choose(op, upright, array(1, like), x)))
    sign = choose(op, op.Less(y, zero), array(-1, like), array(1, like))
    behind = choose(op, op.Less(x, zero), op.Mul(sign, pi), zero)
    vertical = op.Mul(op.Sign(y), op.Div(pi, array(2, like)))
    return choose(op, upright, vertical, op.Add(angle, behind))


def truncated(op: Op, x: ir.Value) -> ir.Value:
    return op.Mul(op.Sign(x), op.Floor(op.Abs(x)))


def rounded(op: Op, x: ir.Value) -> ir.Value:
    """To the nearest whole number, halves away from zero."""
    size = op.Abs(x)
    whole = op.Floor(size)
    up = op.Cast(op.GreaterOrEqual(op.Sub(size, whole), array(0.5, x)), to=x.dtype)
    return op.Mul(op.Sign(x), op.Add(whole, up))


def nearest(op: Op, x: ir.Value) -> ir.Value:
    """To the nearest whole number, halves down."""
    low, high = op.Floor(x), op.Ceil(x)
    return choose(op, op.LessOrEqual(op.Sub(x, low), op.Sub(high, x)), low, high)


def cube_root(op: Op, x: ir.Value) -> ir.Value:
    return op.Mul(op.Sign(x), op.Pow(op.Abs(x), array(1 / 3, x)))
