"""Whether a value is computed as an expression says.

    found = matched(node.outputs[0], "Where(Equal(x, 0), 0, Reciprocal(x))")
    found["x"]        # the value in the places of x; None where the value is computed otherwise

Calls are operators of ONNX, names are values, the same in each of their places, and numbers are
constants of one element in float32. Attributes are not looked at.
"""

from __future__ import annotations

import ast
from functools import cache

import numpy as np
import onnx_ir as ir

from mmdnn.ir.values import number, producer


def matched(value: ir.Value | None, expression: str) -> dict[str, ir.Value] | None:
    """What the names of an expression stand for, if a value is computed as it says."""
    found: dict[str, ir.Value] = {}
    return found if _fits(value, _parsed(expression), found) else None


@cache
def _parsed(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


def _fits(value: ir.Value | None, node: ast.expr, found: dict[str, ir.Value]) -> bool:
    if value is None:
        return False
    if isinstance(node, ast.Name):
        return found.setdefault(node.id, value) is value
    if isinstance(node, ast.Call):
        maker = producer(value, ast.unparse(node.func))
        inputs = () if maker is None else maker.inputs
        return len(inputs) == len(node.args) and all(
            _fits(each, part, found) for each, part in zip(inputs, node.args, strict=True)
        )
    known = number(value)
    return known is not None and np.float32(known) == np.float32(ast.literal_eval(node))
