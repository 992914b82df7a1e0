"""Proposals of regions: py-faster-rcnn's layer in Python, and PVANET's in C++.

(rbgirshick/py-faster-rcnn, lib/rpn: proposal_layer.py, generate_anchors.py; lib/fast_rcnn: bbox_transform.py,
config.py; sanghoon/caffe, proposal_layer.cpp.)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

import numpy as np

from mmdnn.verify.reference.caffe.layer import Array, Step, computes


@computes("Python")
def python(step: Step, scores: Array, shifts: Array, info: Array) -> list[Array]:
    """What is smaller than 16 pixels of the picture as it was is no proposal."""
    if step.p.layer != "ProposalLayer":
        step.refuse(f"Python code, {step.p.module}.{step.p.layer}")
    said = _yaml(step, step.p.param_str)
    anchors = _anchors(16, (0.5, 1.0, 2.0), said.get("scales", (8, 16, 32)))
    boxes, score = _moved(step, anchors, said["feat_stride"], (scores, shifts, info))
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    keep = (sides >= 16 * info[0, 2]).all(1)
    boxes, score = _best(boxes[keep], score[keep], 6000, 300, 0.7)
    return [np.insert(boxes, 0, 0, axis=1), score[:, None]]


def _yaml(step: Step, text: str) -> dict[str, Array]:
    plain = text.replace("!!python/tuple", "").strip().strip("{}").replace("\n", ",")
    plain = re.sub(r"(?<![\w'\"])\w+(?=\s*:)", lambda name: repr(name[0]), plain)
    try:
        said = ast.literal_eval("{" + plain + "}")
        found = {key: np.array(value, np.float64) for key, value in said.items()}
    except (SyntaxError, ValueError, TypeError, AttributeError):
        found = {}
    if "feat_stride" not in found or not found.keys() <= {"feat_stride", "scales"}:
        step.refuse(f"the param_str {text!r}")
    return found


@computes("Proposal")
def proposal(step: Step, scores: Array, shifts: Array, info: Array) -> list[Array]:
    """What is too small has the score 0."""
    p = step.fork(
        "proposal_param",
        feat_stride=16,
        base_size=16,
        min_size=16,
        ratio=[],
        scale=[],
        pre_nms_topn=6000,
        post_nms_topn=300,
        nms_thresh=0.7,
    )
    anchors = _anchors(p["base_size"], p["ratio"], p["scale"])
    boxes, score = _moved(step, anchors, p["feat_stride"], (scores, shifts, info))
    high, wide = info[0, 2], info[0, 3 if info.shape[1] > 3 else 2]
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    score = np.where((sides >= p["min_size"] * np.array([wide, high])).all(1), score, 0)
    limits = p["pre_nms_topn"], p["post_nms_topn"], p["nms_thresh"]
    boxes, score = _best(boxes, score, *limits)
    return [np.insert(boxes, 0, 0, axis=1), score]


def _anchors(base: int, ratios: Sequence[float], scales: Sequence[float] | Array) -> Array:
    middle, found = (base - 1) / 2, []
    for ratio in ratios:
        width = int(np.sqrt(base * base / ratio) + 0.5)
        height = int(width * ratio + 0.5)
        for scale in scales:
            right, bottom = (width * scale - 1) / 2, (height * scale - 1) / 2
            found.append([middle - right, middle - bottom, middle + right, middle + bottom])
    return np.array(found).reshape(-1, 4)


def _moved(
    step: Step, anchors: Array, stride: float | Array, bottoms: tuple[Array, Array, Array]
) -> tuple[Array, Array]:
    """Every cell's anchors as the network moves them, within the picture, and their scores."""
    scores, shifts, info = bottoms
    images, channels, height, width = scores.shape
    if images != 1 or channels != 2 * len(anchors) or shifts.shape[1] != 4 * len(anchors):
        step.wrong(f"{len(anchors)} anchors, {list(scores.shape)} scores, {list(shifts.shape)}")
    boxes, score = [], []
    for y, x in np.ndindex(height, width):
        for number, anchor in enumerate(anchors + np.array([x, y, x, y]) * stride):
            size = anchor[2:] - anchor[:2] + 1
            shift = shifts[0, 4 * number : 4 * number + 4, y, x]
            centre, half = anchor[:2] + size / 2 + shift[:2] * size, np.exp(shift[2:]) * size / 2
            boxes.append(np.concatenate([centre - half, centre + half]))
            score.append(scores[0, len(anchors) + number, y, x])
    last = np.array([info[0, 1], info[0, 0]] * 2) - 1
    return np.clip(np.array(boxes), 0, np.maximum(last, 0)), np.array(score)


def _best(
    boxes: Array, score: Array, most: int, count: int, threshold: float
) -> tuple[Array, Array]:
    order = np.argsort(-score, kind="stable")[:most]
    kept: list[int] = []
    while len(order) and len(kept) < count:
        first, order = order[0], order[1:]
        kept.append(first)
        low = np.maximum(boxes[first, :2], boxes[order, :2])
        high = np.minimum(boxes[first, 2:], boxes[order, 2:])
        both = np.maximum(high - low + 1, 0).prod(1)
        areas = (boxes[:, 2:] - boxes[:, :2] + 1).prod(1)
        order = order[both / (areas[first] + areas[order] - both) <= threshold]
    return boxes[kept], score[kept]
