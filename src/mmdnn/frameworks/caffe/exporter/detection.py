"""Layers of the SSD fork that make boxes: local functions, written as the layers they were."""

from __future__ import annotations

from mmdnn.frameworks.caffe.exporter.blobs import Blob
from mmdnn.frameworks.caffe.exporter.table import Exporting, Operand, Writing, exporter

SSD = "https://github.com/weiliu89/caffe/blob/ssd/src/caffe/layers"


@exporter("mmdnn.caffe::PriorBox", doc=f"{SSD}/prior_box_layer.cpp")
def prior_box(node: Exporting, caffe: Writing, x: Blob, image: Blob) -> Blob:
    caffe.refuse_without_fork("PriorBox")
    height, width = node.attribute("image")
    steps, size = node.attribute("step"), (height, width)
    return caffe.layer(
        "PriorBox",
        x,
        image,
        shape=node.shape(),
        min_size=node.attribute("min_size"),
        max_size=node.attribute("max_size"),
        aspect_ratio=node.attribute("aspect_ratio"),
        flip=bool(node.attribute("flip")),
        clip=bool(node.attribute("clip")),
        variance=node.attribute("variance"),
        offset=node.attribute("offset"),
        img_h=None if size == image.shape[2:] else height,
        img_w=None if size == image.shape[2:] else width,
        step_h=steps[0],
        step_w=steps[1],
    )


@exporter("mmdnn.caffe::DetectionOutput", doc=f"{SSD}/detection_output_layer.cpp")
def detection_output(
    node: Exporting, caffe: Writing, loc: Operand, conf: Operand, priors: Operand
) -> Blob:
    caffe.refuse_without_fork("DetectionOutput")
    if node.attribute("clip"):
        node.refuse("it clips its boxes, which the SSD fork's does not")
    top_k = node.attribute("top_k")
    param = {
        "num_classes": node.attribute("num_classes"),
        "share_location": bool(node.attribute("share_location")),
        "background_label_id": node.attribute("background_label_id"),
        "code_type": node.attribute("code_type"),
        "variance_encoded_in_target": bool(node.attribute("variance_encoded_in_target")),
        "keep_top_k": node.attribute("keep_top_k"),
        "confidence_threshold": node.attribute("confidence_threshold"),
        "nms_param": {
            "nms_threshold": node.attribute("nms_threshold"),
            "top_k": None if top_k < 0 else top_k,
        },
    }
    blobs = [caffe.blob(x) for x in (loc, conf, priors)]
    return caffe.layer("DetectionOutput", *blobs, shape=(1, 1, 1, 7), **param)
