"""Arithmetic, rounding and casts of each element: rows of operations, and what differs."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, Inputs, exporter
from mmdnn.frameworks.keras.exporter.writer import Writer
from mmdnn.frameworks.keras.graph import Layer

_UNARY = {
    "Abs": "Absolute",
    "Acos": "Arccos",
    "Acosh": "Arccosh",
    "Asin": "Arcsin",
    "Asinh": "Arcsinh",
    "Atan": "Arctan",
    "Atanh": "Arctanh",
    "BitwiseNot": "BitwiseNot",
    "Ceil": "Ceil",
    "Cos": "Cos",
    "Cosh": "Cosh",
    "Erf": "Erf",
    "Exp": "Exp",
    "Floor": "Floor",
    "Log": "Log",
    "Neg": "Negative",
    "Reciprocal": "Reciprocal",
    "Round": "Round",
    "Sign": "Sign",
    "Sin": "Sin",
    "Sinh": "Sinh",
    "Sqrt": "Sqrt",
    "Tan": "Tan",
}

_BINARY = {
    "Add": "Add",
    "BitwiseAnd": "BitwiseAnd",
    "BitwiseOr": "BitwiseOr",
    "BitwiseXor": "BitwiseXor",
    "Mul": "Multiply",
    "Pow": "Power",
    "Sub": "Subtract",
}


@exporter(*_UNARY, doc="Abs")
def unary(node: ExportedNode, keras: Writer, x: Array) -> Array:
    return keras.ops[_UNARY[node.type]](x)


@exporter(*_BINARY, doc="Add")
def binary(node: ExportedNode, keras: Writer, a: Array, b: Array) -> Array:
    if node.type == "Add" and (dense := _bias_of(node, keras, a, b) or _bias_of(node, keras, b, a)):
        return dense
    if node.type in _MERGES and _merges(a, b):
        return keras.layer(_BINARY[node.type], [a, b])
    if node.type == "Pow" and b.dtype != a.dtype and a.dtype is not None:
        number = keras.number(b)
        power = number if number is not None else keras.cast(keras.tensor(b), a.dtype)
        return keras.ops.Power(a, power)
    return keras.ops[_BINARY[node.type]](*operands(keras, a, b))


_MERGES = {"Add", "Mul", "Sub", "Max", "Min", "Sum", "Mean"}
"""Operators that are layers too, of tensors of one rank with a batch."""


def _merges(*xs: Array) -> bool:
    ranks = {x.rank for x in xs}
    floats = all(x.tensor is not None and is_float(x) for x in xs)
    return floats and len(ranks) == 1 and (ranks.pop() or 0) > 1


def operands(keras: Writer, a: Array, b: Array) -> list[object]:
    """Two operands; a constant number of lower rank as Python writes it."""
    found: list[object] = []
    for x, other in ((a, b), (b, a)):
        plain = x.tensor is None and other.tensor is not None
        fits = plain and (x.rank or 0) <= (other.rank or 0)
        number = keras.number(x) if fits and other.rank else None
        found.append(x if number is None else number)
    return found


def _bias_of(node: ExportedNode, keras: Writer, x: Array, bias: Array) -> Array | None:
    """The layer's own bias, where `x` is a dense layer of the same name and nothing else reads it."""
    layer = x.tensor.layer if x.tensor is not None else Layer("", "")
    if layer.type != "Dense" or "bias" in layer.weights or bias.constant is None or x.value is None:
        return None
    if list(bias.constant.shape.numpy()) != [layer.config["units"]]:
        return None
    if not node.source_layer or keras.scope.makers[layer].source_layer != node.source_layer:
        return None
    if len(x.value.uses()) != 1 or x.value.is_graph_output():
        return None
    layer.weights["bias"] = bias.constant
    del layer.config["use_bias"]
    del keras.scope.values[x.value]
    keras.scope.makers[layer] = node
    return Array(x.tensor, dtype=x.dtype)


@exporter("Div", doc="Div")
def div(node: ExportedNode, keras: Writer, a: Array, b: Array) -> Array:
    """Integers are divided towards zero."""
    if a.dtype is None or a.dtype.is_floating_point():
        return keras.ops.Divide(*operands(keras, a, b))
    whole = keras.ops.FloorDivide(keras.ops.Absolute(a), keras.ops.Absolute(b))
    if a.dtype in {ir.DataType.UINT8, ir.DataType.UINT16, ir.DataType.UINT32}:
        return keras.ops.FloorDivide(a, b)
    return keras.ops.Multiply(whole, keras.ops.Multiply(keras.ops.Sign(a), keras.ops.Sign(b)))


@exporter("Mod", doc="Mod")
def mod(node: ExportedNode, keras: Writer, a: Array, b: Array, *, fmod: int) -> Array:
    if not fmod:
        return keras.ops.Mod(*operands(keras, a, b))
    rest = keras.ops.Mod(keras.ops.Absolute(a), keras.ops.Absolute(b))
    return keras.ops.Multiply(rest, keras.ops.Sign(a))


_SEVERAL = {"Max": "Maximum", "Min": "Minimum", "Sum": "Add", "Mean": "Add"}


@exporter(*_SEVERAL, doc="Sum")
def several(node: ExportedNode, keras: Writer, *xs: Array) -> Array:
    if len(xs) > 1 and _merges(*xs):
        return keras.layer("Average" if node.type == "Mean" else _SEVERAL[node.type], list(xs))
    total = xs[0]
    for x in xs[1:]:
        total = keras.ops[_SEVERAL[node.type]](*operands(keras, total, x))
    if node.type == "Mean" and len(xs) > 1:
        return keras.ops.Divide(total, float(len(xs)))
    return keras.ops.Copy(total) if len(xs) == 1 else total


@exporter("Clip", doc="Clip")
def clip(
    node: ExportedNode, keras: Writer, x: Array, low: Inputs = None, high: Inputs = None
) -> Array:
    numbers = [keras.number(bound) for bound in (low, high)]
    if None not in numbers and numbers[0] <= numbers[1]:  # type: ignore[operator]
        if numbers[0] == 0 and x.dtype == ir.DataType.FLOAT:
            return keras.layer("ReLU", x, max_value=numbers[1])
        return keras.ops.Clip(x, x_min=numbers[0], x_max=numbers[1])
    for bound, number, name in zip((low, high), numbers, ("Maximum", "Minimum"), strict=True):
        if bound is not None:
            x = keras.ops[name](x, bound if number is None else number)
    return x if x.value is None else keras.ops.Copy(x)


@exporter("Cast", doc="Cast", unused="saturate round_mode")
def cast(node: ExportedNode, keras: Writer, x: Array, *, to: int) -> Array:
    return keras.ops.Cast(x, dtype=keras.named(ir.DataType(to)))


@exporter("Identity", doc="Identity")
def identity(node: ExportedNode, keras: Writer, x: Array) -> Array:
    return keras.layer("Activation", x, activation="linear") if is_float(x) else keras.ops.Copy(x)


def is_float(x: Array) -> bool:
    """Whether it is a tensor of floats."""
    return x.tensor is not None and x.dtype is not None and x.dtype.is_floating_point()


@exporter("Dropout", doc="Dropout", unused="seed")
def dropout(
    node: ExportedNode, keras: Writer, x: Array, ratio: Inputs = None, training: Inputs = None
) -> Array:
    if training is not None and keras.number(training) is not False:
        node.refuse("a Dropout that always drops")
    if node.wants(1):
        node.refuse("the mask of a Dropout")
    share = 0.5 if ratio is None else float(node.numbers(ratio, "ratio").reshape(-1)[0])
    share = float(str(np.float32(share)))
    return keras.layer("Dropout", x, rate=share) if share < 1 else keras.ops.Copy(x)
