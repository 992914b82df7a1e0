"""Neuron layers: each element by itself (src/caffe/layers of BVLC Caffe, and forks where said)."""

from __future__ import annotations

import math

import numpy as np

from mmdnn.verify.reference.caffe.layer import Array, Step, computes


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), as Caffe has it: by the hyperbolic tangent."""
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5)


@computes("ReLU", over=[0])
def relu(step: Step, x: Array) -> Array:
    """max(x, 0) + negative_slope * min(x, 0)."""
    slope = step.p.negative_slope
    return np.asarray(np.maximum(x, 0) + slope * np.minimum(x, 0) if slope else np.maximum(x, 0))


@computes("PReLU", over=[0])
def prelu(step: Step, x: Array) -> Array:
    """A slope for each channel below 0, or one for all."""
    if step.p.channel_shared:
        slope = step.weight(0, ())
    else:
        slope = step.weight(0, x.shape[1:2]).reshape(-1, *[1] * (x.ndim - 2))
    return np.asarray(np.maximum(x, 0) + slope * np.minimum(x, 0))


@computes("ELU", over=[0])
def elu(step: Step, x: Array) -> Array:
    """Below 0, alpha * (exp(x) - 1)."""
    return np.asarray(np.maximum(x, 0) + step.p.alpha * np.expm1(np.minimum(x, 0)))


@computes("Sigmoid", over=[0])
def sigmoid_(step: Step, x: Array) -> Array:
    """The logistic function."""
    del step
    return sigmoid(x)


@computes("TanH", over=[0])
def tanh(step: Step, x: Array) -> Array:
    """The hyperbolic tangent."""
    del step
    return np.asarray(np.tanh(x))


@computes("BNLL", over=[0])
def bnll(step: Step, x: Array) -> Array:
    """log(1 + exp(x))."""
    del step
    return np.asarray(np.logaddexp(0, x))


@computes("AbsVal", over=[0])
def absval(step: Step, x: Array) -> Array:
    """|x|."""
    del step
    return np.asarray(np.abs(x))


@computes("Power", over=[0])
def power(step: Step, x: Array) -> Array:
    """(shift + scale * x) ^ power; a constant where the derivative is 0."""
    p = step.p
    if p.power * p.scale == 0:
        return np.full_like(x, 1.0 if p.power == 0 else np.power(np.float64(p.shift), p.power))
    return np.asarray(np.power(p.shift + p.scale * x, p.power))


@computes("Exp", over=[0])
def exp(step: Step, x: Array) -> Array:
    """A base to the power of shift + scale * x; -1 stands for e."""
    p = step.p
    if p.base != -1 and p.base <= 0:
        step.refuse(f"a base of {p.base}")
    return np.asarray(np.exp((p.shift + p.scale * x) * (1.0 if p.base == -1 else math.log(p.base))))


@computes("Log", over=[0])
def log(step: Step, x: Array) -> Array:
    """The logarithm of shift + scale * x to a base; -1 stands for e."""
    p = step.p
    if p.base != -1 and p.base <= 0:
        step.refuse(f"a base of {p.base}")
    return np.asarray(np.log(p.shift + p.scale * x) / (1.0 if p.base == -1 else math.log(p.base)))


@computes("Clip", over=[0])
def clip(step: Step, x: Array) -> Array:
    """max(min, min(x, max))."""
    return np.asarray(np.maximum(step.p.min, np.minimum(x, step.p.max)))


@computes("Threshold", over=[0])
def threshold(step: Step, x: Array) -> Array:
    """1 where x > threshold."""
    return np.asarray((x > step.p.threshold).astype(np.float64))


@computes("Swish", over=[0])
def swish(step: Step, x: Array) -> Array:
    """Times the sigmoid of beta * x."""
    return np.asarray(x * sigmoid(step.p.beta * x))


@computes("Dropout", over=[0])
def dropout(step: Step, x: Array) -> Array:
    """Nothing, outside of training; but for what rbgirshick/caffe-fast-rcnn has not scaled there."""
    if step.layer.phase == "TRAIN":
        step.refuse("what it drops in training is random")
    scaled = step.fork("dropout_param", scale_train=True)["scale_train"]
    return x if scaled else x * (1 - step.p.dropout_ratio)


@computes("ReLU6", over=[0])
def relu6(step: Step, x: Array) -> Array:
    """min(max(x, 0), 6) (github.com/eric612/MobileNet-YOLO)."""
    step.fork("relu6_param")
    return np.asarray(np.minimum(np.maximum(x, 0), 6))


@computes("HardSwish", over=[0])
def hard_swish(step: Step, x: Array) -> Array:
    """Times min(max(x + 3, 0), 6) / 6 (github.com/Zeitzmz/micronet-caffe)."""
    step.fork("hard_swish_param")
    return np.asarray(x * np.minimum(np.maximum(x + 3, 0), 6) / 6)


@computes("HardSigmoid", over=[0])
def hard_sigmoid(step: Step, x: Array) -> Array:
    """min(max(alpha * x + beta, 0), 1) (foss-for-synopsys-dwc-arc-processors/synopsys-caffe)."""
    p = step.fork("hard_sigmoid_param", alpha=0.2, beta=0.5)
    return np.asarray(np.minimum(np.maximum(p["alpha"] * x + p["beta"], 0), 1))


@computes("Mish", over=[0])
def mish(step: Step, x: Array) -> Array:
    """Times tanh(log(1 + exp(x))) (github.com/troyliu0105/caffe)."""
    step.fork("mish_param")
    return np.asarray(x * np.tanh(np.logaddexp(0, x)))
