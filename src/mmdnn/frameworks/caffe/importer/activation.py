"""Element-wise layers with one input (src/caffe/layers/*_layer.cpp of the same name)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.convolution import TUTORIAL
from mmdnn.frameworks.caffe.importer.table import Importing, importer
from mmdnn.ir.builder import NeedsStatic, shape


@importer("ReLU", doc=f"{TUTORIAL}/relu.html")
def relu(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    slope = layer.param("relu_param").negative_slope
    return op.LeakyRelu(x, alpha=slope) if slope else op.Relu(x)


@importer("PReLU", doc=f"{TUTORIAL}/prelu.html")
def prelu(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    rank = len(shape(x))
    if rank < 2:
        layer.unfit(f"it takes 2 axes or more, and there are {rank}")
    if layer.param("prelu_param").channel_shared:
        return op.PRelu(x, layer.weight(0, "weight", (1,)))
    channels = shape(x)[1]
    if channels is None:
        raise NeedsStatic(x.name)
    return op.PRelu(x, layer.weight(0, "weight", (channels, *[1] * (rank - 2))))


@importer("ELU", doc=f"{TUTORIAL}/elu.html")
def elu(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Elu(x, alpha=layer.param("elu_param").alpha)


@importer("Sigmoid", doc=f"{TUTORIAL}/sigmoid.html")
def sigmoid(_layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Sigmoid(x)


@importer("TanH", doc=f"{TUTORIAL}/tanh.html")
def tanh(_layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Tanh(x)


@importer("AbsVal", doc=f"{TUTORIAL}/absval.html")
def absval(_layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Abs(x)


@importer("BNLL", doc=f"{TUTORIAL}/bnll.html")
def bnll(_layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Softplus(x)


@importer("Softmax", doc=f"{TUTORIAL}/softmax.html")
def softmax(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Softmax(x, axis=layer.axis(layer.param("softmax_param").axis, x))


@importer("Dropout", doc=f"{TUTORIAL}/dropout.html")
def dropout(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    if layer.layer.phase == "TRAIN":
        layer.refuse("in phase TRAIN it is random")
    return op.Dropout(x, layer.param("dropout_param").dropout_ratio)


@importer("Power", doc=f"{TUTORIAL}/power.html")
def power(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    """(shift + scale x)^power; a constant, whatever x is, where power or scale is 0."""
    p = layer.param("power_param")
    if not p.power * p.scale:
        with np.errstate(all="ignore"):
            value = np.float32(p.shift) ** np.float32(p.power) if p.power else np.float32(1)
        filled: ir.Value = op.Expand(value, op.Shape(x))
        filled.shape = x.shape
        return filled
    x = affine(op, x, p.scale, p.shift)
    return x if p.power == 1 else op.Pow(x, p.power)


@importer("Exp", doc=f"{TUTORIAL}/exp.html")
def exp(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    """base^(shift + scale x), as base^shift e^(scale ln(base) x)."""
    p = layer.param("exp_param")
    inner = np.float32(p.scale) * _log_base(layer, p.base)
    y = op.Exp(x if inner == 1 else op.Mul(x, inner))
    base = np.float32(np.e if p.base == -1 else p.base)
    return op.Mul(y, base ** np.float32(p.shift)) if p.shift else y


@importer("Log", doc=f"{TUTORIAL}/log.html")
def log(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    """The logarithm of shift + scale x."""
    p = layer.param("log_param")
    base = _log_base(layer, p.base)
    if not base:
        layer.unfit("there is no logarithm of base 1")
    y = op.Log(affine(op, x, p.scale, p.shift))
    return y if base == 1 else op.Mul(y, np.float32(1) / base)


def _log_base(layer: Importing, base: float) -> np.float32:
    if base == -1:
        return np.float32(1)
    if not 0 < base < np.inf:
        layer.unfit(f"its base {base} is not positive")
    return np.float32(np.log(np.float32(base)))


def affine(op: Any, x: ir.Value, scale: float, shift: float) -> ir.Value:
    """`scale * x + shift`, without what changes nothing."""
    if scale != 1:
        x = op.Mul(x, scale)
    return op.Add(x, shift) if shift else x


@importer("Clip", doc=f"{TUTORIAL}/clip.html")
def clip(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    """max(min, min(x, max)): where the limits are the wrong way round, the lower one wins."""
    p = layer.param("clip_param")
    return op.Clip(x, p.min, max(p.min, p.max))


@importer("Swish", doc="https://arxiv.org/abs/1710.05941")
def swish(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Mul(x, op.Sigmoid(affine(op, x, layer.param("swish_param").beta, 0)))


@importer("Threshold", doc=f"{TUTORIAL}/threshold.html")
def threshold(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    above = op.Greater(x, layer.param("threshold_param").threshold)
    return op.Cast(above, to=ir.DataType.FLOAT)
