"""Normalisation, with stored statistics or the input's own (src/operator/nn, instance_norm-inl.h)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet._values import UNUSED
from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer, same
from mmdnn.ir import COMPUTED
from mmdnn.ir.axes import moved
from mmdnn.ir.builder import Op, known, rank

MOMENTUM = 0.9
"""ONNX's default, and MXNet's."""


@importer(
    *("BatchNorm", "BatchNorm_v1", "_contrib_SyncBatchNorm", "_contrib_BatchNormWithReLU"),
    doc=f"{NN}.BatchNorm",
    unused="output_mean_var",
)
def batch_norm(
    node: ImportedNode,
    op: Op,
    x: ir.Value,
    gamma: ir.Value,
    beta: ir.Value,
    mean: ir.Value,
    variance: ir.Value,
) -> ir.Value:
    """Unless `fix_gamma` is off, the stored gamma is not used: it is 1."""
    p = node.p
    axis = node.axis(p.axis, x) if node.has("axis") else 1
    if rank(x) < 2:
        node.unfit("it takes 2 axes or more")
    options = {} if math.isclose(p.momentum, MOMENTUM, rel_tol=1e-6) else {"momentum": p.momentum}
    scale = _ones(node, gamma, beta) if p.fix_gamma else gamma
    x = moved(op, x, axis, 1)
    y = op.BatchNormalization(x, scale, beta, mean, variance, epsilon=p.eps, **options)
    return moved(op, op.Relu(y) if node.type.endswith("ReLU") else y, 1, axis)


def _ones(node: ImportedNode, gamma: ir.Value, beta: ir.Value) -> ir.Value:
    size, dtype = known(beta, 0), beta.dtype or ir.DataType.FLOAT

    def make() -> ir.Value:
        ones = ir.LazyTensor(
            lambda: ir.tensor(np.ones(size, dtype.numpy()), dtype=dtype), dtype, ir.Shape([size])
        )
        fixed = node.builder.initializer(f"{gamma.name}_fixed", ones)
        fixed.metadata_props[COMPUTED] = "yes"
        if gamma.const_value is not None:
            fixed.meta[UNUSED] = gamma.const_value
        return fixed

    return node.graph.once((gamma.name, "fixed"), make)


def _along(op: Op, vector: ir.Value, x: ir.Value, axis: int) -> ir.Value:
    """A vector whose axis is `axis` of x."""
    return op.Unsqueeze(vector, [i for i in range(rank(x)) if i != axis]) if rank(x) > 1 else vector


@importer("InstanceNorm", doc=f"{NN}.InstanceNorm")
def instance_norm(
    node: ImportedNode, op: Op, x: ir.Value, gamma: ir.Value, beta: ir.Value, *, eps: float
) -> ir.Value:
    if rank(x) < 3:
        node.refuse(f"{rank(x)} axes")
    return op.InstanceNormalization(x, gamma, beta, epsilon=eps)


@importer("LayerNorm", doc=f"{NN}.LayerNorm", unused="output_mean_var")
def layer_norm(
    node: ImportedNode,
    op: Op,
    x: ir.Value,
    gamma: ir.Value,
    beta: ir.Value,
    *,
    axis: int,
    eps: float,
) -> ir.Value:
    axis = node.axis(axis, x)
    if axis == rank(x) - 1:
        return op.LayerNormalization(x, gamma, beta, axis=-1, epsilon=eps)
    y = standardized(op, x, [axis], eps)
    return op.Add(op.Mul(y, _along(op, gamma, x, axis)), _along(op, beta, x, axis))


def standardized(op: Op, x: ir.Value, axes: list[int], epsilon: float) -> ir.Value:
    """(x - mean) / sqrt(variance + epsilon) over these axes."""
    centred = op.Sub(x, op.ReduceMean(x, axes, keepdims=1))
    variance = op.ReduceMean(op.Mul(centred, centred), axes, keepdims=1)
    return op.Div(centred, op.Sqrt(op.Add(variance, array(epsilon, x))))


@importer("GroupNorm", doc=f"{NN}.GroupNorm", unused="output_mean_var")
def group_norm(
    node: ImportedNode, op: Op, x: ir.Value, gamma: ir.Value, beta: ir.Value
) -> ir.Value:
    """Gamma and beta have a number for each group, not for each channel."""
    groups, channels = node.p.num_groups, known(x, 1)
    if channels % groups or {known(gamma, 0), known(beta, 0)} != {groups}:
        node.unfit(f"{channels} channels and {known(gamma, 0)} numbers do not make {groups} groups")
    each = [
        node.graph.changed(v, "channels", _repeated(channels // groups), (channels,))
        or _repeat(op, v, channels // groups)
        for v in (gamma, beta)
    ]
    y = op.GroupNormalization(x, *each, num_groups=groups, epsilon=node.p.eps)
    y.type, y.shape = x.type, x.shape
    return y


def _repeated(times: int) -> Any:
    return lambda vector: np.repeat(vector, times)


def _repeat(op: Op, vector: ir.Value, times: int) -> ir.Value:
    return op.Reshape(op.Expand(op.Unsqueeze(vector, [1]), [known(vector, 0), times]), [-1])


@importer("L2Normalization", doc=f"{NN}.L2Normalization")
def l2_normalization(node: ImportedNode, op: Op, x: ir.Value, *, mode: str, eps: float) -> ir.Value:
    """X / sqrt(sum x² + eps) over an instance, its channels, or its pixels."""
    axes = list(range(1, rank(x)))
    chosen = {"instance": axes, "channel": axes[:1], "spatial": axes[1:]}[mode]
    squares = op.ReduceSumSquare(x, chosen, keepdims=1)
    return op.Div(x, op.Sqrt(op.Add(squares, array(eps, x))))


same("LRN", "LRN", doc=f"{NN}.LRN", alpha="alpha", beta="beta", bias="knorm", size="nsize")


@importer("moments", doc=f"{NN}.moments")
def moments(node: ImportedNode, op: Op, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    axes = [node.axis(a, x) for a in node.p.axes] if node.p.axes is not None else []
    axes = axes or list(range(rank(x)))
    mean = op.ReduceMean(x, axes, keepdims=1)
    centred = op.Sub(x, mean)
    variance = op.ReduceMean(op.Mul(centred, centred), axes, keepdims=int(node.p.keepdims))
    mean = mean if node.p.keepdims else op.Squeeze(mean, axes)
    if len(axes) == rank(x) and not node.p.keepdims:
        mean, variance = op.Reshape(mean, [1]), op.Reshape(variance, [1])
    return mean, variance
