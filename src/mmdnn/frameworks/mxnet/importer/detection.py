"""Pooling over regions of interest (src/operator/roi_pooling.cc and contrib).

x [N, C, H, W]    rois [R, 5]: rows [image, xmin, ymin, xmax, ymax] in pixels of the network's input
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.boxes import columns
from mmdnn.frameworks.mxnet.importer.dtypes import array, choose
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir import regions
from mmdnn.ir.builder import Op, known


def _split_rois(op: Op, rois: ir.Value, x: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """The image of each region, whether there is one, and the corners."""
    image, corners = op.outputs(2).Split(rois, [1, 4], axis=1)
    image = op.Cast(op.Squeeze(image, [1]), to=ir.DataType.INT64)
    count = op.Squeeze(op.Shape(x, start=0, end=1), [0])
    there = op.And(op.GreaterOrEqual(image, np.int64(0)), op.Less(image, count))
    return choose(op, there, image, np.int64(0)), there, corners


@importer("ROIPooling", doc=f"{NN}.ROIPooling")
def roi_pooling(node: ImportedNode, _op: Op, x: ir.Value, rois: ir.Value) -> Any:
    """The maximum of each bin of each region; 0 where a bin, or the image, does not exist."""
    p = node.p
    bins, scale = p.pooled_size, p.spatial_scale
    size = known(x, 2), known(x, 3)
    attributes = node.attributes("pooled_size", "spatial_scale")

    def body(op: Op, x: ir.Value, rois: ir.Value) -> ir.Value:
        image, there, corners = _split_rois(op, rois, x)
        ends = columns(op, regions.rounded(op, op.Mul(corners, array(scale, rois))), 1)
        rows = regions.inside(op, ends[1], ends[3], bins[0], size[0])
        across = regions.inside(op, ends[0], ends[2], bins[1], size[1])
        pooled = regions.maxima(op, x, image, rows, across)
        some = regions.some(op, rows, across)
        some = op.And(some, op.Unsqueeze(there, [1, 2, 3]))
        return choose(op, some, pooled, array(0, x))

    return node.builder.function("ROIPooling", [x, rois], attributes, body)


def _samples(
    op: Op, start: ir.Value, end: ir.Value, bins: int, size: int, p: dict[str, Any]
) -> ir.Value:
    """How much each pixel of an axis counts in each bin, by linear interpolation: [R, bins, size]."""
    length = op.Sub(end, start)
    length = length if p["aligned"] else op.Max(length, array(1, start))
    each = op.Div(length, array(bins, start))
    if p["sample_ratio"] > 0:
        count: Any = array(np.full((1, 1, 1), p["sample_ratio"]), start)
        steps: Any = array(np.arange(p["sample_ratio"]), start)
    else:
        count = op.Unsqueeze(op.Ceil(each), [2])
        most = op.ReduceMax(count, keepdims=0)
        steps = op.Range(array(0, start), most, array(1, start))
    index = np.arange(bins, dtype=np.float32)[:, None]
    wide, low = op.Unsqueeze(each, [2]), op.Unsqueeze(start, [2])
    inner = op.Div(op.Mul(op.Add(steps, array(0.5, start)), wide), count)
    place = op.Add(op.Add(low, op.Mul(wide, array(index, start))), inner)
    inside = op.And(
        op.GreaterOrEqual(place, array(-1, start)), op.LessOrEqual(place, array(size, start))
    )
    inside = op.And(inside, op.Less(steps, count))
    place = op.Clip(place, array(0, start), array(size - 1, start))
    away = op.Abs(op.Sub(op.Unsqueeze(place, [3]), array(np.arange(size), start)))
    weight = op.Max(op.Sub(array(1, start), away), array(0, start))
    weight = choose(op, op.Unsqueeze(inside, [3]), weight, array(0, start))
    return op.Div(op.ReduceSum(weight, [2], keepdims=0), count)


@importer("_contrib_ROIAlign", doc=f"{NN}.contrib.ROIAlign")
def roi_align(node: ImportedNode, _op: Op, x: ir.Value, rois: ir.Value) -> Any:
    """Means of samples in each bin; position sensitive, each bin has channels of its own."""
    p = node.p
    height, width = p.pooled_size
    attributes = node.attributes(
        *("pooled_size", "spatial_scale", "sample_ratio", "position_sensitive", "aligned")
    )
    channels, rows = known(x, 1), known(rois, 1)
    size = known(x, 2), known(x, 3)

    def body(op: Op, x: ir.Value, rois: ir.Value) -> ir.Value:
        if rows == 4:
            rois = op.Pad(rois, [0, 1, 0, 0], array(0, rois))
        image, there, corners = _split_rois(op, rois, x)
        corners = op.Mul(corners, array(p.spatial_scale, rois))
        ends = columns(op, op.Sub(corners, array(p.aligned / 2, rois)), 1)
        down = _samples(op, ends[1], ends[3], height, size[0], attributes)
        across = _samples(op, ends[0], ends[2], width, size[1], attributes)
        y = regions.sums(op, x, image, down, across)
        y = choose(op, op.Unsqueeze(there, [1, 2, 3]), y, array(0, x))
        if not p.position_sensitive:
            return y
        own = np.arange(channels).reshape(-1, height, width)
        own = own * height * width + np.arange(height * width).reshape(height, width)
        return op.Gather(op.Reshape(y, [0, -1]), own, axis=1)

    return node.builder.function("ROIAlign", [x, rois], attributes, body)


@importer("_contrib_PSROIPooling", doc=f"{NN}.contrib.PSROIPooling")
def psroi_pooling(node: ImportedNode, _op: Op, x: ir.Value, rois: ir.Value) -> Any:
    """Means of bins, each from channels of its own."""
    p = node.p
    bins, group, depth = p.pooled_size, p.group_size or p.pooled_size, p.output_dim
    scale = p.spatial_scale
    attributes = {
        "spatial_scale": scale,
        "output_dim": depth,
        "pooled_size": bins,
        "group_size": group,
    }
    if known(x, 1) != depth * group * group:
        node.unfit(f"{known(x, 1)} channels are not {depth} times {group} x {group}")

    def body(op: Op, x: ir.Value, rois: ir.Value) -> ir.Value:
        image, _, corners = _split_rois(op, rois, x)
        return regions.own_means(op, x, image, corners, scale=scale, bins=bins, group=group)

    return node.builder.function("PSROIPooling", [x, rois], attributes, body)
