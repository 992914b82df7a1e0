"""Boxes: anchors, overlaps, and choosing among overlapping ones (src/operator/contrib).

Boxes are [xmin, ymin, xmax, ymax], or with a format of "center" [x, y, width, height].
B is the batch, N the number of boxes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import NN
from mmdnn.frameworks.mxnet.importer.dtypes import array, choose
from mmdnn.frameworks.mxnet.importer.shapes import known, rank
from mmdnn.frameworks.mxnet.importer.table import Importing, importer

LOWEST = np.float32(np.finfo(np.float32).min)
NOTHING = np.float32(-1)


def columns(op: Any, x: ir.Value, axis: int = -1) -> list[ir.Value]:
    """Four columns, each with an axis of size 1."""
    return list(op.Split(x, axis=axis, num_outputs=4, outputs=4))


def corners(op: Any, boxes: ir.Value) -> ir.Value:
    """Centre and size to corners."""
    x, y, w, h = columns(op, boxes)
    w, h = (op.Div(v, np.float32(2)) for v in (w, h))
    made: ir.Value = op.Concat(op.Sub(x, w), op.Sub(y, h), op.Add(x, w), op.Add(y, h), axis=-1)
    return made


def centres(op: Any, boxes: ir.Value) -> ir.Value:
    """Corners to centre and size."""
    a, b, c, d = columns(op, boxes)
    middle = [op.Div(op.Add(low, high), np.float32(2)) for low, high in ((a, c), (b, d))]
    made: ir.Value = op.Concat(*middle, op.Sub(c, a), op.Sub(d, b), axis=-1)
    return made


def filled(op: Any, like: ir.Value, value: bool | float, axes: int | None = None) -> ir.Value:
    """A constant in the shape of a value, or of its first axes."""
    kind = np.asarray(value) if isinstance(value, bool) else np.asarray(value, np.float32)
    made: ir.Value = op.ConstantOfShape(op.Shape(like, end=axes), value=ir.tensor(kind.reshape(1)))
    return made


def suppressed(
    op: Any, boxes: ir.Value, ranks: ir.Value, threshold: float, groups: ir.Value | None = None
) -> ir.Value:
    """Which boxes stay, [B, N], when better ones of their group overlap them by more.

    Args:
        op: Operators of the graph.
        boxes: Corners, [B, N, 4].
        ranks: Scores without ties, `LOWEST` for boxes that take no part, [B, N].
        threshold: The overlap allowed.
        groups: [B, N], whole numbers from 0 on less than the third dimension of `ranks`.
    """
    low, high = op.Split(boxes, axis=2, num_outputs=2, outputs=2)
    crossed = op.ReduceMax(op.Cast(op.Less(high, low), to=ir.DataType.INT32), [2], keepdims=1)
    usable = choose(op, op.Cast(crossed, to=ir.DataType.BOOL), np.float32(0), boxes)
    scores = op.Unsqueeze(ranks, [1]) if groups is None else groups
    most = op.Shape(boxes, start=1, end=2)
    found = op.NonMaxSuppression(usable, scores, most, np.float32(threshold), LOWEST)
    image, _, box = op.Split(found, axis=1, num_outputs=3, outputs=3)
    places = op.Concat(image, box, axis=1)
    none = filled(op, ranks, False)
    kept: ir.Value = op.ScatterND(none, places, filled(op, places, True, axes=1))
    return kept


def by_group(op: Any, ranks: ir.Value, groups: ir.Value, count: Any) -> ir.Value:
    """Ranks [B, N] as [B, groups, N]: each box in its own group only."""
    if isinstance(count, int):
        every: Any = np.arange(count, dtype=np.float32)[:, None]
    else:
        every = op.Unsqueeze(op.Range(np.float32(0), count, np.float32(1)), [1])
    own = op.Equal(op.Unsqueeze(groups, [1]), every)
    return choose(op, own, op.Unsqueeze(ranks, [1]), LOWEST)


def descending(op: Any, like: ir.Value) -> ir.Value:
    """N, N - 1, ... 1 along axis 1 of [B, N, ...], as scores of boxes that are sorted."""
    count = op.Squeeze(op.Shape(like, start=1, end=2), [0])
    up = op.Cast(op.Range(np.int64(0), count, np.int64(1)), to=ir.DataType.FLOAT)
    made: ir.Value = op.Sub(op.Cast(count, to=ir.DataType.FLOAT), up)
    return made


def order(op: Any, scores: ir.Value) -> ir.Value:
    """Places by falling score, equal ones in their order, [B, N]."""
    made: ir.Value = op.TopK(scores, op.Shape(scores, start=1, end=2), axis=1, outputs=2)[1]
    return made


def rows_at(op: Any, rows: ir.Value, places: ir.Value) -> ir.Value:
    """Rows [B, N, K] at places [B, M]."""
    made: ir.Value = op.GatherND(rows, op.Unsqueeze(places, [2]), batch_dims=1)
    return made


def _counted(op: Any, mask: ir.Value) -> ir.Value:
    made: ir.Value = op.ReduceSum(op.Cast(mask, to=ir.DataType.FLOAT), [1], keepdims=1)
    return made


def _places(op: Any, like: ir.Value) -> ir.Value:
    """0, 1, ... along axis 1."""
    count = op.Squeeze(op.Shape(like, start=1, end=2), [0])
    made: ir.Value = op.Cast(op.Range(np.int64(0), count, np.int64(1)), to=ir.DataType.FLOAT)
    return made


@importer("_contrib_MultiBoxPrior", doc=f"{NN}.contrib.MultiBoxPrior")
def multibox_prior(node: Importing, _op: Any, x: ir.Value) -> Any:
    """Anchors of each pixel, [1, pixels * (sizes + ratios - 1), 4]: nothing but the size is read."""
    p = node.p
    height, width = known(x, 2), known(x, 3)
    attributes = {
        "sizes": list(p.sizes),
        "ratios": list(p.ratios),
        "clip": int(p.clip),
        "steps": list(p.steps),
        "offsets": list(p.offsets),
    }
    anchors = _anchors(attributes, height, width)

    def body(op: Any, _x: ir.Value) -> ir.Value:
        made: ir.Value = op.Constant(value=ir.tensor(anchors))
        return made

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
    node: Importing, _op: Any, scores: ir.Value, offsets: ir.Value, anchors: ir.Value
) -> Any:
    """Rows [class, score, box]: what is found first, by score; then -1.

    scores [B, classes, N], offsets [B, 4 N], anchors [1, N, 4]. What is suppressed keeps its place and gets
    the class -1. (MXNet takes class 0 for the background, whatever `background_id` says.)
    """
    p = node.p
    attributes = {
        "clip": int(p.clip),
        "threshold": p.threshold,
        "background_id": p.background_id,
        "nms_threshold": p.nms_threshold,
        "force_suppress": int(p.force_suppress),
        "variances": list(p.variances),
        "nms_topk": p.nms_topk,
    }
    if p.background_id != 0:
        node.refuse(f"background_id {p.background_id}")
    classes = known(scores, 1)
    if classes < 2:
        node.unfit("there is no class but the background")

    def body(op: Any, scores: ir.Value, offsets: ir.Value, anchors: ir.Value) -> ir.Value:
        best = op.Slice(scores, [1], [classes], [1])
        score, label = op.TopK(best, [1], axis=1, outputs=2)
        score, label = (op.Squeeze(v, [1]) for v in (score, label))
        label = op.Cast(label, to=ir.DataType.FLOAT)
        valid = op.GreaterOrEqual(score, np.float32(p.threshold))
        valid = op.And(valid, op.Greater(score, NOTHING))
        boxes = _decoded(op, offsets, anchors, attributes)
        rows = op.Concat(op.Unsqueeze(label, [2]), op.Unsqueeze(score, [2]), boxes, axis=2)
        return _detected(op, rows, valid, score, classes - 1, attributes)

    return node.builder.function("MultiBoxDetection", [scores, offsets, anchors], attributes, body)


def _decoded(op: Any, offsets: ir.Value, anchors: ir.Value, p: dict[str, Any]) -> ir.Value:
    """Offsets [B, 4 N] from anchors to boxes [B, N, 4]."""
    count = known(anchors, 1)
    shifts = columns(op, op.Reshape(offsets, [-1, count, 4]))
    left, top, right, bottom = columns(op, anchors)
    width, height = op.Sub(right, left), op.Sub(bottom, top)
    half = np.float32(2)
    middle = [op.Div(op.Add(a, b), half) for a, b in ((left, right), (top, bottom))]
    sizes = (width, height)
    v = [np.float32(each) for each in p["variances"]]
    where = [op.Add(op.Mul(op.Mul(shifts[i], v[i]), sizes[i]), middle[i]) for i in range(2)]
    size = [
        op.Div(op.Mul(op.Exp(op.Mul(shifts[i + 2], v[i + 2])), sizes[i]), half) for i in range(2)
    ]
    low = [op.Sub(a, b) for a, b in zip(where, size, strict=True)]
    high = [op.Add(a, b) for a, b in zip(where, size, strict=True)]
    boxes: ir.Value = op.Concat(*low, *high, axis=2)
    return op.Clip(boxes, np.float32(0), np.float32(1)) if p["clip"] else boxes


def _detected(
    op: Any, rows: ir.Value, valid: ir.Value, score: ir.Value, classes: int, p: dict[str, Any]
) -> ir.Value:
    """Valid rows to the front, sorted and suppressed where that is asked for."""
    total = _counted(op, valid)
    places = _places(op, valid)
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
    _, rest = op.Split(chosen, [1, 5], axis=2, outputs=2)
    label = choose(op, op.Unsqueeze(kept, [2]), label, NOTHING)
    return choose(op, empty, NOTHING, op.Concat(label, rest, axis=2))


@importer("_contrib_box_nms", doc=f"{NN}.contrib.box_nms")
def box_nms(node: Importing, op: Any, x: ir.Value) -> Any:
    """The rows that stay, by score, then rows of -1. Rows are as they were given."""
    p = node.p
    names = (
        *("overlap_thresh", "valid_thresh", "topk", "coord_start", "score_index", "id_index"),
        *("background_id", "force_suppress", "in_format", "out_format"),
    )
    attributes = {name: getattr(p, name) for name in names}
    attributes["force_suppress"] = int(p.force_suppress)
    count, width = known(x, rank(x) - 2), known(x, rank(x) - 1)
    topk = count if p.topk < 0 else min(count, p.topk)
    if topk < 1:
        return op.Identity(x)

    def body(inner: Any, rows: ir.Value) -> ir.Value:
        flat = rows if rank(rows) == 3 else inner.Reshape(rows, [-1, count, width])
        y = _chosen(inner, flat, attributes, topk)
        return y if rank(rows) == 3 else inner.Reshape(y, inner.Shape(rows))

    made = node.builder.function("box_nms", [x], attributes, body)
    made[0].shape = x.shape
    return made


def _column(op: Any, rows: ir.Value, index: int) -> ir.Value:
    made: ir.Value = op.Squeeze(op.Slice(rows, [index], [index + 1], [2]), [2])
    return made


def _chosen(op: Any, rows: ir.Value, p: dict[str, Any], topk: int) -> ir.Value:
    score = _column(op, rows, p["score_index"])
    valid = op.Greater(score, np.float32(p["valid_thresh"]))
    if p["id_index"] >= 0:
        label = _column(op, rows, p["id_index"])
        valid = op.And(valid, op.Not(op.Equal(label, np.float32(p["background_id"]))))
    total = op.Min(_counted(op, valid), np.float32(topk))
    ordered = rows_at(op, rows, order(op, choose(op, valid, score, LOWEST)))
    inside = op.Less(_places(op, valid), total)
    start = p["coord_start"]
    boxes = op.Slice(ordered, [start], [start + 4], [2])
    boxes = corners(op, boxes) if p["in_format"] == "center" else boxes
    ranks = choose(op, inside, descending(op, ordered), LOWEST)
    groups = None
    if p["id_index"] >= 0 and not p["force_suppress"]:
        groups = _groups(op, ranks, _column(op, ordered, p["id_index"]), inside)
    kept = suppressed(op, boxes, ranks, p["overlap_thresh"], groups)
    front = order(op, op.Cast(kept, to=ir.DataType.FLOAT))
    stay = op.Less(_places(op, valid), _counted(op, kept))
    found = rows_at(op, _converted(op, ordered, p), front)
    return choose(op, op.Unsqueeze(stay, [2]), found, NOTHING)


def _converted(op: Any, rows: ir.Value, p: dict[str, Any]) -> ir.Value:
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
    made: ir.Value = op.Concat(before, boxes, after, axis=2)
    return made


def _groups(op: Any, ranks: ir.Value, label: ir.Value, inside: ir.Value) -> ir.Value:
    """Classes may be any whole numbers: they are counted from the smallest one on."""
    whole = op.Cast(op.Cast(label, to=ir.DataType.INT64), to=ir.DataType.FLOAT)
    whole = choose(op, inside, whole, np.float32(0))
    least = op.ReduceMin(whole, keepdims=0)
    count = op.Add(op.Sub(op.ReduceMax(whole, keepdims=0), least), np.float32(1))
    return by_group(op, ranks, op.Sub(whole, least), count)


@importer("_contrib_box_iou", doc=f"{NN}.contrib.box_iou")
def box_iou(node: Importing, op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
    """Of every box with every other: the shapes without their last axes, one after the other."""
    if node.p.format == "center":
        a, b = corners(op, a), corners(op, b)
    ones = [range(rank(a) - 1, rank(a) + rank(b) - 2), range(rank(a) - 1)]
    left = op.Unsqueeze(a, list(ones[0])) if rank(b) > 1 else a
    right = op.Unsqueeze(b, list(ones[1])) if rank(a) > 1 else b
    one, other = columns(op, left), columns(op, right)
    spans = [
        op.Max(op.Sub(op.Min(one[i + 2], other[i + 2]), op.Max(one[i], other[i])), array(0, a))
        for i in (0, 1)
    ]
    common = op.Mul(*spans)
    areas = op.Add(_area(op, one), _area(op, other))
    nothing = op.LessOrEqual(common, array(0, a))
    union = choose(op, nothing, array(1, a), op.Sub(areas, common))
    return op.Squeeze(choose(op, nothing, array(0, a), op.Div(common, union)), [-1])


def _area(op: Any, box: list[ir.Value]) -> ir.Value:
    sizes = [op.Max(op.Sub(box[i + 2], box[i]), np.float32(0)) for i in (0, 1)]
    made: ir.Value = op.Mul(*sizes)
    return made


@importer("_contrib_box_decode", doc=f"{NN}.contrib.box_decode")
def box_decode(node: Importing, op: Any, x: ir.Value, anchors: ir.Value) -> ir.Value:
    p = node.p
    if p.format == "corner":
        anchors = centres(op, anchors)
    shifts = columns(op, x)
    a_x, a_y, width, height = columns(op, anchors)
    stds = [array(getattr(p, f"std{i}"), x) for i in range(4)]
    shifts = [op.Mul(shift, std) for shift, std in zip(shifts, stds, strict=True)]
    middle = [
        op.Add(op.Mul(shifts[0], width), a_x),
        op.Add(op.Mul(shifts[1], height), a_y),
    ]
    grown = [op.Min(v, array(p.clip, x)) if p.clip > 0 else v for v in shifts[2:]]
    half = [
        op.Mul(op.Mul(op.Exp(v), size), array(0.5, x))
        for v, size in zip(grown, (width, height), strict=True)
    ]
    low = [op.Sub(m, h) for m, h in zip(middle, half, strict=True)]
    high = [op.Add(m, h) for m, h in zip(middle, half, strict=True)]
    return op.Concat(*low, *high, axis=-1)
