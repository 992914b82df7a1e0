"""What ONNX has no operator for, kept by name as a local function: one layer of MXNet each.

The attributes of such a function are the parameters of MXNet's operator.
"""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.mxnet._schema import operators
from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer


@exporter("MaxRoiPool", doc="MaxRoiPool")
def max_roi_pool(
    node: ExportedNode,
    mx: Writer,
    x: Array,
    rois: Array,
    *,
    pooled_shape: list[int],
    spatial_scale: float,
) -> Array:
    return mx.ROIPooling(x, rois, pooled_size=tuple(pooled_shape), spatial_scale=spatial_scale)


@exporter("RoiAlign", doc="RoiAlign")
def roi_align(
    node: ExportedNode,
    mx: Writer,
    x: Array,
    rois: Array,
    batch: Array,
    *,
    mode: str,
    output_height: int,
    output_width: int,
    coordinate_transformation_mode: str,
    sampling_ratio: int,
    spatial_scale: float,
) -> Array:
    """MXNet has the image's number in front of each box."""
    if mode != "avg":
        node.refuse("the maximum of a region's samples")
    kind = rois.dtype
    number = mx.expand_dims(mx.cast(batch, kind) if kind is not None else batch, axis=1)
    return mx.make(
        "_contrib_ROIAlign",
        x,
        mx.Concat(number, rois, num_args=2),
        pooled_size=(output_height, output_width),
        spatial_scale=spatial_scale,
        sample_ratio=sampling_ratio or None,
        aligned=coordinate_transformation_mode == "half_pixel" or None,
    )


DOMAIN = "mmdnn.mxnet"

FUNCTIONS = {
    "Correlation": "Correlation",
    "MultiBoxDetection": "_contrib_MultiBoxDetection",
    "MultiBoxPrior": "_contrib_MultiBoxPrior",
    "PSROIPooling": "_contrib_PSROIPooling",
    "Proposal": "_contrib_MultiProposal",
    "ROIAlign": "_contrib_ROIAlign",
    "ROIPooling": "ROIPooling",
    "box_nms": "_contrib_box_nms",
    "gamma": "gamma",
    "gammaln": "gammaln",
    "digamma": "digamma",
}
"""The name in the IR, and MXNet's operator."""


def _kept(op: str) -> Any:
    def write(node: ExportedNode, mx: Writer, *inputs: Array, **params: Any) -> list[Array]:
        if "output_score" in operators()[op].params and node.wants(1):
            params["output_score"] = True
        return mx.outputs(mx.make(op, *inputs, **params), len(node.node.outputs))

    return write


for _name, _op in FUNCTIONS.items():
    if _op in operators():
        exporter(f"{DOMAIN}::{_name}", doc=f"mxnet {_op}")(_kept(_op))
