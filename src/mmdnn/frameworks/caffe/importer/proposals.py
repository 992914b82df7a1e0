"""Regions proposed by a network: Faster R-CNN's layer in Python, and PVANET's in C++.

rpn_cls_prob [1, 2 A, H, W]    rpn_bbox_pred [1, 4 A, H, W]    im_info [1, 3]: height, width, scale

(lib/rpn/proposal_layer.py of https://github.com/rbgirshick/py-faster-rcnn, and proposal_layer.cpp of
https://github.com/sanghoon/caffe, which py-R-FCN and OpenVINO have too.) Regions are
[0, xmin, ymin, xmax, ymax]: as many as are left, in an order that equal scores leave open.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import image_size
from mmdnn.frameworks.caffe.importer.table import LIMIT, ImportedLayer, importer
from mmdnn.ir import regions
from mmdnn.ir.builder import Op, known, shape

PYTHON = "ProposalLayer"
"""The class that py-faster-rcnn's networks name."""

CONFIGURATION = {
    "base_size": 16,
    "min_size": 16,
    "ratio": [0.5, 1.0, 2.0],
    "pre_nms_topn": 6000,
    "post_nms_topn": 300,
    "nms_thresh": 0.7,
}
"""What `fast_rcnn.config` says for tests unless a file changes it; no network's file says it."""

NOTE = (
    "Proposals are made as py-faster-rcnn's own configuration has them for tests: at least 16 pixels wide "
    "and high, the best 300 of 6000 whose overlap is 0.7 at most."
)


@importer(
    "Python",
    doc="https://github.com/rbgirshick/py-faster-rcnn/blob/master/lib/rpn/proposal_layer.py",
)
def python(
    layer: ImportedLayer, _op: Op, scores: ir.Value, shifts: ir.Value, info: ir.Value
) -> Any:
    """Boxes that are too small are left out."""
    said = _parameters(layer, layer.param().param_str)
    return _proposals(layer, (scores, shifts, info), {**CONFIGURATION, **said}, drops=True)


def _parameters(layer: ImportedLayer, text: str) -> dict[str, Any]:
    """The YAML of a `param_str`: a stride, and scales."""
    pairs = re.findall(
        r"""['"]?(\w+)['"]?\s*:\s*(?:!!python/tuple\s*)?([\d.]+|[\[(][^\])]*[\])])""", text
    )
    found = {name: [float(each) for each in re.findall(r"[\d.]+", value)] for name, value in pairs}
    left = re.sub(r"[\s{},]", "", text)
    if not found.keys() <= {"feat_stride", "scales"} or len(found) != left.count(":"):
        layer.refuse(f"its param_str is {text!r}")
    stride = found.get("feat_stride", [])
    if len(stride) != 1 or stride[0] % 1:
        layer.refuse(f"its param_str is {text!r}, which says no feat_stride")
    return {"feat_stride": int(stride[0]), "scale": found.get("scales", [8.0, 16.0, 32.0])}


@importer(
    "Proposal",
    doc="https://github.com/sanghoon/caffe/blob/pva-faster-rcnn/src/caffe/layers/proposal_layer.cpp",
)
def proposal(
    layer: ImportedLayer, _op: Op, scores: ir.Value, shifts: ir.Value, info: ir.Value
) -> Any:
    """Boxes that are too small come last, with the score 0."""
    p = layer.own()
    lists = {name: _numbers(layer, p[name]) for name in ("ratio", "scale")}
    return _proposals(layer, (scores, shifts, info), p | lists, drops=False)


def _numbers(layer: ImportedLayer, said: Any) -> list[float]:
    found = said if isinstance(said, list) else [said]
    if not all(isinstance(each, (int, float)) and 0 < each <= LIMIT for each in found):
        layer.refuse(f"its ratios or scales are {said}")
    return [float(each) for each in found]


def _proposals(
    layer: ImportedLayer,
    inputs: tuple[ir.Value, ir.Value, ir.Value],
    p: dict[str, Any],
    *,
    drops: bool,
) -> Any:
    scores, shifts, info = inputs
    grid, sizes = image_size(layer, scores), (p["feat_stride"], p["base_size"], p["post_nms_topn"])
    anchors = regions.anchors(p["base_size"], p["ratio"], p["scale"], whole=False)
    count = len(anchors)
    if known(scores, 0) != 1:
        layer.refuse(f"{known(scores, 0)} images: it takes one")
    if min(sizes) < 1 or not 0 <= p["nms_thresh"] <= 1 or p["pre_nms_topn"] < 1:
        layer.refuse(f"its parameters are {p}")
    if (
        shape(scores)[1] != 2 * count
        or shape(shifts) != (1, 4 * count, *grid)
        or len(shape(info)) != 2
    ):
        layer.unfit(f"{count} anchors do not fit {shape(scores)}, {shape(shifts)}, {shape(info)}")
    anchors = regions.shifted(anchors, *grid, p["feat_stride"])

    def body(op: Op, scores: ir.Value, shifts: ir.Value, info: ir.Value) -> tuple[ir.Value, ...]:
        score = op.Slice(scores, [count], [2 * count], [1])
        score = op.Reshape(op.Transpose(score, perm=[0, 2, 3, 1]), [-1])
        rows = op.Reshape(op.Transpose(shifts, perm=[0, 2, 3, 1]), [-1, 4])
        boxes = regions.moved(op, rows, anchors, last=0.0)
        size = op.Slice(info, [0], [2], [1])
        boxes = op.Min(boxes, op.Sub(op.Gather(size, [1, 0, 1, 0], axis=1), 1.0))
        boxes = op.Max(boxes, np.float32(0))
        large = _large(op, boxes, info, p["min_size"], each=not drops)
        if drops:
            boxes, score = (op.Compress(value, large, axis=0) for value in (boxes, score))
        else:
            score = op.Where(large, score, np.float32(0))
        limits = p["pre_nms_topn"], p["nms_thresh"], p["post_nms_topn"]
        boxes, score = regions.best(op, boxes, score, *limits)
        image = op.Mul(op.Slice(boxes, [0], [1], [1]), np.float32(0))
        rois = op.Concat(image, boxes, axis=1)
        return rois, score if drops else op.Squeeze(score, [1])

    made = layer.builder.function("Proposal", list(inputs), {**p, "drops": int(drops)}, body)
    rois, score = made
    rois.shape = ir.Shape([f"{layer.name}.regions", 5])
    score.shape = ir.Shape([f"{layer.name}.regions", *[1] * drops])
    return rois, score


def _large(op: Op, boxes: ir.Value, info: ir.Value, least: int, *, each: bool) -> ir.Value:
    """Whether a box is as wide and as high as it should be, in pixels of the picture as it was.

    PVANET's fourth number, where there is one, is the scale across.
    """
    places = np.array([3, 2] if each and known(info, 1) > 3 else [2], np.int64)
    smallest = op.Mul(op.Gather(info, places, axis=1), np.float32(least))
    low, high = op.outputs(2).Split(boxes, axis=1, num_outputs=2)
    enough = op.GreaterOrEqual(op.Add(op.Sub(high, low), np.float32(1)), smallest)
    both = op.ReduceMin(op.Cast(enough, to=ir.DataType.INT32), [1], keepdims=0)
    return op.Cast(both, to=ir.DataType.BOOL)
