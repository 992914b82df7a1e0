"""What is known of the signs of an IR value, from what computes it.

CNTK's arithmetic is guarded, and ONNX's is not: where a divisor cannot be 0, or a root's argument not
negative, there is nothing to do about that.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.operand import READABLE
from mmdnn.tensors import references

DEPTH = 8
"""Operators that are looked at, one behind the other."""

Known = Callable[[ir.Value | None, int], bool]

_SAME = frozenset(
    {
        *("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Expand", "Slice"),
        *("Dropout", "ReduceMax", "ReduceMin", "MaxPool", "AveragePool", "Tile"),
        *("GlobalAveragePool", "GlobalMaxPool", "ReduceSum", "ReduceMean", "Gather", "Split"),
    }
)
"""What has the sign of its first input."""

_NEVER_BELOW = frozenset(
    {
        *("Relu", "Abs", "Exp", "Sigmoid", "Softmax", "Softplus", "Sqrt", "HardSigmoid", "Shape"),
        *("ReduceL1", "ReduceL2", "ReduceSumSquare"),
    }
)


def is_positive(value: ir.Value | None, depth: int = DEPTH) -> bool:
    """Whether all its numbers are certainly above 0, rounding included."""
    known = _constant(value)
    if known is not None:
        return bool(np.all(known > 0))
    node = _producer(value, depth)
    if node is None:
        return False
    first, *rest = (*node.inputs, None)
    one, other = is_positive(first, depth - 1), rest[:1] and is_positive(rest[0], depth - 1)
    if node.op_type in {"Add", "Sum"}:
        return (one and is_nonnegative(rest[0], depth - 1)) or bool(
            other and is_nonnegative(first, depth - 1)
        )
    if node.op_type in {"Max", "Clip"}:
        return (one and node.op_type == "Max") or bool(other)
    return node.op_type in _SAME | {"Sqrt", "Reciprocal"} and one


def is_nonnegative(value: ir.Value | None, depth: int = DEPTH) -> bool:
    """Whether none of its numbers can be below 0."""
    known = _constant(value)
    if known is not None:
        return bool(np.all(known >= 0))
    node = _producer(value, depth)
    if node is None:
        return False
    first, second, *_ = (*node.inputs, None, None)
    one = is_nonnegative(first, depth - 1)
    if node.op_type == "Mul" and first is second:
        return True
    if node.op_type in {"Add", "Sum", "Mul", "Div", "Min"}:
        present = [each for each in node.inputs if each is not None]
        return all(is_nonnegative(each, depth - 1) for each in present)
    if node.op_type in {"Max", "Clip"}:
        return (one and node.op_type == "Max") or is_nonnegative(second, depth - 1)
    if node.op_type == "Pow":
        power = _constant(second)
        return one or (power is not None and bool(np.all(power % 2 == 0)))
    return node.op_type in _NEVER_BELOW or (node.op_type in _SAME and one)


def is_nonzero(value: ir.Value | None) -> bool:
    """Whether none of its numbers can be 0."""
    known = _constant(value)
    return bool(np.all(known != 0)) if known is not None else is_positive(value)


def _constant(value: ir.Value | None) -> np.ndarray | None:
    tensor = None if value is None or value.is_graph_input() else value.const_value
    return None if tensor is None or tensor.nbytes > READABLE else references.read(tensor)


def _producer(value: ir.Value | None, depth: int) -> ir.Node | None:
    node = value.producer() if value is not None and depth else None
    return node if node is not None and not node.domain else None
