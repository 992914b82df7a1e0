"""Poolings: padding never counts in an average, and is minus infinity for a maximum."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.keras.importer.convolution import as_many, padding_of
from mmdnn.frameworks.keras.importer.layout import channel, several, spatial, to_first, to_last
from mmdnn.frameworks.keras.importer.table import LAYERS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank

POOLINGS = f"{LAYERS}/pooling_layers"
_DIMENSIONS = (1, 2, 3)


def _types(stem: str, *operations: str) -> tuple[str, ...]:
    return (*(f"{stem}{n}D" for n in _DIMENSIONS), *operations)


@importer(*_types("MaxPooling", "ops.MaxPool"), doc=POOLINGS)
def max_pool(
    node: ImportedNode, op: Op, x: Value, *,
    pool_size: Any, strides: Any, padding: str, data_format: str,
) -> Value:  # fmt: skip
    return pooled(node, op, "MaxPool", x, pool_size, strides, padding, data_format)


@importer(*_types("AveragePooling", "ops.AveragePool"), doc=POOLINGS)
def average_pool(
    node: ImportedNode, op: Op, x: Value, *,
    pool_size: Any, strides: Any, padding: str, data_format: str,
) -> Value:  # fmt: skip
    return pooled(node, op, "AveragePool", x, pool_size, strides, padding, data_format)


def pooled(
    node: ImportedNode,
    op: Op,
    kind: str,
    x: Value,
    *said: Any,
) -> Value:
    """A pooling of a picture as Keras has it; `said` are size, strides, padding and data format."""
    size, strides, padding, data_format = said
    count = rank(x) - 2
    kernel = several(node, size, count)
    step = kernel if strides is None else several(node, strides, count)
    x = to_first(op, x, data_format)
    pads = padding_of(node, padding, kernel, step, x)
    if padding == "same" and node.graph.model.theano:
        pads = {"pads": [max(size - 2 if size % 2 else size - 1, 0) for size in kernel] * 2}
    y = op[kind](x, kernel_shape=kernel, strides=step, **pads)
    return to_last(op, as_many(node, op, y, x, padding, step), data_format)


@importer(*_types("GlobalMaxPooling"), doc=POOLINGS)
def global_max_pool(
    node: ImportedNode, op: Op, x: Value, *, data_format: str, keepdims: bool
) -> Value:
    return op.ReduceMax(x, spatial(data_format, x), keepdims=int(bool(keepdims)))


@importer(*_types("GlobalAveragePooling"), doc=POOLINGS)
def global_average_pool(
    node: ImportedNode, op: Op, x: Value, *, data_format: str, keepdims: bool
) -> Value:
    """Of a sequence with a mask, over the steps that count."""
    axes, mask = spatial(data_format, x), node.mask
    keep = int(bool(keepdims))
    if mask is None or node.layer.type != "GlobalAveragePooling1D":
        return op.ReduceMean(x, axes, keepdims=keep)
    counted = op.Unsqueeze(op.Cast(mask, to=x.dtype), [channel(data_format, x)])
    total = op.ReduceSum(op.Mul(x, counted), axes, keepdims=keep)
    return op.Div(total, op.ReduceSum(counted, axes, keepdims=keep))


@importer(*_types("AdaptiveAveragePooling", "ops.AdaptiveAveragePool"), doc=POOLINGS)
def adaptive_average_pool(
    node: ImportedNode, op: Op, x: Value, *, output_size: Any, data_format: str
) -> Value:
    return _adaptive(node, op, x, output_size, data_format, "ReduceMean")


@importer(*_types("AdaptiveMaxPooling", "ops.AdaptiveMaxPool"), doc=POOLINGS)
def adaptive_max_pool(
    node: ImportedNode, op: Op, x: Value, *, output_size: Any, data_format: str
) -> Value:
    return _adaptive(node, op, x, output_size, data_format, "ReduceMax")


def _adaptive(
    node: ImportedNode, op: Op, x: Value, output_size: Any, data_format: str, kind: str
) -> Value:
    """Bin i of n over a size s is from floor(i s / n) to ceil((i + 1) s / n), axis by axis."""
    axes = spatial(data_format, x)
    for axis, count in zip(axes, several(node, output_size, len(axes)), strict=True):
        size = known(x, axis)
        bins = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
        parts = [
            op[kind](op.Slice(x, [start], [end], [axis]), [axis], keepdims=1) for start, end in bins
        ]
        x = op.Concat(*parts, axis=axis)
    return x
