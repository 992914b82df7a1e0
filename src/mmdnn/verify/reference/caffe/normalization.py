"""Normalisation: BatchNorm and its forks, LRN, MVN, Normalize, Softmax."""

from __future__ import annotations

import numpy as np

from mmdnn.verify.reference.caffe.layer import Array, Step, computes
from mmdnn.verify.reference.caffe.pooling import Axis, average


def softmax(x: Array, axis: int) -> Array:
    """exp(x), by its sum along an axis."""
    powers = np.exp(x - x.max(axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis, keepdims=True))


@computes("Softmax", over=[0])
def softmax_(step: Step, x: Array) -> Array:
    """Along one axis."""
    return softmax(x, step.axis(step.p.axis, x))


def _channels(array: Array, x: Array) -> Array:
    return array.reshape(-1, *[1] * (x.ndim - 2))


def _own_statistics(x: Array) -> tuple[Array, Array]:
    """Mean and variance of each channel, in a shape that goes with it."""
    axes = (0, *range(2, x.ndim))
    mean = x.mean(axes, keepdims=True)
    return mean, ((x - mean) ** 2).mean(axes, keepdims=True)


@computes("BatchNorm", over=[0])
def batch_norm(step: Step, x: Array) -> Array:
    """By the statistics stored, which a factor divides; or by the batch's own.

    NVIDIA's fork (github.com/NVIDIA/caffe, batch_norm_layer.cpp) has blobs for scale and bias too.
    """
    p = step.p
    forks = step.fork("batch_norm_param", scale_bias=False, scale_filler={}, bias_filler={})
    if x.ndim < 2:
        step.wrong("a blob of one axis")
    channels = (x.shape[1],)
    if p.use_global_stats if p.HasField("use_global_stats") else step.layer.phase == "TEST":
        factor = step.weight(2, (1,))[0]
        factor = 1 / factor if factor else 0.0
        mean, variance = (_channels(step.weight(i, channels) * factor, x) for i in (0, 1))
    else:
        mean, variance = _own_statistics(x)
    y = (x - mean) / np.sqrt(variance + p.eps)
    blobs, scaled = len(step.layer.blobs), any(forks.values())
    if blobs != 3 and not (blobs == 5 and scaled):
        step.refuse(f"{blobs} weight blobs")
    if blobs == 5:
        y = y * _channels(step.weight(3, channels), x) + _channels(step.weight(4, channels), x)
    return np.asarray(y)


@computes("BN", over=[0])
def bn(step: Step, x: Array) -> Array:
    """Two layers of this name, told apart by their weights.

    Four blobs: slope, bias, mean, variance (github.com/yjxiong/caffe). Two: scale and shift, of the
    batch's own normalisation or, for bn_mode INFERENCE, of the input (alexgkendall/caffe-segnet).
    """
    p = step.fork(
        "bn_param",
        eps=1e-5,
        momentum=0.9,
        frozen=False,
        bn_mode="",
        slope_filler={},
        bias_filler={},
        scale_filler={},
        shift_filler={},
    )
    weights = [_channels(step.weight(i, x.shape[1:2]), x) for i in range(len(step.layer.blobs))]
    if len(weights) == 4 and not p["bn_mode"]:
        if step.layer.phase == "TRAIN" and not p["frozen"]:
            step.refuse("it normalises by the batch in training")
        slope, bias, mean, variance = weights
        return np.asarray(slope * (x - mean) / np.sqrt(variance + p["eps"]) + bias)
    if len(weights) != 2 or p["bn_mode"] not in ("", "LEARN", "INFERENCE"):
        step.refuse(f"{len(weights)} weight blobs and the mode '{p['bn_mode']}'")
    if p["bn_mode"] == "INFERENCE":
        return np.asarray(weights[0] * x + weights[1])
    mean, variance = _own_statistics(x)
    return np.asarray(weights[0] * (x - mean) / np.sqrt(variance + 1e-9) + weights[1])


@computes("LRN")
def lrn(step: Step, x: Array) -> Array:
    """By the squares of the channels around, or of the pixels around in the same channel."""
    p = step.p
    size = p.local_size
    if x.ndim != 4 or size % 2 == 0:
        step.wrong(f"{x.ndim} axes and a window of {size}")
    squares, half = x**2, size // 2
    if p.norm_region == p.WITHIN_CHANNEL:
        rows, columns = (Axis(length, size, 1, half) for length in x.shape[2:])
        mean = average(squares, rows, columns, (x.shape[2], x.shape[3]))
        return np.asarray(x * (1 + p.alpha * mean) ** -p.beta)
    sums = np.zeros_like(x)
    for distance in range(-half, half + 1):
        first, last = max(-distance, 0), min(x.shape[1] - distance, x.shape[1])
        if first < last:
            sums[:, first:last] += squares[:, first + distance : last + distance]
    return np.asarray(x * (p.k + p.alpha / size * sums) ** -p.beta)


@computes("MVN", over=[0])
def mvn(step: Step, x: Array) -> Array:
    """Each channel, or each image, to mean 0 and deviation 1; eps is added to the deviation."""
    p = step.p
    if x.ndim > 4:
        step.wrong(f"a blob of {x.ndim} axes; it takes 4 at most")
    x = x.reshape(*x.shape, *[1] * (4 - x.ndim))
    axes = (1, 2, 3) if p.across_channels else (2, 3)
    y = x - x.mean(axes, keepdims=True)
    if p.normalize_variance:
        y = y / (np.sqrt((y**2).mean(axes, keepdims=True)) + p.eps)
    return np.asarray(y)


@computes("Normalize", over=[0])
def normalize(step: Step, x: Array) -> Array:
    """By the length of each pixel's channels, or of the whole image, times a scale.

    github.com/weiliu89/caffe, normalize_layer.cpp.
    """
    p = step.layer.message.norm_param
    axes = tuple(range(1, x.ndim)) if p.across_spatial else (1,)
    length = np.sqrt((x**2).sum(axes, keepdims=True) + p.eps)
    shared = p.channel_shared
    scale = step.weight(0, ()) if shared else _channels(step.weight(0, x.shape[1:2]), x)
    return np.asarray(x / length * scale)
