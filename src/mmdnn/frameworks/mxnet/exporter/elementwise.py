"""Arithmetic, element by element: with a number, of arrays of one shape, or broadcast."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.mxnet.exporter.normalization import l2_normalization
from mmdnn.frameworks.mxnet.exporter.table import Array, Exporting, Writing, exporter

_BINARY = {
    "Add": ("elemwise_add", "broadcast_add", "_plus_scalar", "_plus_scalar"),
    "Sub": ("elemwise_sub", "broadcast_sub", "_minus_scalar", "_rminus_scalar"),
    "Mul": ("elemwise_mul", "broadcast_mul", "_mul_scalar", "_mul_scalar"),
    "Div": ("elemwise_div", "broadcast_div", "_div_scalar", "_rdiv_scalar"),
    "Pow": ("_power", "broadcast_power", "_power_scalar", "_rpower_scalar"),
}
"""For two of one shape, broadcast, with a number on the right, and on the left."""
_EXTREME = {
    "Max": ("_maximum", "broadcast_maximum", "_maximum_scalar"),
    "Min": ("_minimum", "broadcast_minimum", "_minimum_scalar"),
}
_COMPARE = {
    "Greater": ("greater", "lesser"),
    "GreaterOrEqual": ("greater_equal", "lesser_equal"),
    "Less": ("lesser", "greater"),
    "LessOrEqual": ("lesser_equal", "greater_equal"),
    "Equal": ("equal", "equal"),
}
"""MXNet's word, and the one for exchanged sides."""
ALIKE = {
    *("elemwise_add", "elemwise_sub", "elemwise_mul", "elemwise_div", "_grad_add", "add_n"),
    *("_maximum", "_minimum", "_power", "_equal", "_greater", "_lesser", "_greater_equal"),
    *("_lesser_equal", "_not_equal"),
}
"""MXNet's layers that take arrays of one shape only."""
EXACT = 1 << 53
"""Integers below this are exact in the double that MXNet keeps a number in."""
_LEARNED = {"Scale", "Bias"}
"""Types of layers whose numbers are weights, even single ones."""


def alike(node: Exporting, *arrays: Array) -> bool:
    """Whether the arrays are of one shape, and the source did not say that they are broadcast."""
    if node.source_type.startswith("broadcast_"):
        return False
    return same_shape(*arrays) or node.source_type in ALIKE


def scalar(x: Array, other: Array) -> float | int | None:
    """The number that a constant of one element is, where that changes no shape."""
    rank = len(x.shape or ())
    if x.constant is None or x.constant.size != 1 or other.constant is not None:
        return None
    if rank and (other.shape is None or rank > len(other.shape) or (x.is_weight and rank > 1)):
        return None
    numbers = x.numbers()
    if numbers is None or numbers.dtype.kind not in "fiu":
        return None
    number = numbers.reshape(-1)[0]
    exact = float(np.format_float_positional(number, trim="0")) if numbers.dtype.kind == "f" else 0
    if numbers.dtype.kind == "f":
        return exact
    return int(number) if abs(int(number)) < EXACT else None


def same_shape(*arrays: Array) -> bool:
    """Whether all are known to be of one shape."""
    shapes = {x.shape for x in arrays}
    shape = shapes.pop()
    return not shapes and shape is not None and None not in shape


@exporter(*_BINARY, doc="Add")
def binary(node: Exporting, mx: Writing, a: Array, b: Array) -> Array:
    same, broadcast, right, left = _BINARY[node.type]
    if node.type == "Pow" and b.dtype != a.dtype and a.dtype is not None:
        b = mx.cast(b, a.dtype) if scalar(b, a) is None else b
    learned = any(each.is_weight for each in (a, b)) and node.source_type in _LEARNED
    if (node.type != "Div" or is_float(a)) and not learned:
        number = scalar(b, a)
        if number is not None:
            return _with_number(node, mx, right, a, number)
        number = scalar(a, b)
        if number is not None:
            return _with_number(node, mx, left, b, number)
    if node.type == "Add" and node.source_type == "add_n" and alike(node, a, b):
        return mx.add_n(a, b, num_args=2)
    if node.type == "Add" and (dense := _bias_of(node, mx, a, b) or _bias_of(node, mx, b, a)):
        return dense
    if node.type == "Div" and (normalized := l2_normalization(node, mx, a, b)):
        return normalized
    return mx.make(same if alike(node, a, b) else broadcast, a, b)


_POWERS = {"sqrt": 0.5, "rsqrt": -0.5, "square": 2.0, "reciprocal": -1.0}
"""Operators that are powers."""


def _with_number(node: Exporting, mx: Writing, op: str, x: Array, number: float) -> Array:
    """A negative summand is taken away; a factor is a divisor where the source had one."""
    if op == "_power_scalar" and number == _POWERS.get(node.source_type):
        return mx.make(node.source_type, x)
    if op == "_plus_scalar" and number < 0 and node.source_type != op:
        return mx._minus_scalar(x, scalar=-number)
    if op == "_mul_scalar" and node.source_type == "_div_scalar" and number:
        divisor = float(np.format_float_positional(1 / np.float32(number), trim="0"))
        if np.float32(1) / np.float32(divisor) == np.float32(number):
            return mx._div_scalar(x, scalar=divisor)
    return mx.make(op, x, scalar=number)


def _bias_of(node: Exporting, mx: Writing, x: Array, bias: Array) -> Array | None:
    """The layer's own bias, where `x` is a dense layer of the same name."""
    made = x.entry.node
    if made.op != "FullyConnected" or len(made.inputs) != 2 or bias.constant is None:
        return None
    if bias.shape != (int(made.attrs["num_hidden"]),) or x.value is None:
        return None
    if mx.scope.made[made].layer != node.layer or len(x.value.uses()) != 1:
        return None
    params = {key: text for key, text in made.attrs.items() if key != "no_bias"}
    inputs = [Array(entry, dtype=x.dtype) for entry in made.inputs]
    return mx.FullyConnected(*inputs, mx.weight(bias, "bias"), **params)


def is_float(x: Array) -> bool:
    """Whether its elements are floats."""
    return x.dtype is None or x.dtype.is_floating_point()


@exporter("Sum", doc="Sum")
def sum_operator(node: Exporting, mx: Writing, *xs: Array) -> Array:
    if len(xs) > 1 and alike(node, *xs):
        return mx.add_n(*xs, num_args=len(xs)) if len(xs) > 2 else mx.elemwise_add(*xs)
    total = xs[0]
    for x in xs[1:]:
        total = mx.broadcast_add(total, x)
    return total


@exporter("Mean", doc="Mean")
def mean_operator(node: Exporting, mx: Writing, *xs: Array) -> Array:
    return mx._div_scalar(sum_operator(node, mx, *xs), scalar=len(xs))


@exporter(*_EXTREME, doc="Max")
def extreme(node: Exporting, mx: Writing, *xs: Array) -> Array:
    same, broadcast, with_number = _EXTREME[node.type]
    found, same_shapes = xs[0], alike(node, *xs)
    for x in xs[1:]:
        number = scalar(x, found)
        if number is not None:
            found = mx.make(with_number, found, scalar=number)
        else:
            found = mx.make(same if same_shapes else broadcast, found, x)
    return found


@exporter(*_COMPARE, doc="Greater")
def compare(node: Exporting, mx: Writing, a: Array, b: Array) -> Array:
    word, exchanged = _COMPARE[node.type]
    number = scalar(b, a)
    if number is not None:
        return mx.truth(mx.make(f"_{word}_scalar", a, scalar=number))
    number = scalar(a, b)
    if number is not None:
        return mx.truth(mx.make(f"_{exchanged}_scalar", b, scalar=number))
    prefix = "_" if alike(node, a, b) else "broadcast_"
    return mx.truth(mx.make(f"{prefix}{word}", a, b))


@exporter("And", "Or", "Xor", doc="And")
def logical(node: Exporting, mx: Writing, a: Array, b: Array) -> Array:
    return mx.make(f"broadcast_logical_{node.type.lower()}", a, b)


@exporter("Not", doc="Not")
def logical_not(node: Exporting, mx: Writing, x: Array) -> Array:
    return mx.logical_not(x)
