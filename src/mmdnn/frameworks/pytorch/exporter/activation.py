"""Activation functions: `torch.nn.functional` where it has them."""

from __future__ import annotations

import math

import numpy as np

from mmdnn.frameworks.pytorch.exporter.table import (
    ExportedNode,
    Writer,
    exporter,
    functions,
    unless,
)
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code
from mmdnn.tensors.references import reshaped

SELU = (1.6732631921768188, 1.0507010221481323)
"""Alpha and gamma of ONNX, which are torch's (https://docs.pytorch.org/docs/stable/generated/torch.nn.SELU.html)."""

functions(
    {
        "Relu": "F.relu",
        "Sigmoid": "torch.sigmoid",
        "Tanh": "torch.tanh",
        "Softplus": "F.softplus",
        "Softsign": "F.softsign",
        "Mish": "F.mish",
        "HardSwish": "F.hardswish",
    }
)


@exporter("Gelu", doc="Gelu")
def gelu(_node: ExportedNode, torch: Writer, x: Variable, *, approximate: str) -> Code:
    return torch.call("F.gelu", x, **unless(approximate=(approximate, "none")))


@exporter("Elu", "Celu", doc="Elu")
def elu(node: ExportedNode, torch: Writer, x: Variable, *, alpha: float) -> Code:
    return torch.call(f"F.{node.type.lower()}", x, **unless(alpha=(alpha, 1.0)))


@exporter("Selu", doc="Selu")
def selu(_node: ExportedNode, torch: Writer, x: Variable, *, alpha: float, gamma: float) -> Code:
    if np.allclose((alpha, gamma), SELU, rtol=1e-6):
        return torch.call("F.selu", x)
    return torch.binary("*", gamma, torch.call("F.elu", x, alpha))


@exporter("LeakyRelu", doc="LeakyRelu")
def leaky_relu(_node: ExportedNode, torch: Writer, x: Variable, *, alpha: float) -> Code:
    return torch.call("F.leaky_relu", x, alpha)


@exporter("ThresholdedRelu", doc="ThresholdedRelu")
def thresholded_relu(_node: ExportedNode, torch: Writer, x: Variable, *, alpha: float) -> Code:
    return torch.call("F.threshold", x, alpha, 0.0)


@exporter("HardSigmoid", doc="HardSigmoid")
def hard_sigmoid(
    _node: ExportedNode, torch: Writer, x: Variable, *, alpha: float, beta: float
) -> Code:
    if math.isclose(alpha, 1 / 6, rel_tol=1e-6) and beta == 0.5:
        return torch.call("F.hardsigmoid", x)
    line = torch.binary("+", torch.binary("*", alpha, x), beta)
    return torch.method(line, "clamp", 0, 1)


@exporter("Swish", doc="Swish")
def swish(_node: ExportedNode, torch: Writer, x: Variable, *, alpha: float) -> Code:
    if alpha == 1:
        return torch.call("F.silu", x)
    return torch.binary("*", x, torch.call("torch.sigmoid", torch.binary("*", alpha, x)))


@exporter("Shrink", doc="Shrink")
def shrink(node: ExportedNode, torch: Writer, x: Variable, *, bias: float, lambd: float) -> Code:
    if x.dtype is None or not x.dtype.is_floating_point():
        node.refuse("torch shrinks floating-point numbers only")
    if bias == 0:
        return torch.call("F.hardshrink", x, lambd)
    if bias == lambd:
        return torch.call("F.softshrink", x, lambd)
    outside = torch.call(
        "torch.where", torch.binary(">", x, lambd), torch.binary("-", x, bias), 0.0
    )
    below = torch.binary("<", x, -lambd)
    return torch.call("torch.where", below, torch.binary("+", x, bias), outside)


@exporter("Softmax", "LogSoftmax", doc="Softmax")
def softmax(node: ExportedNode, torch: Writer, x: Variable, *, axis: int) -> Code:
    return torch.call("F.softmax" if node.type == "Softmax" else "F.log_softmax", x, dim=axis)


@exporter("Hardmax", doc="Hardmax")
def hardmax(node: ExportedNode, torch: Writer, x: Variable, *, axis: int) -> Code:
    axis = node.axis(x, axis)
    best = torch.method(x, "argmax", axis, keepdim=True)
    zeros = torch.call("torch.zeros_like", x)
    return torch.method(zeros, "scatter", axis, best, 1)


@exporter("PRelu", doc="PRelu")
def prelu(node: ExportedNode, torch: Writer, x: Variable, slope: Variable) -> Code:
    floating = x.dtype is not None and x.dtype.is_floating_point()
    per_channel = floating and slope.constant is not None and _is_per_channel(x, slope)
    if not per_channel:
        return torch.call("torch.where", torch.binary("<", x, 0), torch.binary("*", slope, x), x)
    count = int(np.prod(slope.shape or (1,)))  # type: ignore[arg-type]
    weight = slope.changed("flat", lambda tensor: reshaped(tensor, (count,), slope.hint))
    layer = torch.module("nn.PReLU", *([] if count == 1 else [count]), tensors={"weight": weight})
    return layer(x)


def _is_per_channel(x: Variable, slope: Variable) -> bool:
    """Whether the slope varies along axis 1 at most, as torch's does."""
    dims = slope.shape or ()
    if all(dim == 1 for dim in dims):
        return x.rank is not None and len(dims) <= x.rank
    if x.rank is None or x.shape is None or x.rank < 2 or len(dims) > x.rank:
        return False
    aligned = (1,) * (x.rank - len(dims)) + dims
    return aligned[1] == x.shape[1] and all(d == 1 for i, d in enumerate(aligned) if i != 1)
