"""Layers of forks for boxes and regions: local functions, written as the layers they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdnn.frameworks.caffe.exporter.blobs import Blob
from mmdnn.frameworks.caffe.exporter.table import exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode

SSD = "https://github.com/weiliu89/caffe/blob/ssd/src/caffe/layers"
RFCN = "https://github.com/daijifeng001/caffe-rfcn/blob/r-fcn/src/caffe/layers"


@exporter("mmdnn.caffe::PriorBox", doc=f"{SSD}/prior_box_layer.cpp")
def prior_box(
    node: ExportedNode,
    caffe: Writer,
    x: Blob,
    picture: Blob,
    *,
    image: Sequence[int],
    step: Sequence[float],
    **fields: Any,
) -> Blob:
    if "offset_h" in fields:
        node.refuse(
            "its boxes have other offsets down than across, or several; the SSD fork has one"
        )
    if tuple(image) != picture.shape[2:]:
        fields |= {"img_h": image[0], "img_w": image[1]}
    steps = {"step_h": step[0], "step_w": step[1]}
    return caffe.layer("PriorBox", x, picture, shape=node.shape(), **fields, **steps)


@exporter("mmdnn.caffe::DetectionOutput", doc=f"{SSD}/detection_output_layer.cpp")
def detection_output(
    node: ExportedNode,
    caffe: Writer,
    *operands: Operand,
    clip: int,
    nms_threshold: float,
    top_k: int,
    **fields: Any,
) -> Blob:
    if clip:
        node.refuse("it clips its boxes, which the SSD fork's does not")
    return caffe.layer(
        "DetectionOutput",
        *operands,
        shape=(1, 1, 1, 7),
        nms_param={"nms_threshold": nms_threshold, "top_k": None if top_k < 0 else top_k},
        **fields,
    )


@exporter("mmdnn.caffe::ROIPooling", doc=f"{RFCN}/roi_pooling_layer.cpp")
def roi_pooling(_node: ExportedNode, caffe: Writer, x: Blob, rois: Operand, **fields: Any) -> Blob:
    shape = (rois.shape[0], x.shape[1], fields["pooled_h"], fields["pooled_w"])
    return caffe.layer("ROIPooling", x, rois, shape=shape, **fields)


@exporter("MaxRoiPool", doc=f"{RFCN}/roi_pooling_layer.cpp")
def max_roi_pool(
    node: ExportedNode,
    caffe: Writer,
    x: Blob,
    rois: Operand,
    *,
    pooled_shape: Sequence[int],
    spatial_scale: float,
) -> Blob:
    bins = dict(zip(("pooled_h", "pooled_w"), pooled_shape, strict=True))
    return roi_pooling(node, caffe, x, rois, **bins, spatial_scale=spatial_scale)


@exporter("mmdnn.caffe::PSROIPooling", doc=f"{RFCN}/psroi_pooling_layer.cu")
def psroi_pooling(
    _node: ExportedNode, caffe: Writer, x: Blob, rois: Operand, **fields: Any
) -> Blob:
    shape = (rois.shape[0], fields["output_dim"], *[fields["group_size"]] * 2)
    return caffe.layer("PSROIPooling", x, rois, shape=shape, **fields)
