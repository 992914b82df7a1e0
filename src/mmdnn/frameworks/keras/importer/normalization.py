"""Normalizations; every epsilon is inside the root unless said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmdnn.frameworks.keras.importer.table import LAYERS, OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank, static

NORMALIZATIONS = f"{LAYERS}/normalization_layers"


def _axes(node: ImportedNode, axis: Any, x: Value) -> list[int]:
    said = axis if isinstance(axis, list) else [axis]
    return sorted(node.axis(int(each), x) for each in said)


def _number(x: Value, value: float) -> Any:
    assert x.dtype is not None
    return np.asarray(value, x.dtype.numpy())


@importer("BatchNormalization", doc=f"{NORMALIZATIONS}/batch_normalization", unused="mask")
def batch_normalization(
    node: ImportedNode, op: Op, x: Value, *,
    axis: Any, epsilon: float, center: bool, scale: bool, mode: int | None = None,
) -> Value:  # fmt: skip
    """By the stored statistics, unless Keras 1's mode 1 or 2, or the call, asks for those of the data."""
    axes = _axes(node, axis, x)
    if mode == 1:
        return _by_sample(node, op, x, epsilon)
    if mode == 2 or node.trains:
        return _of_batch(node, op, x, axes, epsilon)
    if len(axes) > 1 or not known(x, axes[0]):
        return _spread_out(node, op, x, axes, epsilon)
    channels = known(x, axes[0])
    has = {"gamma": node.has("gamma"), "beta": node.has("beta")}
    ones = {"gamma": np.ones, "beta": np.zeros}
    gamma, beta = (
        node.weight(name) if has[name] else node.constant(ones[name](channels)) for name in ones
    )
    mean, variance = node.weight("moving_mean"), node.weight("moving_variance")
    count = rank(x)
    perm = [0, axes[0], *(i for i in range(1, count) if i != axes[0])]
    back = [perm.index(i) for i in range(count)]
    moved = axes[0] != 1
    y = op.Transpose(x, perm=perm) if moved else x
    y = op.BatchNormalization(y, gamma, beta, mean, variance, epsilon=float(epsilon))
    return op.Transpose(y, perm=back) if moved else y


def _shaped(node: ImportedNode, op: Op, name: str, x: Value, axes: Sequence[int]) -> Value:
    """A variable of some axes, to be multiplied with all of them."""
    value = node.weight(name)
    sizes = [known(x, axis) if axis in axes else 1 for axis in range(axes[0], rank(x))]
    if list(static(value)) == sizes:
        return value
    made = node.graph.reshaped(value, tuple(sizes))
    return made if made is not None else op.Reshape(value, sizes)


def _scaled(node: ImportedNode, op: Op, y: Value, axes: Sequence[int]) -> Value:
    if node.has("gamma"):
        y = op.Mul(y, _shaped(node, op, "gamma", y, axes))
    return op.Add(y, _shaped(node, op, "beta", y, axes)) if node.has("beta") else y


def _spread_out(node: ImportedNode, op: Op, x: Value, axes: Sequence[int], epsilon: float) -> Value:
    mean, variance = (
        _shaped(node, op, name, x, axes) for name in ("moving_mean", "moving_variance")
    )
    y = op.Div(op.Sub(x, mean), op.Sqrt(op.Add(variance, _number(x, epsilon))))
    return _scaled(node, op, y, axes)


def _of_batch(node: ImportedNode, op: Op, x: Value, axes: Sequence[int], epsilon: float) -> Value:
    others = [axis for axis in range(rank(x)) if axis not in axes]
    return _scaled(node, op, standardized(op, x, others, epsilon), axes)


def standardized(op: Op, x: Value, axes: Sequence[int], epsilon: float) -> Value:
    """Without its mean over some axes, and divided by its deviation."""
    centred = op.Sub(x, op.ReduceMean(x, list(axes), keepdims=1))
    variance = op.ReduceMean(op.Mul(centred, centred), list(axes), keepdims=1)
    return op.Div(centred, op.Sqrt(op.Add(variance, _number(x, epsilon))))


def _by_sample(node: ImportedNode, op: Op, x: Value, epsilon: float) -> Value:
    """Keras 1: over the last axis of each sample, epsilon inside the root and beside it."""
    axis = [rank(x) - 1]
    centred = op.Sub(x, op.ReduceMean(x, axis, keepdims=1))
    variance = op.ReduceMean(op.Mul(centred, centred), axis, keepdims=1)
    deviation = op.Sqrt(op.Add(variance, _number(x, epsilon)))
    y = op.Div(centred, op.Add(deviation, _number(x, epsilon)))
    return _scaled(node, op, y, axis)


@importer("LayerNormalization", doc=f"{NORMALIZATIONS}/layer_normalization")
def layer_normalization(
    node: ImportedNode, op: Op, x: Value, *, axis: Any, epsilon: float, center: bool, scale: bool
) -> Value:
    """Over the axes said; gamma and beta have the shape of these."""
    axes = _axes(node, axis, x)
    last = axes == list(range(axes[0], rank(x)))
    if node.config.get("rms_scaling"):
        return _scaled(node, op, _rms(op, x, axes, epsilon), axes)
    if not last or not node.has("gamma"):
        return _scaled(node, op, standardized(op, x, axes, epsilon), axes)
    inputs = [node.weight("gamma"), *([node.weight("beta")] if node.has("beta") else [])]
    return op.LayerNormalization(x, *inputs, axis=axes[0], epsilon=float(epsilon))


def _rms(op: Op, x: Value, axes: Sequence[int], epsilon: float) -> Value:
    mean = op.ReduceMean(op.Mul(x, x), list(axes), keepdims=1)
    return op.Div(x, op.Sqrt(op.Add(mean, _number(x, epsilon))))


@importer("RMSNormalization", doc=f"{NORMALIZATIONS}/rms_normalization")
def rms_normalization(node: ImportedNode, op: Op, x: Value, *, axis: Any, epsilon: float) -> Value:
    axes = _axes(node, axis, x)
    return op.Mul(_rms(op, x, axes, epsilon), _shaped(node, op, "scale", x, axes))


@importer("GroupNormalization", doc=f"{NORMALIZATIONS}/group_normalization")
def group_normalization(
    node: ImportedNode, op: Op, x: Value, *,
    groups: int, axis: int, epsilon: float, center: bool, scale: bool,
) -> Value:  # fmt: skip
    """Over all axes but the batch, in groups of channels; -1 groups: one for each."""
    place, count = node.axis(axis, x), rank(x)
    channels = known(x, place)
    groups = channels if groups == -1 else groups
    sizes = [known(x, i) for i in range(1, count)]
    inner = [*sizes[: place - 1], groups, channels // groups, *sizes[place:]]
    split = op.Reshape(x, [0, *inner])
    axes = [i for i in range(1, count + 1) if i != place]
    y = op.Reshape(standardized(op, split, axes, epsilon), [0, *sizes])
    return _scaled(node, op, y, [place])


@importer("UnitNormalization", doc=f"{NORMALIZATIONS}/unit_normalization")
def unit_normalization(node: ImportedNode, op: Op, x: Value, *, axis: Any) -> Value:
    return unit(op, x, _axes(node, axis, x))


def unit(op: Op, x: Value, axes: Sequence[int], least: float = 1e-12) -> Value:
    """Divided by its length, whose square is no less than that."""
    squares = op.ReduceSum(op.Mul(x, x), list(axes), keepdims=1)
    return op.Div(x, op.Sqrt(op.Max(squares, _number(x, least))))


@importer("ops.BatchNorm", doc=f"{OPS}/nn")
def batch_norm(
    node: ImportedNode, op: Op, x: Value, mean: Value, variance: Value,
    offset: Any = None, scale: Any = None, *, axis: int, epsilon: float,
) -> Value:  # fmt: skip
    place = node.axis(axis, x)
    after = [1] * (rank(x) - 1 - place)

    def spread(value: Any) -> Value:
        value = node.constant(value) if isinstance(value, np.ndarray) else value
        return op.Reshape(value, [-1, *after]) if after else value

    y = op.Sub(x, spread(mean))
    y = op.Div(y, op.Sqrt(op.Add(spread(variance), _number(x, epsilon))))
    y = y if scale is None else op.Mul(y, spread(scale))
    return y if offset is None else op.Add(y, spread(offset))


@importer("ops.LayerNorm", doc=f"{OPS}/nn", unused="rms_scaling")
def layer_norm(
    node: ImportedNode, op: Op, x: Value, gamma: Any = None, beta: Any = None, *,
    axis: Any, epsilon: float,
) -> Value:  # fmt: skip
    y = standardized(op, x, _axes(node, axis, x), 1e-7 if epsilon is None else epsilon)
    y = y if gamma is None else op.Mul(y, gamma)
    return y if beta is None else op.Add(y, beta)


@importer("ops.RMSNorm", doc=f"{OPS}/nn")
def rms_norm(
    node: ImportedNode, op: Op, x: Value, scale: Any = None, *, axis: Any, epsilon: float
) -> Value:
    y = _rms(op, x, _axes(node, axis, x), 1e-7 if epsilon is None else epsilon)
    scale = node.constant(scale) if isinstance(scale, np.ndarray) else scale
    return y if scale is None else op.Mul(y, scale)
