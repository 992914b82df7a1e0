"""Pooling over regions of interest (Fast R-CNN's fork), as a local function of two inputs.

x [N, C, H, W]    rois [R, 5]: rows [image, xmin, ymin, xmax, ymax], in pixels of the network's input
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.detection_output import LOWEST
from mmdnn.frameworks.caffe.importer.forks import Fields, image_size
from mmdnn.frameworks.caffe.importer.table import Importing, importer
from mmdnn.ir.builder import Builder, shape

FAST_RCNN = "https://github.com/rbgirshick/caffe-fast-rcnn/blob/fast-rcnn/src/caffe/layers"


@importer("ROIPooling", doc=f"{FAST_RCNN}/roi_pooling_layer.cpp")
def roi_pooling(layer: Importing, _op: Any, x: ir.Value, rois: ir.Value) -> Any:
    """The maximum of each bin of each region, 0 where a bin lies outside the image."""
    fields = Fields(layer, "roi_pooling_param")
    bins = (fields.take("pooled_h", 0), fields.take("pooled_w", 0))
    scale = fields.take("spatial_scale", 1.0)
    fields.close()
    if min(bins) < 1 or shape(rois)[1:] not in {(5,), (5, 1, 1)}:
        layer.refuse(f"{bins} bins of regions of shape {shape(rois)}")
    size = image_size(layer, x)
    attributes = {"pooled_h": bins[0], "pooled_w": bins[1], "spatial_scale": scale}

    def body(op: Any, x: ir.Value, rois: ir.Value) -> ir.Value:
        image, corners = op.Split(op.Reshape(rois, [-1, 5]), [1, 4], axis=1, outputs=2)
        ends = op.Split(_rounded(op, op.Mul(corners, scale)), axis=1, num_outputs=4, outputs=4)
        rows = _inside(op, ends[1], ends[3], bins[0], size[0])
        columns = _inside(op, ends[0], ends[2], bins[1], size[1])
        pooled = _pool(op, x, op.Cast(image, to=ir.DataType.INT64), rows, columns)
        some = op.And(_any(op, rows, [1, 3]), _any(op, columns, [1, 2]))
        found: ir.Value = op.Where(some, pooled, np.float32(0))
        return found

    return layer.builder.function("ROIPooling", [x, rois], attributes, body)


def _rounded(op: Any, x: ir.Value) -> ir.Value:
    """To the nearest whole number, halves away from zero, as C rounds."""
    size = op.Abs(x)
    whole = op.Floor(size)
    up = op.Cast(op.GreaterOrEqual(op.Sub(size, whole), 0.5), to=ir.DataType.FLOAT)
    rounded: ir.Value = op.Mul(op.Sign(x), op.Add(whole, up))
    return rounded


def _inside(op: Any, start: ir.Value, end: ir.Value, bins: int, size: int) -> ir.Value:
    """Which pixels of an axis lie in which bin of each region, [R, bins, size]."""
    length = op.Max(op.Add(op.Sub(end, start), 1.0), 1.0)
    width = op.Div(length, float(bins))
    index, pixels = np.arange(bins, dtype=np.float32), np.arange(size, dtype=np.float32)
    low = op.Unsqueeze(op.Add(op.Floor(op.Mul(width, index)), start), [2])
    high = op.Unsqueeze(op.Add(op.Ceil(op.Mul(width, index + 1)), start), [2])
    inside: ir.Value = op.And(op.GreaterOrEqual(pixels, low), op.Less(pixels, high))
    return inside


def _any(op: Any, inside: ir.Value, axes: list[int]) -> ir.Value:
    """Whether a bin has any pixel, [R, bins] with two more axes."""
    count = op.ReduceMax(op.Cast(inside, to=ir.DataType.INT32), [2], keepdims=0)
    some: ir.Value = op.Cast(op.Unsqueeze(count, axes), to=ir.DataType.BOOL)
    return some


def _pool(op: Any, x: ir.Value, image: ir.Value, rows: ir.Value, columns: ir.Value) -> ir.Value:
    """Region by region, the maxima over columns, then over rows: [R, C, bins, bins]."""
    x = op.Unsqueeze(x, [2, 4])
    rows, columns = op.Unsqueeze(rows, [1, 4]), op.Unsqueeze(columns, [1, 2, 3])
    lowest, last, third = (op.builder.constant(value) for value in (LOWEST, [4], [2]))
    body = Builder("mmdnn.caffe", "region")
    with body.layer("region", ""):
        index = body.input("region/image", [], ir.DataType.INT64)
        row = body.input("region/rows", shape(rows)[1:], ir.DataType.BOOL)
        column = body.input("region/columns", shape(columns)[1:], ir.DataType.BOOL)
        each = body.op
        picture = each.Where(column, each.Gather(x, index, axis=0), lowest)
        strips = each.Where(row, each.ReduceMax(picture, last, keepdims=0), lowest)
        maxima = each.ReduceMax(strips, third, keepdims=0)
    body.graph.outputs.append(maxima)
    pooled: ir.Value = op.Scan(
        op.Squeeze(image, [1]), rows, columns, body=body.graph, num_scan_inputs=3
    )
    pooled.type, pooled.shape = x.type, ir.Shape([None, *shape(maxima)])
    return pooled
