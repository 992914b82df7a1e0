"""What is known of a value before the model runs: its numbers, or facts about them.

A fact is certain, rounding included, NaN apart: what is not seen to be so is taken not to be. Where a
framework guards a division that ONNX does not, or stores integers as floats, it asks here whether there
is anything to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import onnx_ir as ir

from mmdnn.tensors import references

READABLE = 1 << 22
"""Bytes of a constant whose numbers are looked at, at most."""

DEPTH = 12
"""Operators that are looked back through, at most."""


def constant(value: ir.Value | None) -> ir.TensorProtocol | None:
    """The tensor that a value is whatever the inputs are; None where it is computed or given."""
    return None if value is None or value.is_graph_input() else value.const_value


def numbers(value: ir.Value | None, most: int = READABLE) -> np.ndarray | None:
    """The numbers of a constant of so many bytes at most; None for what is not constant, or larger."""
    tensor = constant(value)
    return None if tensor is None or tensor.nbytes > most else references.read(tensor)


def number(value: ir.Value | None) -> float | None:
    """The number that a constant of one element is; None for anything else."""
    tensor = constant(value)
    return (
        None if tensor is None or tensor.size != 1 else float(references.read(tensor).reshape(()))
    )


def ints(value: ir.Value | None) -> list[int] | None:
    """The elements of a small constant of integers."""
    found = numbers(value)
    return None if found is None else [int(i) for i in found.reshape(-1)]


def is_zero(value: ir.Value | None) -> bool:
    """Whether it is a constant of zeros, of whatever size."""
    tensor = constant(value)
    return tensor is not None and not references.read(tensor).any()


def producer(value: ir.Value | None, *types: str) -> ir.Node | None:
    """The node that makes a value, if it is one of these operators of ONNX."""
    node = None if value is None else value.producer()
    return node if node is not None and node.op_type in types and not node.domain else None


class Bound(NamedTuple):
    """What no number of a value is below; `strict` where none is equal to it either."""

    least: float
    strict: bool = False


NONE = Bound(-math.inf)
ZERO = Bound(0.0)

_SAME = frozenset(
    {
        *("Dropout", "Expand", "Flatten", "Gather", "GlobalMaxPool", "Identity", "MaxPool"),
        *("ReduceMax", "ReduceMean", "ReduceMin", "Reshape", "Slice", "Split", "Squeeze", "Tile"),
        *("GlobalAveragePool", "Transpose", "Unsqueeze"),
    }
)
"""What gives nothing smaller than there is in its first input."""

_TOWARDS_ZERO = frozenset({"AveragePool", "ReduceSum", "Sqrt"})
"""What gives positive numbers for positive ones, and none below 0 for such, but maybe smaller ones."""

_NEVER_BELOW = frozenset(
    {
        *("Abs", "ArgMax", "ArgMin", "Exp", "HardSigmoid", "ReduceL1", "ReduceL2"),
        *("ReduceSumSquare", "Relu", "Shape", "Sigmoid", "Softmax", "Softplus", "Sqrt"),
    }
)


def least(value: ir.Value | None) -> float:
    """What no number of a value is below; minus infinity where nothing is known."""
    return _bound(value, DEPTH).least


def is_nonnegative(value: ir.Value | None) -> bool:
    """Whether no number of a value is below 0."""
    return least(value) >= 0


def is_positive(value: ir.Value | None) -> bool:
    """Whether all numbers of a value are above 0."""
    return _bound(value, DEPTH) > ZERO


def is_nonzero(value: ir.Value | None) -> bool:
    """Whether no number of a value is 0."""
    known = numbers(value)
    return bool(np.all(known != 0)) if known is not None else is_positive(value)


def _bound(value: ir.Value | None, depth: int) -> Bound:
    if constant(value) is not None:
        return _of_numbers(numbers(value))
    node = None if value is None or not depth else value.producer()
    if node is None or node.domain or not node.inputs:
        return NONE
    if node.op_type in _SAME | _TOWARDS_ZERO | _RULES.keys():
        bounds = [_bound(each, depth - 1) for each in node.inputs]
        rule = _RULES.get(node.op_type)
        if rule is not None:
            return rule(node, bounds)
        if node.op_type in _SAME:
            return bounds[0]
        if bounds[0] > ZERO:
            return Bound(0.0, strict=True)
        if bounds[0] == ZERO:
            return ZERO
    return ZERO if node.op_type in _NEVER_BELOW else NONE


def _of_numbers(known: np.ndarray | None) -> Bound:
    if known is None or not known.size or known.dtype.kind not in "biuf":
        return NONE
    found = float(known.min())
    return NONE if math.isnan(found) else Bound(found)


def _sum(_node: ir.Node, bounds: list[Bound]) -> Bound:
    total = sum(bound.least for bound in bounds)
    return NONE if math.isnan(total) else Bound(total, any(bound.strict for bound in bounds))


def _product(node: ir.Node, bounds: list[Bound]) -> Bound:
    square = node.op_type == "Mul" and node.inputs[0] is node.inputs[1]
    return ZERO if square or min(bounds) >= ZERO else NONE


def _reciprocal(_node: ir.Node, bounds: list[Bound]) -> Bound:
    return Bound(0.0, strict=True) if bounds[0] > ZERO else NONE


def _clip(node: ir.Node, bounds: list[Bound]) -> Bound:
    low = max(bounds[0], bounds[1]) if len(bounds) > 1 else bounds[0]
    return min(low, bounds[2]) if len(bounds) > 2 and node.inputs[2] is not None else low


def _power(node: ir.Node, bounds: list[Bound]) -> Bound:
    exponent = numbers(node.inputs[1])
    even = exponent is not None and bool(np.all(exponent % 2 == 0))
    return ZERO if even or bounds[0] >= ZERO else NONE


def _cast(node: ir.Node, bounds: list[Bound]) -> Bound:
    """Fractions are cut off, and a narrower type has fewer numbers about 0.

    What does not fit into a type of integers may become anything: a model that does that is undefined.
    """
    before, after = (None if v is None else v.dtype for v in (node.inputs[0], node.outputs[0]))
    floats = before is not None and after is not None and after.is_floating_point()
    if floats and before is not None and after is not None and after.bitwidth >= before.bitwidth:
        return bounds[0]
    return ZERO if bounds[0] >= ZERO else NONE


_RULES: dict[str, Callable[[ir.Node, list[Bound]], Bound]] = {
    "Add": _sum,
    "Cast": _cast,
    "Clip": _clip,
    "Div": _product,
    "Max": lambda _node, bounds: max(bounds),
    "Min": lambda _node, bounds: min(bounds),
    "Mul": _product,
    "Pow": _power,
    "Reciprocal": _reciprocal,
    "Sum": _sum,
}


PASSING = frozenset({"Cast", "Clip", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators after which it is the same to cut fractions off: limits are whole numbers too."""


def is_whole(value: ir.Value | None) -> bool:
    """Whether floats are whole numbers: made of integers, truth values and whole constants alone."""
    todo = [value]
    while todo:
        found = todo.pop()
        node = found.producer() if found is not None else None
        if found is None or has_integers(found):
            continue
        if found.const_value is not None and found.const_value.size <= 1:
            if np.any(references.read(found.const_value) % 1):
                return False
        elif node is None or node.op_type not in PASSING | {"Add", "Mul", "Neg", "Sub"}:
            return False
        else:
            todo += node.inputs[:1] if node.op_type in PASSING else node.inputs
    return True


def has_integers(value: ir.Value | None) -> bool:
    """Whether the type is one of whole numbers: integers, and truth values."""
    kind = None if value is None else value.dtype
    return kind is not None and (kind.is_integer() or kind == ir.DataType.BOOL)


RISKY = frozenset({"Acosh", "Atanh", "Div", "Exp", "Log", "Pow", "Power", "Reciprocal", "Sqrt"})
"""Types of nodes whose result may be infinite, or no number, where their inputs are neither."""


def is_finite(value: ir.Value) -> bool:
    """Whether nothing that a value is made of can be infinite, or no number, for finite inputs.

    Of weights nothing is read: they are finite, or the network is of no use.
    """
    todo, seen = [value], {value}
    while todo:
        value = todo.pop()
        node = value.producer()
        if node is None:
            known = number(value)
            if known is not None and not math.isfinite(known):
                return False
            continue
        if node.op_type in RISKY and not (node.op_type == "Div" and number(node.inputs[1])):
            return False
        fresh = [v for v in node.inputs if v is not None and v not in seen]
        seen.update(fresh)
        todo += fresh
    return True
