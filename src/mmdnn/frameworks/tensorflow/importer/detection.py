"""Boxes: those that no better one overlaps, and what lies in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.importer.indexing import value_of
from mmdnn.frameworks.tensorflow.importer.table import RAW, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, static
from mmdnn.ir.folding import int64
from mmdnn.ir.values import number


def _kept(op: Op, boxes: Value, scores: Value, most: Any, iou: Any, least: Any) -> Value:
    """The places of the boxes that are kept, the best first."""
    found = op.NonMaxSuppression(
        op.Unsqueeze(boxes, [0]), op.Unsqueeze(scores, [0, 1]), most, iou, least
    )
    return op.Squeeze(op.Slice(found, [2], [3], [1]), [1])


def _scalar(op: Op, x: Value) -> Value:
    return op.Reshape(value_of(op, int64(op, x)), [1])


def _one(op: Op, x: Value) -> Value:
    return op.Reshape(x, [1])


@importer("NonMaxSuppressionV2", "NonMaxSuppressionV3", doc=f"{RAW}/NonMaxSuppressionV3")
def non_max_suppression(
    node: ImportedNode, op: Op, boxes: Value, scores: Value, most: Value, iou: Value, *least: Value
) -> Value:
    low = _one(op, least[0]) if least else None
    found = _kept(op, boxes, scores, _scalar(op, most), _one(op, iou), low)
    return op.Cast(found, to=ir.DataType.INT32)


def _padded(op: Op, x: Value, most: Value) -> Value:
    """With zeros behind, until there are so many."""
    missing = op.Sub(_scalar(op, most), op.Shape(x))
    return op.Pad(x, op.Concat(np.zeros(1, np.int64), missing, axis=0))


@importer("NonMaxSuppressionV4", doc=f"{RAW}/NonMaxSuppressionV4")
def non_max_suppression_v4(
    node: ImportedNode, op: Op, boxes: Value, scores: Value, most: Value, iou: Value, least: Value,
    *, pad_to_max_output_size: bool,
) -> list[Value]:  # fmt: skip
    found = _kept(op, boxes, scores, _scalar(op, most), _one(op, iou), _one(op, least))
    found = op.Cast(found, to=ir.DataType.INT32)
    count = op.Cast(op.Size(found), to=ir.DataType.INT32)
    return [_padded(op, found, most) if pad_to_max_output_size else found, count]


@importer("NonMaxSuppressionV5", doc=f"{RAW}/NonMaxSuppressionV5")
def non_max_suppression_v5(
    node: ImportedNode, op: Op, boxes: Value, scores: Value, *said: Value,
    pad_to_max_output_size: bool,
) -> list[Value]:  # fmt: skip
    """Without a sigma the scores stay as they are."""
    most, iou, least, sigma = said
    if number(sigma) != 0:
        node.refuse("it lowers scores (soft_nms_sigma)")
    found = _kept(op, boxes, scores, _scalar(op, most), _one(op, iou), _one(op, least))
    kept = op.Gather(scores, found)
    places = op.Cast(found, to=ir.DataType.INT32)
    count = op.Cast(op.Size(found), to=ir.DataType.INT32)
    if pad_to_max_output_size:
        return [_padded(op, places, most), _padded(op, kept, most), count]
    return [places, kept, count]


@importer("CombinedNonMaxSuppression", doc=f"{RAW}/CombinedNonMaxSuppression")
def combined_non_max_suppression(
    node: ImportedNode, op: Op, boxes: Value, scores: Value, *said: Value,
    pad_per_class: bool, clip_boxes: bool,
) -> list[Value]:  # fmt: skip
    """Of each picture the best of all classes, each class by itself."""
    per_class, total, iou, least = said
    batch, count, classes = static(scores)
    shared = known(boxes, 2) == 1
    size = node.ints(per_class)[0]
    most = node.ints(total)[0]
    most = min(most, size * classes) if pad_per_class else most
    each = op.Transpose(scores, perm=[0, 2, 1])
    rows = op.Transpose(boxes, perm=[0, 2, 1, 3])
    flat = op.Reshape(
        op.Expand(rows, [batch, classes, count, 4]) if shared else rows, [-1, count, 4]
    )
    picked = op.NonMaxSuppression(
        flat, op.Reshape(each, [batch * classes, 1, count]), [size], _one(op, iou), _one(op, least)
    )
    low = np.float32(np.finfo(np.float32).min)
    none = op.Expand(low, [batch * classes * count])
    place = op.Add(
        op.Mul(op.Slice(picked, [0], [1], [1]), np.int64(count)), op.Slice(picked, [2], [3], [1])
    )
    kept = op.ScatterND(none, place, op.Gather(op.Reshape(each, [-1]), op.Squeeze(place, [1])))
    kept = op.Reshape(kept, [batch, classes * count])
    if classes * count < most:
        kept = op.Pad(kept, [0, 0, 0, most - classes * count], low)
    best, index = op.outputs(2).TopK(kept, [most], axis=1)
    valid = op.Greater(best, low)
    index = op.Min(index, np.int64(classes * count - 1))
    flat_boxes = op.Reshape(flat, [batch, classes * count, 4])
    chosen = op.GatherND(flat_boxes, op.Unsqueeze(index, [2]), batch_dims=1)
    chosen = op.Clip(chosen, np.float32(0), np.float32(1)) if clip_boxes else chosen
    zero = np.float32(0)
    kinds = op.Cast(op.Div(index, np.int64(count)), to=ir.DataType.FLOAT)
    counted = op.ReduceSum(op.Cast(valid, to=ir.DataType.INT32), [1], keepdims=0)
    return [
        op.Where(op.Unsqueeze(valid, [2]), chosen, zero), op.Where(valid, best, zero),
        op.Where(valid, kinds, zero), counted,
    ]  # fmt: skip


@importer("CropAndResize", doc=f"{RAW}/CropAndResize")
def crop_and_resize(
    node: ImportedNode, op: Op, x: Value, boxes: Value, image: Value, size: Value, *,
    method: str, extrapolation_value: float,
) -> Value:  # fmt: skip
    """Places between a box's sides; boxes are fractions of the picture's last row and column."""
    _, height, width, _ = (d if isinstance(d, int) else None for d in x.shape or ())
    if height is None or width is None:
        height, width = known(x, 1), known(x, 2)
    sides = op.outputs(4).Split(boxes, axis=1, num_outputs=4)
    new = node.ints(size, "its size")
    rows = _between(op, sides[0], sides[2], height, new[0])
    columns = _between(op, sides[1], sides[3], width, new[1])
    flat = op.Reshape(
        op.Cast(x, to=ir.DataType.FLOAT), op.Concat([-1], op.Shape(x, start=3), axis=0)
    )
    first = op.Mul(value_of(op, int64(op, image)), np.int64(height * width))
    first = op.Unsqueeze(first, [1, 2])

    def taken(row: Value, column: Value) -> Value:
        lines = op.Mul(_clipped(op, row, height), np.int64(width))
        place = op.Add(op.Unsqueeze(lines, [2]), op.Unsqueeze(_clipped(op, column, width), [1]))
        return op.Gather(flat, op.Add(place, first))

    if method == "nearest":
        y = taken(_halves_up(op, rows), _halves_up(op, columns))
    else:
        tops, lefts = op.Floor(rows), op.Floor(columns)
        down = op.Unsqueeze(op.Sub(rows, tops), [2, 3])
        right = op.Unsqueeze(op.Sub(columns, lefts), [1, 3])
        upper = _mixed(op, taken(tops, lefts), taken(tops, op.Ceil(columns)), right)
        lower = _mixed(
            op, taken(op.Ceil(rows), lefts), taken(op.Ceil(rows), op.Ceil(columns)), right
        )
        y = _mixed(op, upper, lower, down)
    inside = op.And(
        op.Unsqueeze(_inside(op, rows, height), [2, 3]),
        op.Unsqueeze(_inside(op, columns, width), [1, 3]),
    )
    return op.Where(inside, y, np.float32(extrapolation_value))


def _between(op: Op, low: Value, high: Value, size: int, new: int) -> Value:
    """So many places from one side to the other, [boxes, new]; the middle if it is one."""
    last = np.float32(size - 1)
    if new == 1:
        return op.Mul(op.Mul(op.Add(low, high), np.float32(0.5)), last)
    step = op.Div(op.Mul(op.Sub(high, low), last), np.float32(new - 1))
    return op.Add(op.Mul(low, last), op.Mul(step, np.arange(new, dtype=np.float32)))


def _clipped(op: Op, x: Value, size: int) -> Value:
    return op.Cast(op.Clip(x, np.float32(0), np.float32(size - 1)), to=ir.DataType.INT64)


def _inside(op: Op, x: Value, size: int) -> Value:
    return op.And(op.GreaterOrEqual(x, np.float32(0)), op.LessOrEqual(x, np.float32(size - 1)))


def _halves_up(op: Op, x: Value) -> Value:
    return op.Floor(op.Add(x, np.float32(0.5)))


def _mixed(op: Op, a: Value, b: Value, share: Value) -> Value:
    return op.Add(a, op.Mul(op.Sub(b, a), share))
