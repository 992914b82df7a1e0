"""Activations: as layers, as the name that a layer has for its own, and as operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.graph import Call, Generation, Layer
from mmdnn.frameworks.keras.importer.table import LAYERS, OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, rank

ACTIVATIONS = f"{LAYERS.removesuffix('/layers')}/layers/activations"
_SELU = 1.0507009873554805, 1.6732632423543772

Formula = Callable[[Op, Value], Value]


def _number(x: Value, value: float) -> Any:
    assert x.dtype is not None
    return np.asarray(value, x.dtype.numpy())


def _hard(op: Op, x: Value, slope: float) -> Value:
    """Clip(slope x + 0.5), as Keras computes it."""
    return op.HardSigmoid(x, alpha=slope, beta=0.5)


def _gelu_tanh(op: Op, x: Value) -> Value:
    return op.Gelu(x, approximate="tanh")


def _soft_shrink(op: Op, x: Value) -> Value:
    return op.Shrink(x, lambd=0.5, bias=0.5)


def _squareplus(op: Op, x: Value) -> Value:
    return op.Mul(op.Add(x, op.Sqrt(op.Add(op.Mul(x, x), _number(x, 4)))), _number(x, 0.5))


def _sparse_plus(op: Op, x: Value) -> Value:
    one = _number(x, 1)
    middle = op.Mul(op.Mul(op.Add(x, one), op.Add(x, one)), _number(x, 0.25))
    inner = op.Where(op.Less(x, one), middle, x)
    return op.Where(op.LessOrEqual(x, _number(x, -1)), _number(x, 0), inner)


def _log_sigmoid(op: Op, x: Value) -> Value:
    return op.Neg(op.Softplus(op.Neg(x)))


def _sparsemax(op: Op, x: Value) -> Value:
    """As Keras computes it, over the last axis: it adds up sums where the paper takes the last of them."""
    axis = rank(x) - 1
    size = op.Shape(x, start=axis, end=axis + 1)
    ordered, _ = op.outputs(2).TopK(x, size, axis=axis)
    sums = op.CumSum(ordered, np.int64(axis))
    steps = op.Range(np.int64(1), op.Add(op.Squeeze(size), np.int64(1)), np.int64(1))
    counts = op.Cast(steps, to=x.dtype)
    support = op.Greater(op.Add(op.Mul(counts, ordered), _number(x, 1)), sums)
    count = op.ReduceSum(op.Cast(support, to=x.dtype), [axis], keepdims=1)
    total = op.ReduceSum(op.Where(support, sums, _number(x, 0)), [axis], keepdims=1)
    threshold = op.Div(op.Sub(total, _number(x, 1)), count)
    return op.Relu(op.Sub(x, threshold))


FORMULAS: dict[str, Formula] = {
    "celu": lambda op, x: op.Celu(x),
    "elu": lambda op, x: op.Elu(x),
    "exponential": lambda op, x: op.Exp(x),
    "gelu": lambda op, x: op.Gelu(x),
    "glu": lambda op, x: _glu(op, x, -1),
    "hard_shrink": lambda op, x: op.Shrink(x, lambd=0.5, bias=0.0),
    "hard_silu": lambda op, x: op.HardSwish(x),
    "hard_swish": lambda op, x: op.HardSwish(x),
    "hard_tanh": lambda op, x: op.Clip(x, _number(x, -1), _number(x, 1)),
    "leaky_relu": lambda op, x: op.LeakyRelu(x, alpha=0.2),
    "linear": lambda op, x: x,
    "log_sigmoid": _log_sigmoid,
    "log_softmax": lambda op, x: op.LogSoftmax(x, axis=-1),
    "mish": lambda op, x: op.Mish(x),
    "relu": lambda op, x: op.Relu(x),
    "relu6": lambda op, x: op.Clip(x, _number(x, 0), _number(x, 6)),
    "selu": lambda op, x: op.Selu(x, gamma=_SELU[0], alpha=_SELU[1]),
    "sigmoid": lambda op, x: op.Sigmoid(x),
    "silu": lambda op, x: op.Mul(x, op.Sigmoid(x)),
    "soft_shrink": _soft_shrink,
    "softmax": lambda op, x: op.Softmax(x, axis=-1),
    "softplus": lambda op, x: op.Softplus(x),
    "softsign": lambda op, x: op.Softsign(x),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": lambda op, x: op.HardSigmoid(x, alpha=0.5, beta=0.5),
    "sparsemax": _sparsemax,
    "squareplus": _squareplus,
    "swish": lambda op, x: op.Mul(x, op.Sigmoid(x)),
    "tanh": lambda op, x: op.Tanh(x),
    "tanh_shrink": lambda op, x: op.Sub(x, op.Tanh(x)),
    "threshold": lambda op, x: x,
}
"""Activations by their names, over the last axis where they have one."""


def slope_of(generation: Generation) -> float:
    """The slope of hard_sigmoid: Keras 3 has another one."""
    return 1 / 6 if generation is Generation.KERAS3 else 0.2


def formula(node: ImportedNode, said: Any) -> Formula:
    """What an activation computes, by what a config says of it: its name, or a layer."""
    if isinstance(said, dict) and isinstance(said.get("config"), dict):
        return _as_layer(node, said)
    if isinstance(said, dict) and isinstance(said.get("config"), str):
        said = said["config"]
    name = "linear" if said is None else str(said)
    if name == "hard_sigmoid":
        slope = slope_of(node.generation)
        return lambda op, x: _hard(op, x, slope)
    if name not in FORMULAS:
        node.refuse(f"its activation '{name}' is a function of the user")
    return FORMULAS[name]


def _as_layer(node: ImportedNode, said: dict[str, Any]) -> Formula:
    type_, config = str(said.get("class_name")), dict(said["config"])
    module = said.get("module")
    if type_ not in importer or (module and not str(module).startswith(("keras", "builtins"))):
        node.refuse(f"its activation {type_} is not known here")
    layer = Layer(type_, str(config.get("name") or type_), config, type_)
    return lambda op, x: node.inner(layer, Call((x,)))[0]


def activated(node: ImportedNode, op: Op, x: Value, said: Any) -> Value:
    """What a layer gives after its own activation."""
    return formula(node, said)(op, x)


def _registered(name: str, type_: str) -> None:
    @importer(f"ops.{type_}", doc=f"{OPS}/nn")
    def function(node: ImportedNode, op: Op, x: Value) -> Value:
        return activated(node, op, x, name)


for _name, _type in {
    "hard_sigmoid": "HardSigmoid", "hard_silu": "HardSilu", "hard_tanh": "HardTanh", "relu": "Relu",
    "log_sigmoid": "LogSigmoid", "relu6": "Relu6", "selu": "Selu", "sigmoid": "Sigmoid", "silu": "Silu",
    "softplus": "Softplus", "softsign": "Softsign", "sparse_plus": "SparsePlus", "tanh": "Tanh",
    "sparse_sigmoid": "SparseSigmoid", "tanh_shrink": "TanhShrink", "mish": "Mish",
}.items():  # fmt: skip
    _registered(_name, _type)


@importer("Activation", doc=ACTIVATIONS)
def activation(node: ImportedNode, op: Op, x: Value, *, activation: Any) -> Value:
    return activated(node, op, x, activation)


@importer("ReLU", doc=f"{ACTIVATIONS}/relu")
def relu(
    node: ImportedNode, op: Op, x: Value, *, max_value: Any, negative_slope: Any, threshold: Any
) -> Value:
    """The slope times (x - threshold) below the threshold, x above it, and no more than the maximum."""
    slope, threshold = float(negative_slope or 0), float(threshold or 0)
    if threshold:
        below = op.Mul(op.Sub(x, _number(x, threshold)), _number(x, slope))
        y = op.Where(op.GreaterOrEqual(x, _number(x, threshold)), x, below)
    else:
        y = op.LeakyRelu(x, alpha=slope) if slope else op.Relu(x)
    if max_value is None:
        return y
    if not threshold and not slope:
        return op.Clip(x, _number(x, 0), _number(x, max_value))
    return op.Min(y, _number(x, max_value))


@importer("LeakyReLU", doc=f"{ACTIVATIONS}/leaky_relu")
def leaky_relu(node: ImportedNode, op: Op, x: Value, *, negative_slope: float) -> Value:
    return op.LeakyRelu(x, alpha=float(negative_slope))


@importer("ops.LeakyRelu", doc=f"{OPS}/nn")
def leaky_relu_operation(node: ImportedNode, op: Op, x: Value, *, negative_slope: float) -> Value:
    return op.LeakyRelu(x, alpha=float(negative_slope))


@importer("ELU", "ops.Elu", doc=f"{ACTIVATIONS}/elu")
def elu(node: ImportedNode, op: Op, x: Value, *, alpha: float) -> Value:
    return op.Elu(x, alpha=float(alpha))


@importer("ops.Celu", doc=f"{OPS}/nn")
def celu(node: ImportedNode, op: Op, x: Value, *, alpha: float) -> Value:
    return op.Celu(x, alpha=float(alpha))


@importer("ops.Gelu", doc=f"{OPS}/nn")
def gelu(node: ImportedNode, op: Op, x: Value, *, approximate: bool) -> Value:
    return op.Gelu(x, approximate="tanh" if approximate else "none")


def _glu(op: Op, x: Value, axis: int) -> Value:
    first, gate = op.outputs(2).Split(x, axis=axis, num_outputs=2)
    return op.Mul(first, op.Sigmoid(gate))


@importer("ops.Glu", doc=f"{OPS}/nn")
def glu(node: ImportedNode, op: Op, x: Value, *, axis: int) -> Value:
    return _glu(op, x, axis)


@importer("ops.HardShrink", "ops.SoftShrink", doc=f"{OPS}/nn")
def shrink(node: ImportedNode, op: Op, x: Value, *, threshold: float) -> Value:
    soft = threshold if node.layer.type.endswith("SoftShrink") else 0.0
    return op.Shrink(x, lambd=float(threshold), bias=float(soft))


@importer("ops.Squareplus", doc=f"{OPS}/nn")
def squareplus(node: ImportedNode, op: Op, x: Value, *, b: float) -> Value:
    return op.Mul(op.Add(x, op.Sqrt(op.Add(op.Mul(x, x), _number(x, b)))), _number(x, 0.5))


@importer("ops.Threshold", doc=f"{OPS}/nn")
def threshold(
    node: ImportedNode, op: Op, x: Value, *, threshold: float, default_value: float
) -> Value:
    return op.Where(op.Greater(x, _number(x, threshold)), x, _number(x, default_value))


@importer("ThresholdedReLU", doc=ACTIVATIONS)
def thresholded_relu(node: ImportedNode, op: Op, x: Value, *, theta: float) -> Value:
    return op.ThresholdedRelu(x, alpha=float(theta))


@importer("Softmax", doc=f"{ACTIVATIONS}/softmax")
def softmax(node: ImportedNode, op: Op, x: Value, *, axis: Any) -> Value:
    """Over one axis or several; what a mask leaves out has no share."""
    mask = node.argument("mask")
    if not isinstance(mask, Value):
        return over(op, x, axis)
    least = -3e4 if x.dtype == ir.DataType.FLOAT16 else -1e9
    y = over(op, op.Where(mask, x, _number(x, least)), axis)
    return op.Where(mask, y, _number(x, 0))


def over(op: Op, x: Value, axis: Any) -> Value:
    """Softmax over some axes together."""
    if not isinstance(axis, list):
        return op.Softmax(x, axis=int(axis))
    if len(axis) == 1:
        return op.Softmax(x, axis=int(axis[0]))
    raised = op.Exp(op.Sub(x, op.ReduceMax(x, axis, keepdims=1)))
    return op.Div(raised, op.ReduceSum(raised, axis, keepdims=1))


@importer("ops.Softmax", "ops.LogSoftmax", doc=f"{OPS}/nn")
def softmax_operation(node: ImportedNode, op: Op, x: Value, *, axis: Any) -> Value:
    if node.layer.type == "ops.Softmax":
        return over(op, x, axis)
    return op.LogSoftmax(x, axis=int(axis))


@importer("ops.Sparsemax", doc=f"{OPS}/nn")
def sparsemax(node: ImportedNode, op: Op, x: Value, *, axis: int) -> Value:
    if axis % rank(x) != rank(x) - 1:
        node.refuse("it is not over the last axis")
    return _sparsemax(op, x)


@importer("PReLU", doc=f"{ACTIVATIONS}/prelu", unused="shared_axes")
def prelu(node: ImportedNode, op: Op, x: Value) -> Value:
    """The shape of its slopes says which axes share them, as it does where the file does not."""
    return op.PRelu(x, node.weight("alpha"))


@importer("ParametricSoftplus", doc=ACTIVATIONS, unused="shared_axes")
def parametric_softplus(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Mul(node.weight("alpha"), op.Softplus(op.Mul(node.weight("beta"), x)))


@importer("SReLU", doc=ACTIVATIONS, unused="shared_axes")
def s_relu(node: ImportedNode, op: Op, x: Value) -> Value:
    """Three straight pieces; the right threshold is stored as its distance from the left one."""
    left, right = node.weight("t_left"), node.weight("t_right")
    right = op.Add(left, op.Abs(right))
    below = op.Add(left, op.Mul(node.weight("a_left"), op.Sub(x, left)))
    above = op.Add(right, op.Mul(node.weight("a_right"), op.Sub(x, right)))
    middle = op.Where(op.GreaterOrEqual(x, right), above, x)
    return op.Where(op.LessOrEqual(x, left), below, middle)
