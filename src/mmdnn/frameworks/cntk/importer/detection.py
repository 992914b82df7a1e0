"""Regions of interest (Source/ComputationNetworkLib/ConvolutionalNodes.h's ROIPoolingNode)."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.graph import Shape
from mmdnn.frameworks.cntk.importer.operand import Operand, sizes
from mmdnn.frameworks.cntk.importer.pooling import _LARGEST, MAX
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.ir import regions
from mmdnn.ir.builder import Op


@importer("ROIPooling", doc=f"{API}/cntk.ops#roipooling")
def roi_pooling(f: ImportedFunction, op: Op, x: Operand, corners: Operand) -> Operand:
    """Regions (x1, y1, x2, y2) of each image; [regions, channels, height, width] for each."""
    if f.get("poolingType", int) != MAX:
        f.refuse("only the maximum is known")
    if x.leading != 1 or corners.axes != x.axes or corners.rank != 2:
        f.refuse("its operands have different dynamic axes")
    bins, scale = f.get("roiOutputShape", Shape), f.get("spatialScale", float)
    count, (channels, height, width) = sizes(corners)[0], sizes(x)
    if max(*bins, height, width) > _LARGEST:
        f.refuse(f"{list(bins)} bins over {height} x {width}")
    attributes = {"roiOutputShape": list(bins), "spatialScale": scale}

    def body(op: Op, x: ir.Value, corners: ir.Value) -> ir.Value:
        scaled = op.Mul(op.Reshape(corners, [-1, 4]), scale)
        ends = op.outputs(4).Split(regions.rounded(op, scaled), axis=1, num_outputs=4)
        rows = regions.inside(op, ends[1], ends[3], bins[0], height)
        columns = regions.inside(op, ends[0], ends[2], bins[1], width)
        pooled = regions.maxima(op, x, _images(op, x, count), rows, columns)
        found = op.Where(regions.some(op, rows, columns), pooled, np.float32(0))
        return op.Reshape(found, [-1, count, channels, *bins])

    (made,) = f.builder.function("ROIPooling", [x.value, corners.value], attributes, body)
    return Operand(made, x.axes)


def _images(op: Op, x: ir.Value, count: int) -> ir.Value:
    """The image of each region: each image has so many."""
    zero, one = np.array(0, np.int64), np.array(1, np.int64)
    images = op.Range(zero, op.Squeeze(op.Shape(x, start=0, end=1), [0]), one)
    return op.Reshape(op.Expand(op.Unsqueeze(images, [1]), [1, count]), [-1])
