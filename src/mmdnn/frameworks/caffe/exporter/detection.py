"""Layers of the SSD fork that make boxes: local functions, written as the layers they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdnn.frameworks.caffe.exporter.blobs import Blob
from mmdnn.frameworks.caffe.exporter.table import exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode

SSD = "https://github.com/weiliu89/caffe/blob/ssd/src/caffe/layers"


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
    caffe.refuse_without_fork("PriorBox")
    if "offset_h" in fields:
        node.refuse(
            "its boxes have other offsets down than across, or several; the SSD fork has one"
        )
    height, width = (None, None) if tuple(image) == picture.shape[2:] else image
    return caffe.layer(
        "PriorBox",
        x,
        picture,
        shape=node.shape(),
        img_h=height,
        img_w=width,
        step_h=step[0],
        step_w=step[1],
        **fields,
    )


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
    caffe.refuse_without_fork("DetectionOutput")
    if clip:
        node.refuse("it clips its boxes, which the SSD fork's does not")
    return caffe.layer(
        "DetectionOutput",
        *operands,
        shape=(1, 1, 1, 7),
        nms_param={"nms_threshold": nms_threshold, "top_k": None if top_k < 0 else top_k},
        **fields,
    )
