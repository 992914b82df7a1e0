"""Normalization."""

from __future__ import annotations

from mmdnn.frameworks.tensorflow.importer.table import (
    RAW,
    ImportedNode,
    Value,
    importer,
    to_first,
    to_last,
)
from mmdnn.ir.builder import Op, rank


@importer("BiasAdd", doc=f"{RAW}/BiasAdd")
def bias_add(node: ImportedNode, op: Op, x: Value, bias: Value, *, data_format: str) -> Value:
    axes = rank(x)
    if data_format.startswith("NC") and axes > 2:
        bias = op.Unsqueeze(bias, list(range(1, axes - 1)))
    return op.Add(x, bias)


@importer("BiasAddV1", doc=f"{RAW}/BiasAddV1")
def bias_add_v1(node: ImportedNode, op: Op, x: Value, bias: Value) -> Value:
    return op.Add(x, bias)


@importer(
    "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3",
    doc=f"{RAW}/FusedBatchNormV3", unused="exponential_avg_factor",
)  # fmt: skip
def fused_batch_norm(
    node: ImportedNode, op: Op, x: Value, scale: Value, offset: Value, mean: Value, variance: Value,
    *, epsilon: float, data_format: str, is_training: bool,
) -> list[Value]:  # fmt: skip
    """In training the statistics are the batch's; the variance that it gives is the unbiased one."""
    first = to_first(op, x, data_format)
    if not is_training:
        y = op.BatchNormalization(first, scale, offset, mean, variance, epsilon=epsilon)
        return [to_last(op, y, data_format), mean, variance]
    axes = [axis for axis in range(rank(first)) if axis != 1]
    means = op.ReduceMean(first, axes, keepdims=1)
    gap = op.Sub(first, means)
    spread = op.ReduceMean(op.Mul(gap, gap), axes, keepdims=1)
    flat = op.Squeeze(means, axes), op.Squeeze(spread, axes)
    y = op.BatchNormalization(first, scale, offset, *flat, epsilon=epsilon)
    count = op.Cast(op.Div(op.Size(first), op.Size(scale)), to=x.dtype)
    unbiased = op.Mul(flat[1], op.Div(count, op.Max(op.Sub(count, 1.0), 1.0)))
    return [to_last(op, y, data_format), flat[0], unbiased]


@importer("BatchNormWithGlobalNormalization", doc=f"{RAW}/BatchNormWithGlobalNormalization")
def global_batch_norm(
    node: ImportedNode, op: Op, x: Value, mean: Value, variance: Value, beta: Value, gamma: Value,
    *, variance_epsilon: float, scale_after_normalization: bool,
) -> Value:  # fmt: skip
    scale = gamma if scale_after_normalization else op.Add(op.Mul(gamma, 0.0), 1.0)
    first = to_first(op, x, "NHWC")
    y = op.BatchNormalization(first, scale, beta, mean, variance, epsilon=variance_epsilon)
    return to_last(op, y, "NHWC")


@importer("LRN", doc=f"{RAW}/LRN")
def lrn(
    node: ImportedNode,
    op: Op,
    x: Value,
    *,
    depth_radius: int,
    bias: float,
    alpha: float,
    beta: float,
) -> Value:
    """ONNX divides alpha by the size."""
    size = 2 * depth_radius + 1
    y = op.LRN(to_first(op, x, "NHWC"), size=size, bias=bias, alpha=alpha * size, beta=beta)
    return to_last(op, y, "NHWC")
