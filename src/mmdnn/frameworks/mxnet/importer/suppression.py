"""Which of overlapping boxes are kept (src/operator/contrib/bounding_box-inl.h).

B is the batch, N the number of boxes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.boxes import centres, corners, filled
from mmdnn.frameworks.mxnet.importer.dtypes import choose
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir.builder import Op, known, rank

LOWEST = np.float32(np.finfo(np.float32).min)

NOTHING = np.float32(-1)


def suppressed(
    op: Op, boxes: ir.Value, ranks: ir.Value, threshold: float, groups: ir.Value | None = None
) -> ir.Value:
    """Which boxes stay, [B, N], when better ones of their group overlap them by more.

    Args:
        op: Operators of the graph.
        boxes: Corners, [B, N, 4].
        ranks: Scores without ties, `LOWEST` for boxes that take no part, [B, N].
        threshold: The overlap allowed.
        groups: [B, N], whole numbers from 0 on less than the third dimension of `ranks`.
    """
    low, high = op.outputs(2).Split(boxes, axis=2, num_outputs=2)
    crossed = op.ReduceMax(op.Cast(op.Less(high, low), to=ir.DataType.INT32), [2], keepdims=1)
    usable = choose(op, op.Cast(crossed, to=ir.DataType.BOOL), np.float32(0), boxes)
    scores = op.Unsqueeze(ranks, [1]) if groups is None else groups
    most = op.Shape(boxes, start=1, end=2)
    found = op.NonMaxSuppression(usable, scores, most, np.float32(threshold), LOWEST)
    image, _, box = op.outputs(3).Split(found, axis=1, num_outputs=3)
    places = op.Concat(image, box, axis=1)
    none = filled(op, ranks, False)
    return op.ScatterND(none, places, filled(op, places, True, axes=1))


def by_group(op: Op, ranks: ir.Value, groups: ir.Value, count: Any) -> ir.Value:
    """Ranks [B, N] as [B, groups, N]: each box in its own group only."""
    if isinstance(count, int):
        every: Any = np.arange(count, dtype=np.float32)[:, None]
    else:
        every = op.Unsqueeze(op.Range(np.float32(0), count, np.float32(1)), [1])
    own = op.Equal(op.Unsqueeze(groups, [1]), every)
    return choose(op, own, op.Unsqueeze(ranks, [1]), LOWEST)


def descending(op: Op, like: ir.Value) -> ir.Value:
    """N, N - 1, ... 1 along axis 1 of [B, N, ...], as scores of boxes that are sorted."""
    count = op.Squeeze(op.Shape(like, start=1, end=2), [0])
    up = op.Cast(op.Range(np.int64(0), count, np.int64(1)), to=ir.DataType.FLOAT)
    return op.Sub(op.Cast(count, to=ir.DataType.FLOAT), up)


def order(op: Op, scores: ir.Value) -> ir.Value:
    """Places by falling score, equal ones in their order, [B, N]."""
    return op.outputs(2).TopK(scores, op.Shape(scores, start=1, end=2), axis=1)[1]


def rows_at(op: Op, rows: ir.Value, places: ir.Value) -> ir.Value:
    """Rows [B, N, K] at places [B, M]."""
    return op.GatherND(rows, op.Unsqueeze(places, [2]), batch_dims=1)


def counted(op: Op, mask: ir.Value) -> ir.Value:
    return op.ReduceSum(op.Cast(mask, to=ir.DataType.FLOAT), [1], keepdims=1)


def row_numbers(op: Op, like: ir.Value) -> ir.Value:
    """0, 1, ... along axis 1."""
    count = op.Squeeze(op.Shape(like, start=1, end=2), [0])
    return op.Cast(op.Range(np.int64(0), count, np.int64(1)), to=ir.DataType.FLOAT)


@importer("_contrib_box_nms", doc=f"{NN}.contrib.box_nms")
def box_nms(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """The rows that stay, by score, then rows of -1. Rows are as they were given."""
    p = node.p
    attributes = node.attributes(
        *("overlap_thresh", "valid_thresh", "topk", "coord_start", "score_index", "id_index"),
        *("background_id", "force_suppress", "in_format", "out_format"),
    )
    count, width = known(x, rank(x) - 2), known(x, rank(x) - 1)
    topk = count if p.topk < 0 else min(count, p.topk)
    if topk < 1:
        return op.Identity(x)

    def body(inner: Op, rows: ir.Value) -> ir.Value:
        flat = rows if rank(rows) == 3 else inner.Reshape(rows, [-1, count, width])
        y = _chosen(inner, flat, attributes, topk)
        return y if rank(rows) == 3 else inner.Reshape(y, inner.Shape(rows))

    y = node.builder.function("box_nms", [x], attributes, body)[0]
    y.shape = x.shape
    return y


def _column(op: Op, rows: ir.Value, index: int) -> ir.Value:
    return op.Squeeze(op.Slice(rows, [index], [index + 1], [2]), [2])


def _chosen(op: Op, rows: ir.Value, p: dict[str, Any], topk: int) -> ir.Value:
    score = _column(op, rows, p["score_index"])
    valid = op.Greater(score, np.float32(p["valid_thresh"]))
    if p["id_index"] >= 0:
        label = _column(op, rows, p["id_index"])
        valid = op.And(valid, op.Not(op.Equal(label, np.float32(p["background_id"]))))
    total = op.Min(counted(op, valid), np.float32(topk))
    ordered = rows_at(op, rows, order(op, choose(op, valid, score, LOWEST)))
    inside = op.Less(row_numbers(op, valid), total)
    start = p["coord_start"]
    boxes = op.Slice(ordered, [start], [start + 4], [2])
    boxes = corners(op, boxes) if p["in_format"] == "center" else boxes
    ranks = choose(op, inside, descending(op, ordered), LOWEST)
    groups = None
    if p["id_index"] >= 0 and not p["force_suppress"]:
        groups = _groups(op, ranks, _column(op, ordered, p["id_index"]), inside)
    kept = suppressed(op, boxes, ranks, p["overlap_thresh"], groups)
    front = order(op, op.Cast(kept, to=ir.DataType.FLOAT))
    stay = op.Less(row_numbers(op, valid), counted(op, kept))
    found = rows_at(op, _converted(op, ordered, p), front)
    return choose(op, op.Unsqueeze(stay, [2]), found, NOTHING)


def _converted(op: Op, rows: ir.Value, p: dict[str, Any]) -> ir.Value:
    """Coordinates in the format of the output; MXNet leaves those that begin below 0 as they are."""
    if p["in_format"] == p["out_format"]:
        return rows
    start, width = p["coord_start"], known(rows, 2)
    before, boxes, after = (
        op.Slice(rows, [a], [b], [2])
        for a, b in ((0, start), (start, start + 4), (start + 4, width))
    )
    change = centres if p["out_format"] == "center" else corners
    below = op.Less(op.Slice(boxes, [0], [1], [2]), np.float32(0))
    boxes = choose(op, below, boxes, change(op, boxes))
    return op.Concat(before, boxes, after, axis=2)


def _groups(op: Op, ranks: ir.Value, label: ir.Value, inside: ir.Value) -> ir.Value:
    """Classes may be any whole numbers: they are counted from the smallest one on."""
    whole = op.Cast(op.Cast(label, to=ir.DataType.INT64), to=ir.DataType.FLOAT)
    whole = choose(op, inside, whole, np.float32(0))
    least = op.ReduceMin(whole, keepdims=0)
    count = op.Add(op.Sub(op.ReduceMax(whole, keepdims=0), least), np.float32(1))
    return by_group(op, ranks, op.Sub(whole, least), count)
