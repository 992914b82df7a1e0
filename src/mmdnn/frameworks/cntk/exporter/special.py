"""Functions of each element that CNTK has none for: what is whole is a float there."""

from __future__ import annotations

from functools import reduce

SIGN = "(Greater(x, 0) - Less(x, 0))"
"""-1, 0 or 1."""

TRUNCATED = f"{SIGN} * (Greater(y, 0) - Less(y, 0)) * Floor((Abs(x) + 0.5) / Abs(y))"
"""The quotient of integers, towards 0: a half on top keeps rounding away from whole numbers."""

ROUNDED = (
    "(low := Floor(x)) + (Greater((rest := x - low), 0.5)"
    " + Equal(rest, 0.5) * (low - ((pairs := Floor(low * 0.5)) + pairs)))"
)
"""Rounded, halves to the even neighbour; `cntk.round` takes them up."""

TOWARDS_ZERO = f"{SIGN} * Floor(Abs(x))"
"""Without what stands after the point."""

REST = (
    f"{SIGN} * ((r := (q := Abs(x) - Floor(Abs(x) / (n := Abs(y))) * n) + Less(q, 0) * n)"
    " - GreaterEqual(r, n) * n)"
)
"""What is left of a division, of the sign of the dividend; of a quotient off by one, as of the right one."""

ERF_TOP = (
    *(-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05),
    *(-7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02),
)

ERF_BOTTOM = (
    *(-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03),
    *(-7.37332916720468e-03, -1.42647390514189e-02),
)
"""Coefficients of erf(x) = x top(x^2) / bottom(x^2), |x| < 4, in float32 arithmetic the best there is."""


def polynomial(first: float, *rest: float) -> str:
    """The formula of one in `square`, highest powers first."""
    return reduce(lambda text, number: f"({text} * square + {number!r})", rest, repr(first))
