"""Regions of interest: pooling them, and choosing among boxes."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, unless
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code
from mmdnn.python.literals import native


@exporter("NonMaxSuppression", doc="NonMaxSuppression")
def non_max_suppression(
    _node: ExportedNode,
    torch: Writer,
    boxes: Variable,
    scores: Variable,
    limit: Variable | None = None,
    overlap: Variable | None = None,
    threshold: Variable | None = None,
    *,
    center_point_box: int,
) -> Code:
    options: dict[str, Any] = {}
    for name, x in (("limit", limit), ("overlap", overlap), ("threshold", threshold)):
        if x is not None:
            known = torch.static(x)
            options[name] = x if known is None else native(known.reshape(-1)[0])
    if center_point_box:
        options["center_point_box"] = True
    return torch.helper("non_max_suppression", boxes, scores, **options)


@exporter("RoiAlign", doc="RoiAlign")
def roi_align(
    _node: ExportedNode,
    torch: Writer,
    x: Variable,
    rois: Variable,
    batch: Variable,
    *,
    output_height: int,
    output_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    coordinate_transformation_mode: str,
    mode: str,
) -> Code:
    options = unless(
        sampling_ratio=(sampling_ratio, 0),
        aligned=(coordinate_transformation_mode == "half_pixel", True),
        mode=(mode, "avg"),
    )
    boxes = rois if spatial_scale == 1 else torch.binary("*", rois, spatial_scale)
    return torch.helper("roi_align", x, boxes, batch, (output_height, output_width), **options)


@exporter("MaxRoiPool", doc="MaxRoiPool")
def max_roi_pool(
    _node: ExportedNode,
    torch: Writer,
    x: Variable,
    rois: Variable,
    *,
    pooled_shape: list[int],
    spatial_scale: float,
) -> Code:
    scale = unless(spatial_scale=(spatial_scale, 1.0))
    return torch.helper("max_roi_pool", x, rois, tuple(pooled_shape), **scale)
