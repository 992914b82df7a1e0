"""SSD's DetectionOutput: boxes decoded, the best kept (weiliu89/caffe, util/bbox_util.cpp)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmdnn.verify.reference.caffe.layer import FLOAT_MAX, Array, Step, computes

Kept = list[tuple[float, int, int]]
"""Score, class and prior."""


@computes("DetectionOutput")
def detection_output(step: Step, places: Array, scores: Array, priors: Array) -> Array:
    """Rows of image, class, score and corners; for no detections a row of -1 for each image."""
    p = step.p
    images, count = len(places), priors.shape[2] // 4
    sets = 1 if p.share_location else p.num_classes
    if places[0].size != count * sets * 4 or scores[0].size != count * p.num_classes:
        step.wrong(f"{count} priors, {places[0].size} places, {scores[0].size} scores")
    boxes = _decoded(step, p, places.reshape(images, count, sets, 4), priors.reshape(-1, count, 4))
    scores = scores.reshape(images, count, p.num_classes)
    rows = []
    for image in range(images):
        for score, label, prior in _kept(p, boxes[image], scores[image]):
            corners = boxes[image, prior, 0 if p.share_location else label]
            rows.append([image, label, score, *corners])
    if not rows:
        rows = [[image, *[-1.0] * 6] for image in range(images)]
    return np.array(rows, np.float64).reshape(1, 1, -1, 7)


def _decoded(step: Step, p: Any, places: Array, priors: Array) -> Array:
    """Corners of the boxes that are predicted, of images, priors and classes.

    `clip` is a field of OpenCV's own caffe.proto, which forks have taken over.
    """
    prior, variance = (part[None, :, None] for part in priors)
    if p.variance_encoded_in_target:
        variance = np.ones_like(variance)
    forks = step.fork("detection_output_param", clip=False, normalized_bbox=True)
    if not forks["normalized_bbox"]:
        step.refuse("boxes in pixels")
    boxes = _coded(step, p, places, prior, variance)
    return np.clip(boxes, 0, 1) if forks["clip"] else boxes


def _coded(step: Step, p: Any, places: Array, prior: Array, variance: Array) -> Array:
    size = prior[..., 2:] - prior[..., :2]
    kind = type(step.layer.message.prior_box_param)
    if p.code_type == kind.CORNER:
        return np.asarray(prior + variance * places)
    if (size <= 0).any():
        step.wrong("a prior without area")
    if p.code_type == kind.CORNER_SIZE:
        return np.asarray(prior + variance * places * np.concatenate([size, size], -1))
    center = variance[..., :2] * places[..., :2] * size + (prior[..., :2] + prior[..., 2:]) / 2
    half = np.exp(variance[..., 2:] * places[..., 2:]) * size / 2
    return np.concatenate([center - half, center + half], -1)


def _kept(p: Any, boxes: Array, scores: Array) -> Kept:
    """What one image keeps, by class; within a class by score."""
    found: Kept = []
    for label in range(p.num_classes):
        if label != p.background_label_id:
            own = boxes[:, 0 if p.share_location else label]
            kept = _suppressed(p, own, scores[:, label])
            found += [(scores[prior, label], label, prior) for prior in kept]
    if -1 < p.keep_top_k < len(found):
        found = sorted(found, key=lambda each: -each[0])[: p.keep_top_k]
    return sorted(found, key=lambda each: each[1])


def _suppressed(p: Any, boxes: Array, scores: Array) -> list[int]:
    """The best of overlapping boxes, in the order of their scores."""
    least = p.confidence_threshold if p.HasField("confidence_threshold") else -FLOAT_MAX
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > least]
    if p.nms_param.HasField("top_k") and p.nms_param.top_k > -1:
        order = order[: p.nms_param.top_k]
    limit, eta = p.nms_param.nms_threshold, p.nms_param.eta
    kept: list[int] = []
    for prior in order:
        if not kept or (_overlap(boxes[prior], boxes[kept]) <= limit).all():
            kept.append(int(prior))
            if eta < 1 and limit > 0.5:
                limit *= eta
    return kept


def _overlap(box: Array, others: Array) -> Array:
    """Intersection over union with each of the others."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.where((sides > 0).all(1), sides.prod(1), 0.0)
    areas = _area(box[None]) + _area(others) - shared
    return np.where(shared > 0, shared / np.where(areas == 0, 1, areas), 0.0)


def _area(boxes: Array) -> Array:
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.where((sides < 0).any(1), 0.0, sides.prod(1))
