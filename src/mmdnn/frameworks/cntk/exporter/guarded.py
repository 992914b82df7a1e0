"""CNTK's own arithmetic as the IR has it: spelled out, with its guards.

Where(Equal(x, 0), 0, Reciprocal(x))            Reciprocal
Where(Less(x, 1e-37), -85.1, Log(x))            Log
Where(Greater(x, 0), 1, -1)                     StraightThrough
Add(Max(x, y), Softplus(Neg(Abs(Sub(x, y)))))   LogPlus
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from mmdnn.tensors import references

SMALLEST_LOGGED, LOG_OF_SMALLEST = 1e-37, -85.1


def _made(value: ir.Value | None, op: str) -> ir.Node | None:
    node = value.producer() if value is not None else None
    return node if node is not None and node.op_type == op and not node.domain else None


def _is(value: ir.Value | None, number: float) -> bool:
    """Whether a value is a constant of this number alone."""
    tensor = None if value is None or value.is_graph_input() else value.const_value
    if tensor is None or tensor.size != 1:
        return False
    array = references.read(tensor).reshape(())
    return bool(array == np.asarray(number, array.dtype))


def _guarded(node: ir.Node, test: str, limit: float, instead: float, op: str) -> ir.Value | None:
    """X of Where(test(x, limit), instead, op(x))."""
    flag, other, usual = node.inputs
    condition, made = _made(flag, test), _made(usual, op)
    if condition is None or made is None or condition.inputs[0] is not made.inputs[0]:
        return None
    return made.inputs[0] if _is(condition.inputs[1], limit) and _is(other, instead) else None


def _sign(node: ir.Node) -> ir.Value | None:
    condition = _made(node.inputs[0], "Greater")
    if condition is None or not _is(condition.inputs[1], 0):
        return None
    fits = _is(node.inputs[1], 1) and _is(node.inputs[2], -1)
    return condition.inputs[0] if fits else None


GUARDED: dict[str, Callable[[ir.Node], ir.Value | None]] = {
    "Reciprocal": lambda node: _guarded(node, "Equal", 0, 0, "Reciprocal"),
    "Log": lambda node: _guarded(node, "Less", SMALLEST_LOGGED, LOG_OF_SMALLEST, "Log"),
    "StraightThrough": _sign,
}
"""CNTK's function to what a Where is the function of; None where it is another one."""


def log_plus(node: ir.Node) -> list[ir.Value] | None:
    """X and y, where a sum is log(exp(x) + exp(y))."""
    largest, rest = _made(node.inputs[0], "Max"), _made(node.inputs[1], "Softplus")
    negative = _made(rest.inputs[0], "Neg") if rest else None
    size = _made(negative.inputs[0], "Abs") if negative else None
    gap = _made(size.inputs[0], "Sub") if size else None
    if largest is None or gap is None or list(largest.inputs) != list(gap.inputs):
        return None
    return [value for value in gap.inputs if value is not None]


__all__ = ["GUARDED", "log_plus"]
