"""Anchors, and the detections of a single-shot detector (src/operator/contrib/multibox_*.cc)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.boxes import centres, decoded
from mmdnn.frameworks.mxnet.importer.dtypes import choose
from mmdnn.frameworks.mxnet.importer.suppression import (
    LOWEST,
    NOTHING,
    by_group,
    counted,
    descending,
    order,
    row_numbers,
    rows_at,
    suppressed,
)
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir.builder import Op, known


@importer("_contrib_MultiBoxPrior", doc=f"{NN}.contrib.MultiBoxPrior")
def multibox_prior(node: ImportedNode, _op: Op, x: ir.Value) -> Any:
    """Anchors of each pixel, [1, pixels * (sizes + ratios - 1), 4]: nothing but the size is read."""
    height, width = known(x, 2), known(x, 3)
    attributes = node.attributes("sizes", "ratios", "clip", "steps", "offsets")
    anchors = _anchors(attributes, height, width)

    def body(op: Op, _x: ir.Value) -> ir.Value:
        return op.Constant(value=ir.tensor(anchors))

    return node.builder.function("MultiBoxPrior", [x], attributes, body)


def _anchors(p: dict[str, Any], height: int, width: int) -> np.ndarray:
    single = np.float32
    told = min(p["steps"]) > 0
    steps = p["steps"] if told else [single(1) / single(n) for n in (height, width)]
    centres_ = [
        (np.arange(n, dtype=single) + single(offset)) * single(step)
        for n, offset, step in zip((height, width), p["offsets"], steps, strict=True)
    ]
    roots = np.sqrt(np.asarray(p["ratios"], single))
    pairs = [(single(size), roots[0]) for size in p["sizes"]]
    pairs += [(single(p["sizes"][0]), root) for root in roots[1:]]
    half = np.asarray(
        [[s * single(height) / single(width) * r / 2, s / r / 2] for s, r in pairs], single
    )
    middle = np.stack(np.meshgrid(centres_[1], centres_[0]), -1)[:, :, None]
    boxes = np.concatenate([middle - half, middle + half], -1).reshape(1, -1, 4).astype(single)
    return boxes.clip(0, 1) if p["clip"] else boxes


@importer("_contrib_MultiBoxDetection", doc=f"{NN}.contrib.MultiBoxDetection")
def multibox_detection(
    node: ImportedNode, _op: Op, scores: ir.Value, offsets: ir.Value, anchors: ir.Value
) -> Any:
    """Rows [class, score, box]: what is found first, by score; then -1.

    scores [B, classes, N], offsets [B, 4 N], anchors [1, N, 4]. What is suppressed keeps its place and gets
    the class -1. (MXNet takes class 0 for the background, whatever `background_id` says.)
    """
    p = node.p
    attributes = node.attributes(
        *("clip", "threshold", "background_id", "nms_threshold", "force_suppress", "variances"),
        "nms_topk",
    )
    if p.background_id != 0:
        node.refuse(f"background_id {p.background_id}")
    classes = known(scores, 1)
    if classes < 2:
        node.unfit("there is no class but the background")

    def body(op: Op, scores: ir.Value, offsets: ir.Value, anchors: ir.Value) -> ir.Value:
        best = op.Slice(scores, [1], [classes], [1])
        score, label = op.outputs(2).TopK(best, [1], axis=1)
        score, label = (op.Squeeze(v, [1]) for v in (score, label))
        label = op.Cast(label, to=ir.DataType.FLOAT)
        valid = op.GreaterOrEqual(score, np.float32(p.threshold))
        valid = op.And(valid, op.Greater(score, NOTHING))
        boxes = _decoded(op, offsets, anchors, attributes)
        rows = op.Concat(op.Unsqueeze(label, [2]), op.Unsqueeze(score, [2]), boxes, axis=2)
        return _detected(op, rows, valid, score, classes - 1, attributes)

    return node.builder.function("MultiBoxDetection", [scores, offsets, anchors], attributes, body)


def _decoded(op: Op, offsets: ir.Value, anchors: ir.Value, p: dict[str, Any]) -> ir.Value:
    """Offsets [B, 4 N] from anchors to boxes [B, N, 4]."""
    offsets = op.Reshape(offsets, [-1, known(anchors, 1), 4])
    boxes = decoded(op, offsets, centres(op, anchors), p["variances"])
    return op.Clip(boxes, np.float32(0), np.float32(1)) if p["clip"] else boxes


def _detected(
    op: Op, rows: ir.Value, valid: ir.Value, score: ir.Value, classes: int, p: dict[str, Any]
) -> ir.Value:
    """Valid rows to the front, sorted and suppressed where that is asked for."""
    total = counted(op, valid)
    places = row_numbers(op, valid)
    first = order(op, op.Cast(valid, to=ir.DataType.FLOAT))
    compact = rows_at(op, rows, first)
    empty = op.Unsqueeze(op.GreaterOrEqual(places, total), [2])
    if not 0 < p["nms_threshold"] <= 1:
        return choose(op, empty, NOTHING, compact)
    sorted_rows = rows_at(op, rows, order(op, choose(op, valid, score, LOWEST)))
    taken = op.Min(total, np.float32(p["nms_topk"])) if p["nms_topk"] > 0 else total
    inside = op.Less(places, taken)
    label, boxes = (op.Slice(sorted_rows, [a], [b], [2]) for a, b in ((0, 1), (2, 6)))
    ranks = choose(op, inside, descending(op, sorted_rows), LOWEST)
    # MXNet suppresses at the threshold itself, ONNX beyond it
    threshold = float(np.nextafter(np.float32(p["nms_threshold"]), np.float32(0)))
    groups = None
    if not p["force_suppress"] and classes > 1:
        groups = by_group(op, ranks, op.Squeeze(label, [2]), classes)
    kept = suppressed(op, boxes, ranks, threshold, groups)
    chosen = choose(op, op.Unsqueeze(inside, [2]), sorted_rows, compact)
    _, rest = op.outputs(2).Split(chosen, [1, 5], axis=2)
    label = choose(op, op.Unsqueeze(kept, [2]), label, NOTHING)
    return choose(op, empty, NOTHING, op.Concat(label, rest, axis=2))
