"""Regions proposed by a network (src/operator/contrib/proposal.cc, multi_proposal.cc)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import choose
from mmdnn.frameworks.mxnet.importer.suppression import descending, order, rows_at, suppressed
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir import regions
from mmdnn.ir.builder import Op, known


@importer(
    *("_contrib_Proposal", "_contrib_MultiProposal"),
    doc=f"{NN}.contrib.Proposal",
    unused="output_score",
)
def proposal(
    node: ImportedNode, _op: Op, scores: ir.Value, shifts: ir.Value, info: ir.Value
) -> Any:
    """Regions of an RPN: [images * rpn_post_nms_top_n, 5], and their scores.

    scores [N, 2 A, H, W], shifts [N, 4 A, H, W], info [N, 3]: rows [height, width, scale]. Where fewer
    are found, they are repeated in turn.
    """
    p = node.p
    if node.type == "_contrib_Proposal" and known(scores, 0) != 1:
        node.unfit("it takes one image at a time")
    attributes = node.attributes(
        *("rpn_pre_nms_top_n", "rpn_post_nms_top_n", "threshold", "rpn_min_size", "scales"),
        *("ratios", "feature_stride", "iou_loss"),
    )
    height, width = known(scores, 2), known(scores, 3)
    anchors = regions.anchors(p.feature_stride, p.ratios, p.scales, whole=True)
    anchors = regions.shifted(anchors, height, width, p.feature_stride)
    if known(scores, 1) * height * width != 2 * len(anchors):
        node.unfit(f"{known(scores, 1)} channels do not fit its scales and ratios")

    def body(
        op: Op, scores: ir.Value, shifts: ir.Value, info: ir.Value
    ) -> tuple[ir.Value, ir.Value]:
        grid = (height, width)
        boxes, score = _candidates(op, scores, shifts, info, anchors, grid, attributes)
        return _proposed(op, boxes, score, attributes)

    return node.builder.function("Proposal", [scores, shifts, info], attributes, body)


def _candidates(
    op: Op,
    scores: ir.Value,
    shifts: ir.Value,
    info: ir.Value,
    anchors: np.ndarray,
    grid: tuple[int, int],
    p: dict[str, Any],
) -> tuple[ir.Value, ir.Value]:
    """Boxes [N, H W A, 4] within the image, and scores [N, H W A], -1 for what is no candidate."""
    each = len(anchors) // (grid[0] * grid[1])
    score = op.Slice(scores, [each], [2 * each], [1])
    score = op.Reshape(op.Transpose(score, perm=[0, 2, 3, 1]), [0, -1])
    shifts = op.Reshape(shifts, [0, each, 4, *grid])
    shifts = op.Reshape(op.Transpose(shifts, perm=[0, 3, 4, 1, 2]), [0, -1, 4])
    height, width, scale = op.outputs(3).Split(info, axis=1, num_outputs=3)
    boxes = (
        op.Add(shifts, anchors) if p["iou_loss"] else regions.moved(op, shifts, anchors, last=0.5)
    )
    limits = op.Unsqueeze(op.Sub(op.Concat(width, height, width, height, axis=1), 1.0), [1])
    boxes = op.Max(op.Min(boxes, limits), np.float32(0))
    stride = np.float32(p["feature_stride"])
    row, column = (np.repeat(v.ravel(), each).astype(np.float32) for v in np.indices(grid))
    beyond = [
        op.GreaterOrEqual(place[None], op.Floor(op.Div(limit, stride)))
        for place, limit in ((row, height), (column, width))
    ]
    score = choose(op, op.Or(*beyond), np.float32(-1), score)
    return _enlarged(op, boxes, score, op.Mul(scale, np.float32(p["rpn_min_size"])))


def _enlarged(
    op: Op, boxes: ir.Value, score: ir.Value, least: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """What is too small is grown by the smallest size, and is no candidate."""
    low, high = op.outputs(2).Split(boxes, axis=2, num_outputs=2)
    size = op.Add(op.Sub(high, low), 1.0)
    least = op.Unsqueeze(least, [2])
    small = op.Less(op.ReduceMin(size, [2], keepdims=1), least)
    half = op.Div(least, 2.0)
    grown = op.Concat(op.Sub(low, half), op.Add(high, half), axis=2)
    return choose(op, small, grown, boxes), choose(
        op, op.Squeeze(small, [2]), np.float32(-1), score
    )


def _proposed(
    op: Op, boxes: ir.Value, score: ir.Value, p: dict[str, Any]
) -> tuple[ir.Value, ir.Value]:
    """The best, suppressed where they overlap, as rows [image, box]; and their scores."""
    total = known(score, 1)
    before = min(p["rpn_pre_nms_top_n"] if p["rpn_pre_nms_top_n"] > 0 else total, total)
    after = p["rpn_post_nms_top_n"]
    best = op.Slice(order(op, score), [0], [before], [1])
    boxes = rows_at(op, boxes, best)
    score = rows_at(op, op.Unsqueeze(score, [2]), best)
    # areas count the last pixel: so do boxes that end one pixel later
    ends = np.asarray([0, 0, 1, 1], np.float32)
    like = op.Mul(op.Squeeze(score, [2]), np.float32(0))
    ranks = op.Add(like, descending(op, boxes))
    kept = suppressed(op, op.Add(boxes, ends), ranks, p["threshold"])
    front = order(op, op.Cast(kept, to=ir.DataType.FLOAT))
    count = op.ReduceSum(op.Cast(kept, to=ir.DataType.INT64), [1], keepdims=1)
    count = op.Min(count, np.asarray([min(after, before)], np.int64))
    turn = op.Mod(np.arange(after, dtype=np.int64)[None], count)
    places = op.GatherElements(front, turn, axis=1)
    boxes, score = rows_at(op, boxes, places), rows_at(op, score, places)
    image = op.Range(np.int64(0), op.Squeeze(op.Shape(boxes, start=0, end=1), [0]), np.int64(1))
    image = op.Cast(op.Unsqueeze(image, [1, 2]), to=ir.DataType.FLOAT)
    image = op.Add(op.Mul(score, np.float32(0)), image)
    rows = op.Concat(image, boxes, axis=2)
    return op.Reshape(rows, [-1, 5]), op.Reshape(score, [-1, 1])
