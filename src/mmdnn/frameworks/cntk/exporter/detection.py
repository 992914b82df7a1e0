"""Regions of interest (Source/ComputationNetworkLib/ConvolutionalNodes.h)."""

from __future__ import annotations

from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.pooling import MAXIMUM
from mmdnn.frameworks.cntk.exporter.table import API, ExportedNode, exporter
from mmdnn.frameworks.cntk.exporter.writer import Writer
from mmdnn.frameworks.cntk.graph import BATCH, Shape


@exporter("mmdnn.cntk::ROIPooling", doc=f"{API}/cntk.ops#roipooling")
def roi_pooling(
    node: ExportedNode,
    cntk: Writer,
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
