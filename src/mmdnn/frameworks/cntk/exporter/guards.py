"""CNTK's own arithmetic as the IR has it: spelled out, with its guards.

Where(Equal(x, 0), 0, Reciprocal(x))                Reciprocal
Where(Less(x, 1e-37), -85.1, Log(x))                Log
Where(Greater(x, 0), 1, -1)                         StraightThrough
Where(And(Equal(x, 0), Less(y, 0)), 0, Pow(x, y))   Pow
Add(Max(x, y), Softplus(Neg(Abs(Sub(x, y)))))       LogPlus
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from mmdnn.ir.values import number, producer

SMALLEST_LOGGED, LOG_OF_SMALLEST = 1e-37, -85.1


def _is(value: ir.Value | None, wanted: float) -> bool:
    """Whether a value is a constant of this number alone."""
    found = number(value)
    return found is not None and np.float32(found) == np.float32(wanted)


def _guarded(node: ir.Node, test: str, limit: float, instead: float, op: str) -> list[ir.Value]:
    """X of Where(test(x, limit), instead, op(x))."""
    flag, other, usual = node.inputs
    condition, made = producer(flag, test), producer(usual, op)
    if condition is None or made is None or condition.inputs[0] is not made.inputs[0]:
        return []
    fits = _is(condition.inputs[1], limit) and _is(other, instead)
    return _values(made) if fits else []


def _sign(node: ir.Node) -> list[ir.Value]:
    condition = producer(node.inputs[0], "Greater")
    if condition is None or not _is(condition.inputs[1], 0):
        return []
    fits = _is(node.inputs[1], 1) and _is(node.inputs[2], -1)
    return _values(condition)[:1] if fits else []


def _power(node: ir.Node) -> list[ir.Value]:
    both, made = producer(node.inputs[0], "And"), producer(node.inputs[2], "Pow")
    zero = producer(both.inputs[0], "Equal") if both else None
    below = producer(both.inputs[1], "Less") if both else None
    if made is None or zero is None or below is None or not _is(node.inputs[1], 0):
        return []
    same = zero.inputs[0] is made.inputs[0] and below.inputs[0] is made.inputs[1]
    return _values(made) if same and _is(zero.inputs[1], 0) and _is(below.inputs[1], 0) else []


def _values(node: ir.Node) -> list[ir.Value]:
    return [value for value in node.inputs if value is not None]


GUARDED: dict[str, Callable[[ir.Node], list[ir.Value]]] = {
    "Reciprocal": lambda node: _guarded(node, "Equal", 0, 0, "Reciprocal"),
    "Log": lambda node: _guarded(node, "Less", SMALLEST_LOGGED, LOG_OF_SMALLEST, "Log"),
    "StraightThrough": _sign,
    "Pow": _power,
}
"""CNTK's function to what a Where is the function of; nothing where it is another one."""


def log_plus(node: ir.Node) -> list[ir.Value]:
    """X and y, where a sum is log(exp(x) + exp(y)); nothing where it is another one."""
    largest, rest = producer(node.inputs[0], "Max"), producer(node.inputs[1], "Softplus")
    negative = producer(rest.inputs[0], "Neg") if rest else None
    size = producer(negative.inputs[0], "Abs") if negative else None
    gap = producer(size.inputs[0], "Sub") if size else None
    if largest is None or gap is None or list(largest.inputs) != list(gap.inputs):
        return []
    return _values(gap)
