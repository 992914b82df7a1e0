"""Regions of interest: pooling them, and choosing among boxes."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.pytorch.exporter.table import Exporting, Writing, exporter, unless
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code
from mmdnn.python.literals import native


@exporter("NonMaxSuppression", doc="NonMaxSuppression")
def non_max_suppression(
    node: Exporting,
    torch: Writing,
    boxes: Variable,
    scores: Variable,
    limit: Variable | None = None,
    overlap: Variable | None = None,
    threshold: Variable | None = None,
) -> Code:
    options: dict[str, Any] = {}
    for name, x in (("limit", limit), ("overlap", overlap), ("threshold", threshold)):
        if x is not None:
            known = torch.static(x)
            options[name] = x if known is None else native(known.reshape(-1)[0])
    if node.attribute("center_point_box", 0):
        options["center_point_box"] = True
    return torch.helper("non_max_suppression", boxes, scores, **options)


@exporter("RoiAlign", doc="RoiAlign")
def roi_align(
    node: Exporting, torch: Writing, x: Variable, rois: Variable, batch: Variable
) -> Code:
    size = (node.attribute("output_height", 1), node.attribute("output_width", 1))
    mode = node.attribute("coordinate_transformation_mode", "half_pixel")
    options = unless(
        spatial_scale=(node.attribute("spatial_scale", 1.0), 1.0),
        sampling_ratio=(node.attribute("sampling_ratio", 0), 0),
        aligned=(mode == "half_pixel", True),
        mode=(node.attribute("mode", "avg"), "avg"),
    )
    return torch.helper("roi_align", x, rois, batch, size, **options)


@exporter("MaxRoiPool", doc="MaxRoiPool")
def max_roi_pool(node: Exporting, torch: Writing, x: Variable, rois: Variable) -> Code:
    size = tuple(node.attribute("pooled_shape"))
    scale = unless(spatial_scale=(node.attribute("spatial_scale", 1.0), 1.0))
    return torch.helper("max_roi_pool", x, rois, size, **scale)
