"""Normalisation: Keras's layers."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, Inputs, exporter, image
from mmdnn.frameworks.keras.exporter.writer import Writer


@exporter(*image("BatchNormalization"), doc="BatchNormalization")
def batch_normalization(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    *parameters: Array,
    epsilon: float,
    momentum: float | None = None,
    training_mode: int,
) -> Array:
    if training_mode:
        node.refuse("a BatchNormalization that is trained")
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    weights = {name: node.tensor(each, name) for name, each in zip(names, parameters, strict=True)}
    axis = -1 if node.node.domain or node.rank(x) == 2 else 1
    return keras.layer(
        "BatchNormalization", x, weights=weights, axis=axis, epsilon=epsilon, momentum=momentum
    )


@exporter("LayerNormalization", doc="LayerNormalization", unused="stash_type")
def layer_normalization(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    scale: Array,
    bias: Inputs = None,
    *,
    axis: int,
    epsilon: float,
) -> list[Array | None]:
    if node.wants(1) or node.wants(2):
        node.refuse("the mean or deviation of a LayerNormalization")
    rank = node.rank(x)
    axes = list(range(node.axis(x, axis), rank))
    weights = {"gamma": node.tensor(scale, "scale")}
    weights |= {} if bias is None else {"beta": node.tensor(bias, "bias")}
    sizes = [d for d in (x.shape or ())[axes[0] :] if isinstance(d, int)]
    if any(list(each.shape.numpy()) != sizes for each in weights.values()):
        node.refuse("its scale has another shape than what it normalises")
    said = axes if len(axes) > 1 else -1
    centered = None if bias is not None else False
    made = keras.layer(
        "LayerNormalization", x, weights=weights, axis=said, epsilon=epsilon, center=centered
    )
    return [made, None, None]


@exporter("RMSNormalization", doc="RMSNormalization", unused="stash_type")
def rms_normalization(
    node: ExportedNode, keras: Writer, x: Array, scale: Array, *, axis: int, epsilon: float
) -> Array:
    if node.axis(x, axis) != node.rank(x) - 1 or scale.rank != 1:
        node.refuse("Keras normalises by the root of the mean square over the last axis")
    weights = {"scale": node.tensor(scale, "scale")}
    return keras.layer("RMSNormalization", x, weights=weights, epsilon=epsilon)


@exporter(*image("InstanceNormalization"), doc="InstanceNormalization")
def instance_normalization(
    node: ExportedNode, keras: Writer, x: Array, scale: Array, bias: Array, *, epsilon: float
) -> Array:
    return _by_group(node, keras, x, scale, bias, groups=-1, epsilon=epsilon)


@exporter(*image("GroupNormalization"), doc="GroupNormalization", unused="stash_type")
def group_normalization(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    scale: Array,
    bias: Array,
    *,
    num_groups: int,
    epsilon: float,
) -> Array:
    return _by_group(node, keras, x, scale, bias, groups=num_groups, epsilon=epsilon)


def _by_group(
    node: ExportedNode, keras: Writer, x: Array, scale: Array, bias: Array, **config: Any
) -> Array:
    if not node.node.domain:
        node.refuse("Keras normalises images by groups of channels, and this is none")
    weights = {"gamma": node.tensor(scale, "scale"), "beta": node.tensor(bias, "bias")}
    return keras.layer("GroupNormalization", x, weights=weights, axis=-1, **config)


@exporter(*image("LRN"), doc="LRN")
def lrn(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    *,
    size: int,
    alpha: float,
    beta: float,
    bias: float,
) -> Array:
    """The squares of the neighbouring channels are added by slices."""
    axis = -1 if node.node.domain else 1
    rank, channels = node.rank(x), (x.shape or ())[axis]
    if not isinstance(channels, int):
        node.refuse("the number of its channels is not known")
    width = [[0, 0] for _ in range(rank)]
    width[axis] = [(size - 1) // 2, size // 2]
    squares = keras.ops.Pad(keras.ops.Square(x), pad_width=width)
    key = [slice(None)] * rank
    total: Array | None = None
    for first in range(size):
        key[axis] = slice(first, first + channels)
        part = keras.ops.GetItem(squares, tuple(key))
        total = part if total is None else keras.ops.Add(total, part)
    scaled = keras.ops.Add(keras.ops.Multiply(total, alpha / size), bias)
    return keras.ops.Divide(x, keras.ops.Power(scaled, beta))


@exporter("LpNormalization", doc="LpNormalization")
def lp_normalization(node: ExportedNode, keras: Writer, x: Array, *, axis: int, p: int) -> Array:
    """Onnxruntime leaves zeros zeros."""
    axis = node.axis(x, axis)
    if p == 1:
        norm = keras.ops.Sum(keras.ops.Absolute(x), axis=[axis], keepdims=True)
    else:
        squares = keras.ops.Sum(keras.ops.Square(x), axis=[axis], keepdims=True)
        norm = keras.ops.Sqrt(squares)
    ones = keras.ops.Where(keras.ops.Equal(norm, 0.0), 1.0, norm)
    return keras.ops.Divide(x, ones)
