"""Regions of interest (Source/ComputationNetworkLib/ConvolutionalNodes.h)."""

from __future__ import annotations

from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.pooling import MAXIMUM
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.frameworks.cntk.graph import BATCH, Shape
from mmdnn.ir.exporting import ExportedNode


@exporter("mmdnn.cntk::ROIPooling", doc=f"{API}/cntk.ops#roipooling")
def roi_pooling(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    corners: Operand,
    *,
    roiOutputShape: list[int],
    spatialScale: float,
) -> Operand:
    """The maximum of each bin of each image's regions."""
    shape = (corners.shape[0], x.shape[0], *roiOutputShape)
    return cntk.make(
        "ROIPooling",
        x,
        corners,
        shape=shape,
        layout=(BATCH, *[None] * len(shape)),
        poolingType=MAXIMUM,
        roiOutputShape=Shape(roiOutputShape),
        spatialScale=float(spatialScale),
    )
