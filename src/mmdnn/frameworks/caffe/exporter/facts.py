"""What is known of values: whole numbers, indices, positive or possibly infinite ones."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

PASSING = frozenset({"Cast", "Clip", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators after which it is the same to cut fractions off: limits are whole numbers too."""


def are_indices(value: ir.Value) -> bool:
    """Whether a value does nothing but choose from a table."""
    todo = [value]
    while todo:
        value = todo.pop()
        if value.is_graph_output() or not value.uses():
            return False
        for node, place in value.uses():
            to_float = node.op_type == "Cast" and not _is_whole_type(node.outputs[0].dtype)
            if node.op_type in PASSING and place == 0 and not to_float:
                todo.append(node.outputs[0])
            elif node.op_type not in {"Gather", "GatherElements"} or place != 1:
                return False
    return True


def is_whole(value: ir.Value | None) -> bool:
    """Whether floats are whole numbers: made of integers, truth values and whole constants alone."""
    todo = [value]
    while todo:
        found = todo.pop()
        node = found.producer() if found is not None else None
        if found is None or _is_whole_type(found.dtype):
            continue
        if found.const_value is not None and found.const_value.size <= 1:
            if float(found.const_value.numpy()) % 1:
                return False
        elif node is None or node.op_type not in PASSING | {"Add", "Mul", "Neg", "Sub"}:
            return False
        else:
            todo += node.inputs[:1] if node.op_type in PASSING else node.inputs
    return True


def _is_whole_type(kind: ir.DataType | None) -> bool:
    return kind is not None and (kind.is_integer() or kind == ir.DataType.BOOL)


RISKY = frozenset({"Acosh", "Atanh", "Div", "Exp", "Log", "Pow", "Power", "Reciprocal", "Sqrt"})
"""Types of nodes whose result may be infinite, or no number, where their inputs are neither."""


def may_be_infinite(value: ir.Value) -> bool:
    """Whether something that a value is made of may be infinite, or no number, for finite inputs."""
    todo, seen = [value], {value}
    while todo:
        value = todo.pop()
        node = value.producer()
        if node is None:
            if value.const_value is not None and _is_infinite(value.const_value):
                return True
            continue
        if node.op_type in RISKY and not _divides_by_number(node):
            return True
        fresh = [v for v in node.inputs if v is not None and v not in seen]
        seen.update(fresh)
        todo += fresh
    return False


def _divides_by_number(node: ir.Node) -> bool:
    by = node.inputs[1].const_value if node.op_type == "Div" and node.inputs[1] else None
    return by is not None and by.size == 1 and bool(by.numpy().any())


def _is_infinite(tensor: ir.TensorProtocol) -> bool:
    """Of weights nothing is read: they are finite, or the network is of no use."""
    return tensor.size == 1 and not bool(np.isfinite(tensor.numpy()).all())


def is_positive(value: ir.Value | None) -> bool:
    """Whether an index is known not to be negative: held above 0, or found by a search."""
    while value is not None:
        node = value.producer()
        if node is None:
            return False
        if node.op_type in {"ArgMax", "ArgMin"}:
            return True
        if node.op_type == "Clip":
            low = node.inputs[1] if len(node.inputs) > 1 else None
            found = low.const_value if low is not None else None
            return found is not None and bool((found.numpy() >= 0).all())
        if node.op_type not in {"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"}:
            return False
        value = node.inputs[0]
    return False
