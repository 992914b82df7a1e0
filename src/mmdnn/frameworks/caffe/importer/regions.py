"""Pooling over regions of interest (Fast R-CNN's fork), as a local function of two inputs.

x [N, C, H, W]    rois [R, 5]: rows [image, xmin, ymin, xmax, ymax], in pixels of the network's input
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.forks import Fields, image_size
from mmdnn.frameworks.caffe.importer.table import Importing, importer
from mmdnn.ir import regions
from mmdnn.ir.builder import shape

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
        ends = op.Split(
            regions.rounded(op, op.Mul(corners, scale)), axis=1, num_outputs=4, outputs=4
        )
        rows = regions.inside(op, ends[1], ends[3], bins[0], size[0])
        columns = regions.inside(op, ends[0], ends[2], bins[1], size[1])
        pooled = regions.maxima(
            op, x, op.Squeeze(op.Cast(image, to=ir.DataType.INT64), [1]), rows, columns
        )
        some = regions.some(op, rows, columns)
        found: ir.Value = op.Where(some, pooled, np.float32(0))
        return found

    return layer.builder.function("ROIPooling", [x, rois], attributes, body)
