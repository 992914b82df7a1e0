"""Arithmetic, rounding and casts of each element: with a number, of arrays of one shape, or broadcast."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet._rows import ELEMENTS
from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer

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

EXACT = 1 << 53
"""Integers below this are exact in the double that MXNet keeps a number in."""

_LEARNED = {"Scale", "Bias"}
"""Types of layers whose numbers are weights, even single ones."""


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
def binary(node: ExportedNode, mx: Writer, a: Array, b: Array) -> Array:
    same, broadcast, right, left = _BINARY[node.type]
    if node.type == "Pow" and b.dtype != a.dtype and a.dtype is not None:
        b = mx.cast(b, a.dtype) if scalar(b, a) is None else b
    learned = any(each.is_weight for each in (a, b)) and node.source_type in _LEARNED
    if (node.type != "Div" or is_float(a)) and not learned:
        number = scalar(b, a)
        if number is not None:
            return _with_number(mx, right, a, number)
        number = scalar(a, b)
        if number is not None:
            return _with_number(mx, left, b, number)
    if node.type == "Add" and (dense := _bias_of(node, mx, a, b) or _bias_of(node, mx, b, a)):
        return dense
    return mx.make(same if same_shape(a, b) else broadcast, a, b)


def _with_number(mx: Writer, op: str, x: Array, number: float) -> Array:
    """A negative summand is taken away."""
    if op == "_plus_scalar" and number < 0:
        return mx._minus_scalar(x, scalar=-number)
    return mx.make(op, x, scalar=number)


def _bias_of(node: ExportedNode, mx: Writer, x: Array, bias: Array) -> Array | None:
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
def sum_operator(node: ExportedNode, mx: Writer, *xs: Array) -> Array:
    if len(xs) > 1 and same_shape(*xs):
        return mx.add_n(*xs, num_args=len(xs)) if len(xs) > 2 else mx.elemwise_add(*xs)
    total = xs[0]
    for x in xs[1:]:
        total = mx.broadcast_add(total, x)
    return total


@exporter("Mean", doc="Mean")
def mean_operator(node: ExportedNode, mx: Writer, *xs: Array) -> Array:
    return mx._div_scalar(sum_operator(node, mx, *xs), scalar=len(xs))


@exporter(*_EXTREME, doc="Max")
def extreme(node: ExportedNode, mx: Writer, *xs: Array) -> Array:
    same, broadcast, with_number = _EXTREME[node.type]
    found, same_shapes = xs[0], same_shape(*xs)
    for x in xs[1:]:
        number = scalar(x, found)
        if number is not None:
            found = mx.make(with_number, found, scalar=number)
        else:
            found = mx.make(same if same_shapes else broadcast, found, x)
    return found


_UNARY = {onnx: name for name, onnx in ELEMENTS.items()}


@exporter(*_UNARY, doc="Abs")
def unary(node: ExportedNode, mx: Writer, x: Array) -> Array:
    return mx.make(_UNARY[node.type], x)


@exporter("Round", doc="Round")
def round_operator(node: ExportedNode, mx: Writer, x: Array) -> Array:
    """MXNet's `rint` takes halves down; those of odd numbers go up here."""
    down = mx.rint(x)
    half = mx._equal_scalar(mx.elemwise_sub(x, down), scalar=0.5)
    odd = mx._mod_scalar(down, scalar=2)
    return mx.elemwise_add(down, mx.elemwise_mul(half, odd))


@exporter("Mod", doc="Mod")
def mod(node: ExportedNode, mx: Writer, a: Array, b: Array, *, fmod: int) -> Array:
    """The divisor's sign, or with fmod the dividend's."""
    if not fmod:
        number = scalar(b, a)
        return mx.broadcast_mod(a, b) if number is None else mx._mod_scalar(a, scalar=number)
    rest = mx.broadcast_mod(mx.abs(a), mx.abs(b))
    return mx.broadcast_mul(rest, mx.sign(a))


@exporter("Clip", doc="Clip")
def clip(
    node: ExportedNode, mx: Writer, x: Array, low: Array | None = None, high: Array | None = None
) -> Array:
    numbers = [None if bound is None else bound.numbers() for bound in (low, high)]
    known = [None if found is None else float(found.reshape(-1)[0]) for found in numbers]
    least, most = known
    if least is not None and most is not None and least <= most:
        return mx.clip(x, a_min=_short(least, x), a_max=_short(most, x))
    for bound, number, name in ((low, known[0], "maximum"), (high, known[1], "minimum")):
        if number is not None:
            x = mx.make(f"_{name}_scalar", x, scalar=_short(number, x))
        elif bound is not None:
            x = mx.make(f"broadcast_{name}", x, bound)
    return x if x.value is None else mx.make("_copy", x)


def _short(number: float | None, x: Array) -> float | int | None:
    if number is None or not is_float(x):
        return None if number is None else int(number)
    return float(np.format_float_positional(np.float32(number), trim="0"))


@exporter("Cast", doc="Cast", unused="saturate round_mode")
def cast(node: ExportedNode, mx: Writer, x: Array, *, to: int) -> Array:
    target = ir.DataType(to)
    if target == ir.DataType.BOOL:
        return x if _is_truth(x) else mx.truth(mx._not_equal_scalar(x, scalar=0))
    if target not in NAMES:
        node.refuse(f"MXNet has no arrays of {target.name}")
    return mx.cast(x, target)


def _is_truth(x: Array) -> bool:
    return x.value is not None and x.value.dtype == ir.DataType.BOOL


@exporter("Identity", doc="Identity")
def identity(node: ExportedNode, mx: Writer, x: Array) -> Array:
    return mx.make("_copy", x) if x.entry.node.is_variable else x


@exporter("Dropout", doc="Dropout", unused="seed")
def dropout(
    node: ExportedNode,
    mx: Writer,
    x: Array,
    ratio: Array | None = None,
    training: Array | None = None,
) -> Array:
    if training is not None:
        mode = training.numbers()
        if mode is None or bool(mode.any()):
            node.refuse("a Dropout that always drops")
    if node.wants(1):
        node.refuse("the mask of a Dropout")
    share = 0.5
    if ratio is not None:
        share = float(str(node.numbers(ratio, "ratio").reshape(-1)[0]))
    return mx.Dropout(x, p=share)
