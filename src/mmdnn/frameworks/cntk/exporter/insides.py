"""Functions from expressions, and blocks from the table of what is inside them (see `cntk._blocks`)."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import reduce
from types import MappingProxyType
from typing import Any

import numpy as np

from mmdnn.frameworks.cntk._blocks import INSIDES, Inside, number, parts
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.operand import Operand

NUMBERS = {"inf": np.inf, "nan": np.nan}

NONE: Mapping[str, float] = MappingProxyType({})


def inside(
    cntk: CNTK,
    type_: str,
    *operands: Operand,
    position: int | None = None,
    numbers: Mapping[str, float] = NONE,
) -> Operand:
    """A block of a type, made of the functions inside it.

    Its operands are in the order in which the expression has them; those that are `numbers` are attributes
    of the block as well. `position` is the axis that is reduced.
    """
    text = INSIDES[type_]
    names = [name for name in Inside(text).operands if name not in numbers]
    bound = dict(zip(names, operands, strict=True))
    attributes: dict[str, Any] = dict(numbers)
    if position is not None:
        attributes["axis"] = bound["x"].axis(position)
    with cntk.block(type_, **attributes):
        return formula(cntk, text, position, **bound, **numbers)


def formula(
    cntk: CNTK, text: str, position: int | None = None, /, **named: Operand | float
) -> Operand:
    """What an expression computes of operands and numbers, which are of the first operand's type.

    `inf` and `nan` are such numbers too; what is the same is computed once. `position` is the axis that
    is reduced.
    """
    like = next(one for one in named.values() if isinstance(one, Operand))
    bound = {
        name: one if isinstance(one, Operand) else cntk.number(one, like)
        for name, one in named.items()
    }
    made: dict[Any, Operand] = {}

    def call(node: ast.expr) -> Operand:
        op, nodes, keywords = parts(node)
        inputs = [of(one) for one in nodes]
        key = (op, *map(id, inputs))
        if key not in made:
            if op == "ReduceElements" and position is not None:
                how = ast.literal_eval(keywords["reductionOpName"])
                made[key] = cntk.reduce(how, inputs[0], [position])
            else:
                function = cntk.divide if op == "ElementDivide" else cntk[op]
                made[key] = function(*inputs)
        return made[key]

    def of(node: ast.expr) -> Operand:
        if (value := _constant(node)) is not None:
            return bound.setdefault(repr(value), cntk.number(value, like))
        if isinstance(node, ast.Name):
            return bound[node.id]
        if isinstance(node, ast.NamedExpr):
            bound[node.target.id] = of(node.value)
            return bound[node.target.id]
        return call(node)

    return of(Inside(text).tree)


def _constant(node: ast.expr) -> float | None:
    """The number that a part of an expression is."""
    if isinstance(node, ast.UnaryOp):
        found = _constant(node.operand)
        return None if found is None else -found
    if isinstance(node, ast.Name):
        return NUMBERS.get(node.id)
    return number(node) if isinstance(node, ast.Constant) else None


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
