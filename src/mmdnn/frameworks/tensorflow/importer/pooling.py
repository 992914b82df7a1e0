"""Pooling: what lies in the padding counts in no average."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.importer.convolution import pads_of
from mmdnn.frameworks.tensorflow.importer.table import (
    RAW,
    ImportedNode,
    Value,
    as_type,
    importer,
    spatial,
    to_first,
    to_last,
)
from mmdnn.ir.builder import Op, known, rank


def _pooled(
    node: ImportedNode, op: Op, onnx: str, x: Value, said: tuple[Any, Any, str, str, Any]
) -> Value:
    ksize, strides, padding, data_format, explicit = said
    channel = 1 if data_format.startswith("NC") else -1
    if ksize[0] != 1 or strides[0] != 1 or len(ksize) != rank(x):
        node.refuse(f"its windows are {ksize}")
    if ksize[channel] != 1:
        return _over_channels(node, op, onnx, x, said)
    x = to_first(op, x, data_format)
    window: dict[str, list[int]] = {
        "kernel_shape": spatial(ksize, data_format),
        "strides": spatial(strides, data_format),
    }
    pads = pads_of(
        node, x, window["kernel_shape"], window["strides"], padding, explicit, data_format
    )
    return to_last(op, op[onnx](x, **window, **pads), data_format)


def _over_channels(
    node: ImportedNode, op: Op, onnx: str, x: Value, said: tuple[Any, Any, str, str, Any]
) -> Value:
    """Windows of channels alone: those are the last axis of an image of one channel."""
    ksize, strides, padding, data_format, _explicit = said
    alone = all(n == 1 for n in [*ksize[:-1], *strides[:-1]])
    if not alone or data_format != "NHWC" or padding not in {"SAME", "VALID"}:
        node.refuse(f"its windows are {ksize}")
    window = {"kernel_shape": [1, ksize[-1]], "strides": [1, strides[-1]]}
    pads = pads_of(node, x, window["kernel_shape"], window["strides"], padding, [], "NCHW")
    return op[onnx](x, **window, **pads)


@importer("MaxPool", doc=f"{RAW}/MaxPool")
def max_pool(
    node: ImportedNode, op: Op, x: Value, *, ksize: Any, strides: Any, padding: str,
    data_format: str, explicit_paddings: Any,
) -> Value:  # fmt: skip
    said = ksize, strides, padding, data_format, explicit_paddings
    return _pooled(node, op, "MaxPool", x, said)


@importer("MaxPoolV2", doc=f"{RAW}/MaxPoolV2")
def max_pool_v2(
    node: ImportedNode,
    op: Op,
    x: Value,
    ksize: Value,
    strides: Value,
    *,
    padding: str,
    data_format: str,
) -> Value:
    said = node.ints(ksize), node.ints(strides), padding, data_format, ()
    return _pooled(node, op, "MaxPool", x, said)


@importer("MaxPoolWithArgmax", doc=f"{RAW}/MaxPoolWithArgmax")
def max_pool_with_argmax(
    node: ImportedNode, op: Op, x: Value, *, ksize: Any, strides: Any, padding: str,
    Targmax: Any, include_batch_in_index: bool,
) -> list[Value]:  # fmt: skip
    """Places count rows, columns and channels; ONNX's count the batch, channels, rows and columns."""
    _, height, width, channels = (known(x, axis) if axis else 0 for axis in range(4))
    first = to_first(op, x, "NHWC")
    window: dict[str, list[int]] = {"kernel_shape": ksize[1:3], "strides": strides[1:3]}
    pads = pads_of(node, first, ksize[1:3], strides[1:3], padding, [], "NHWC")
    y, places = op.outputs(2).MaxPool(first, **window, **pads)
    area = np.int64(height * width)
    within = op.Mul(op.Mod(places, area), np.int64(channels))
    index = op.Add(within, np.arange(channels, dtype=np.int64).reshape(1, -1, 1, 1))
    if include_batch_in_index:
        whole = np.int64(height * width * channels)
        index = op.Add(index, op.Mul(op.Div(places, whole), whole))
    index = as_type(op, to_last(op, index, "NHWC"), Targmax or ir.DataType.INT64)
    return [to_last(op, y, "NHWC"), index]


@importer("MaxPool3D", doc=f"{RAW}/MaxPool3D")
def max_pool_3d(
    node: ImportedNode,
    op: Op,
    x: Value,
    *,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str,
) -> Value:
    return _pooled(node, op, "MaxPool", x, (ksize, strides, padding, data_format, []))


@importer("AvgPool", "AvgPool3D", doc=f"{RAW}/AvgPool")
def average_pool(
    node: ImportedNode,
    op: Op,
    x: Value,
    *,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str,
) -> Value:
    return _pooled(node, op, "AveragePool", x, (ksize, strides, padding, data_format, []))
