"""Functions of each element that CNTK has none for: what is whole is a float there."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.writer import Writer


def is_whole(value: ir.Value) -> bool:
    """Whether a value is of integers."""
    return value.dtype is not None and value.dtype.is_integer()


def sign(cntk: Writer, x: Operand) -> Operand:
    """-1, 0 or 1."""
    zero = cntk.number(0, x)
    return cntk.Minus(cntk.Greater(x, zero), cntk.Less(x, zero))


def truncated(cntk: Writer, x: Operand, y: Operand) -> Operand:
    """The quotient of integers, towards 0: a half on top keeps rounding away from whole numbers."""
    half = cntk.number(0.5, x)
    size = cntk.Floor(cntk.divide(cntk.Plus(cntk.Abs(x), half), cntk.Abs(y)))
    return cntk.ElementTimes(cntk.ElementTimes(sign(cntk, x), sign(cntk, y)), size)


def rounded(cntk: Writer, x: Operand) -> Operand:
    """Rounded, halves to the even neighbour."""
    half = cntk.number(0.5, x)
    low = cntk.Floor(x)
    rest = cntk.Minus(x, low)
    pairs = cntk.Floor(cntk.ElementTimes(low, half))
    odd = cntk.Minus(low, cntk.Plus(pairs, pairs))
    up = cntk.Plus(cntk.Greater(rest, half), cntk.ElementTimes(cntk.Equal(rest, half), odd))
    return cntk.Plus(low, up)


def towards_zero(cntk: Writer, x: Operand) -> Operand:
    """Without what stands after the point."""
    return cntk.ElementTimes(sign(cntk, x), cntk.Floor(cntk.Abs(x)))


ERF_TOP = (
    *(-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05),
    *(-7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02),
)

ERF_BOTTOM = (
    *(-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03),
    *(-7.37332916720468e-03, -1.42647390514189e-02),
)
"""Coefficients of erf(x) = x top(x^2) / bottom(x^2), |x| < 4, in float32 arithmetic the best there is."""


def polynomial(cntk: Writer, x: Operand, coefficients: tuple[float, ...]) -> Operand:
    first, *rest = coefficients
    y = cntk.number(first, x)
    for coefficient in rest:
        y = cntk.Plus(cntk.ElementTimes(y, x), cntk.number(coefficient, x))
    return y
