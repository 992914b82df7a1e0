"""Activations."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer.dtypes import cast, like
from mmdnn.frameworks.pytorch.importer.table import F, ImportedCall, Value, importer
from mmdnn.ir.builder import Op, rank


@importer("relu", doc=f"{F}.relu")
def relu(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.Relu(x)


@importer("leaky_relu", doc=f"{F}.leaky_relu")
def leaky_relu(node: ImportedCall, op: Op, x: Value, *, negative_slope: float) -> Value:
    return op.LeakyRelu(x, alpha=float(negative_slope))


@importer("rrelu", doc=f"{F}.rrelu")
def rrelu(
    node: ImportedCall, op: Op, x: Value, *, lower: float, upper: float, training: bool
) -> Value:
    if training:
        node.refuse("it is random in training")
    return op.LeakyRelu(x, alpha=(lower + upper) / 2)


@importer("rrelu_with_noise_functional", doc=f"{F}.rrelu", unused="noise")
def rrelu_functional(
    node: ImportedCall,
    op: Op,
    x: Value,
    *,
    noise: Value,
    lower: float,
    upper: float,
    training: bool,
) -> list[Value]:
    return [rrelu(node, op, x, lower=lower, upper=upper, training=training), noise]


@importer("prelu", "_prelu_kernel", doc=f"{F}.prelu")
def prelu(node: ImportedCall, op: Op, x: Value, weight: Value) -> Value:
    axes = rank(x)
    if rank(weight) == 1 and axes > 2 and node.type == "prelu":
        weight = op.Unsqueeze(weight, list(range(1, axes - 1)))
    return op.PRelu(x, weight)


@importer("elu", doc=f"{F}.elu")
def elu(
    node: ImportedCall, op: Op, x: Value, *, alpha: float, scale: float, input_scale: float
) -> Value:
    if input_scale != 1:
        scaled = op.Mul(x, like(x, input_scale))
        y = op.Where(op.Less(x, like(x, 0)), op.Elu(scaled, alpha=float(alpha)), x)
    else:
        y = op.Elu(x, alpha=float(alpha))
    return y if scale == 1 else op.Mul(y, like(x, scale))


@importer("selu", doc=f"{F}.selu")
def selu(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.Selu(x)


@importer("celu", doc=f"{F}.celu")
def celu(node: ImportedCall, op: Op, x: Value, *, alpha: float) -> Value:
    return op.Celu(x, alpha=float(alpha))


@importer("gelu", doc=f"{F}.gelu")
def gelu(node: ImportedCall, op: Op, x: Value, *, approximate: str) -> Value:
    return op.Gelu(x, approximate=approximate)


@importer("silu", doc=f"{F}.silu")
def silu(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.Mul(x, op.Sigmoid(x))


@importer("mish", doc=f"{F}.mish")
def mish(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.Mish(x)


@importer("hardsigmoid", doc=f"{F}.hardsigmoid")
def hardsigmoid(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.HardSigmoid(x, alpha=1 / 6, beta=0.5)


@importer("hardswish", doc=f"{F}.hardswish")
def hardswish(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.HardSwish(x)


@importer("softplus", doc=f"{F}.softplus")
def softplus(node: ImportedCall, op: Op, x: Value, *, beta: float, threshold: float) -> Value:
    """Linear above a threshold, where the difference is below the rounding of float32 by default."""
    scaled = x if beta == 1 else op.Mul(x, like(x, beta))
    y = op.Softplus(scaled)
    y = y if beta == 1 else op.Div(y, like(x, beta))
    return y if threshold >= 20 else op.Where(op.Greater(scaled, like(x, threshold)), x, y)


@importer("log_sigmoid", doc=f"{F}.logsigmoid")
def log_sigmoid(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.Neg(op.Softplus(op.Neg(x)))


@importer("hardshrink", doc=f"{F}.hardshrink")
def hardshrink(node: ImportedCall, op: Op, x: Value, *, lambd: float) -> Value:
    inside = op.LessOrEqual(op.Abs(x), like(x, lambd))
    return op.Where(inside, like(x, 0), x)


@importer("softshrink", doc=f"{F}.softshrink")
def softshrink(node: ImportedCall, op: Op, x: Value, *, lambd: float) -> Value:
    return op.Shrink(x, lambd=float(lambd), bias=float(lambd))


@importer("threshold", doc=f"{F}.threshold")
def threshold(node: ImportedCall, op: Op, x: Value, *, threshold: Any, value: Any) -> Value:
    if threshold == value == 0:
        return op.Relu(x)
    return op.Where(op.LessOrEqual(x, like(x, threshold)), like(x, value), x)


@importer("glu", doc=f"{F}.glu")
def glu(node: ImportedCall, op: Op, x: Value, *, dim: int) -> Value:
    axis = node.axis(dim, x)
    a, b = op.outputs(2).Split(x, axis=axis, num_outputs=2)
    return op.Mul(a, op.Sigmoid(b))


@importer(
    "softmax",
    "_softmax",
    "_safe_softmax",
    "special_softmax",
    doc=f"{F}.softmax",
    unused="half_to_float",
)
def softmax(node: ImportedCall, op: Op, x: Value, *, dim: int, dtype: ir.DataType) -> Value:
    """Over a row of -inf alone, `_safe_softmax` gives zeros."""
    x = cast(op, x, dtype) if dtype is not None else x
    if rank(x) == 0:
        return op.Add(op.Mul(x, like(x, 0)), like(x, 1))
    y = op.Softmax(x, axis=node.axis(dim, x))
    if node.type == "_safe_softmax":
        y = op.Where(op.IsNaN(y), like(y, 0), y)
    return y


@importer(
    "log_softmax",
    "_log_softmax",
    "special_log_softmax",
    doc=f"{F}.log_softmax",
    unused="half_to_float",
)
def log_softmax(node: ImportedCall, op: Op, x: Value, *, dim: int, dtype: ir.DataType) -> Value:
    x = cast(op, x, dtype) if dtype is not None else x
    return op.LogSoftmax(x, axis=node.axis(dim, x))
