"""How small a value can be: where that is plain to see, CNTK's guards have nothing to do."""

from __future__ import annotations

import math
from collections.abc import Callable

import onnx_ir as ir

from mmdnn.tensors import references

MOST_STEPS = 12
"""Nodes that are looked back through, at most."""

SMALL = 1 << 12
"""Elements of a constant whose numbers are looked at."""

SAME = frozenset(
    {
        *("Cast", "Expand", "Flatten", "Gather", "Identity", "MaxPool", "ReduceMax", "ReduceMean"),
        *("ReduceMin", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"),
    }
)
"""What gives nothing smaller than there is in its first input."""

NEVER_NEGATIVE = frozenset(
    {
        *("Abs", "Exp", "ReduceL2", "ReduceSumSquare", "Relu", "Sigmoid", "Softmax", "Softplus"),
        *("Sqrt",),
    }
)


def least(value: ir.Value, steps: int = MOST_STEPS) -> float:
    """What no element of a value is below, NaN apart; minus infinity where nothing is known."""
    if value.const_value is not None:
        return _smallest(value.const_value)
    node = value.producer()
    if node is None or node.domain or not steps or not node.inputs:
        return -math.inf
    if node.op_type in NEVER_NEGATIVE:
        return 0.0
    found = [-math.inf if each is None else least(each, steps - 1) for each in node.inputs[:2]]
    if node.op_type in SAME:
        return found[0]
    if node.op_type == "ReduceSum":
        return min(found[0], 0.0) if found[0] >= 0 else -math.inf
    if node.op_type == "Mul" and node.inputs[0] is node.inputs[1]:
        return 0.0
    rule = _RULES.get(node.op_type)
    return rule(*found) if rule is not None and len(found) == 2 else -math.inf


def _smallest(tensor: ir.TensorProtocol) -> float:
    if tensor.size > SMALL or not tensor.size or not tensor.dtype.is_floating_point():
        return -math.inf
    found = float(references.read(tensor).min())
    return -math.inf if math.isnan(found) else found


_RULES: dict[str, Callable[[float, float], float]] = {
    "Add": lambda a, b: a + b,
    "Max": max,
    "Min": min,
    "Mul": lambda a, b: 0.0 if a >= 0 and b >= 0 else -math.inf,
}
