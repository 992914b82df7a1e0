"""Regions of interest in standard ONNX, proposed and pooled, as the layers of Faster R-CNN and R-FCN do it.

(roi_pooling_layer.cpp of https://github.com/rbgirshick/caffe-fast-rcnn, psroi_pooling_layer.cu of
https://github.com/daijifeng001/caffe-rfcn; MXNet and CNTK took them over.)
A bin of a region is the set of pixels in it, one axis at a time: bool or float [R, bins, size].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import Builder, Op, known, shape

LOWEST = np.finfo(np.float32).min

Step = Callable[[Op, ir.Value, ir.Value, ir.Value], ir.Value]
"""`(op, picture, rows, columns)` -> a region's bins, of the picture that it lies in."""


def anchors(
    side: int, ratios: Sequence[float], scales: Sequence[float], *, whole: bool
) -> np.ndarray:
    """The anchors of a network of proposals for the first cell, [ratios x scales, 4], float32.

    Args:
        side: The length of the square that they are made of.
        ratios: Height by width.
        scales: What both are multiplied by.
        whole: Whether the area is cut to a whole number before its root is taken.
    """
    single = np.float32
    middle = single(0.5) * single(side - 1)
    boxes = []
    for ratio in np.asarray(ratios, single):
        area = single(side) * single(side) / ratio
        width = np.floor(np.sqrt(np.floor(area) if whole else area) + single(0.5))
        height = np.floor(width * ratio + single(0.5))
        for scale in np.asarray(scales, single):
            half = single(0.5) * (np.asarray([width, height], single) * scale - 1)
            boxes.append(np.concatenate([middle - half, middle + half]))
    return np.asarray(boxes, single)


def shifted(boxes: np.ndarray, height: int, width: int, stride: int) -> np.ndarray:
    """Those of all cells, row by row, [height x width x boxes, 4], float32."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    moves = np.stack([columns, rows, columns, rows], -1) * stride
    return np.reshape(moves[:, :, None] + boxes, (-1, 4)).astype(np.float32)


def moved(op: Op, shifts: ir.Value, boxes: np.ndarray, last: float) -> ir.Value:
    """Boxes moved by fractions of their size, which counts the last pixel, and scaled by exponents.

    Args:
        op: The operators.
        shifts: [..., boxes, 4]: across, down, and the logarithms of width and height.
        boxes: [boxes, 4].
        last: How far the corners lie within the box: half a pixel where they are its outer pixels.
    """
    size = boxes[:, 2:] - boxes[:, :2] + 1
    middle = boxes[:, :2] + np.float32(0.5) * (size - np.float32(2 * last))
    by, grow = op.outputs(2).Split(shifts, axis=-1, num_outputs=2)
    centre = op.Add(op.Mul(by, size), middle)
    half = op.Mul(op.Sub(op.Mul(op.Exp(grow), size), np.float32(2 * last)), np.float32(0.5))
    return op.Concat(op.Sub(centre, half), op.Add(centre, half), axis=-1)


def best(
    op: Op, boxes: ir.Value, scores: ir.Value, most: int, threshold: float, count: int
) -> tuple[ir.Value, ir.Value]:
    """Boxes [K, 4] and scores [K, 1] that no better one overlaps, the best first.

    Args:
        op: The operators.
        boxes: [N, 4], whose corners count as pixels.
        scores: [N].
        most: How many of the best are looked at.
        threshold: What may be in common, of what both have together.
        count: How many there are in the end, at most.
    """
    known = op.Shape(scores)
    limit = op.Min(known, np.asarray([most], np.int64))
    scores, places = op.outputs(2).TopK(scores, limit, axis=0)
    boxes = op.Gather(boxes, places, axis=0)
    ranks = op.Neg(op.Range(np.int64(0), op.Squeeze(limit, [0]), np.int64(1)))
    ranks = op.Unsqueeze(op.Cast(ranks, to=ir.DataType.FLOAT), [0, 1])
    ends = op.Add(boxes, np.asarray([0, 0, 1, 1], np.float32))
    found = op.NonMaxSuppression(
        op.Unsqueeze(ends, [0]), ranks, np.int64(count), np.float32(threshold)
    )
    kept = op.Gather(found, np.int64(2), axis=1)
    kept = op.outputs(2).TopK(kept, op.Shape(kept), axis=0, largest=0)[0]
    return op.Gather(boxes, kept, axis=0), op.Unsqueeze(op.Gather(scores, kept, axis=0), [1])


def rounded(op: Op, x: ir.Value) -> ir.Value:
    """To the nearest whole number, halves away from zero, as C rounds."""
    size = op.Abs(x)
    whole = op.Floor(size)
    half = np.asarray(0.5, (x.dtype or ir.DataType.FLOAT).numpy())
    up = op.Cast(op.GreaterOrEqual(op.Sub(size, whole), half), to=x.dtype)
    return op.Mul(op.Sign(x), op.Add(whole, up))


def inside(op: Op, start: ir.Value, end: ir.Value, bins: int, size: int) -> ir.Value:
    """Which pixels of an axis lie in which bin of each region, [R, bins, size].

    Args:
        op: The operators.
        start: Each region's first pixel, [R, 1].
        end: Its last one, [R, 1].
        bins: How many there are.
        size: The picture's.
    """
    length = op.Max(op.Add(op.Sub(end, start), 1.0), 1.0)
    width = op.Div(length, float(bins))
    index, pixels = np.arange(bins, dtype=np.float32), np.arange(size, dtype=np.float32)
    low = op.Unsqueeze(op.Add(op.Floor(op.Mul(width, index)), start), [2])
    high = op.Unsqueeze(op.Add(op.Ceil(op.Mul(width, index + 1)), start), [2])
    return op.And(op.GreaterOrEqual(pixels, low), op.Less(pixels, high))


def some(op: Op, rows: ir.Value, columns: ir.Value) -> ir.Value:
    """Whether a bin has any pixel, [R, 1, bins, bins]."""
    return op.And(_any(op, rows, [1, 3]), _any(op, columns, [1, 2]))


def _any(op: Op, flags: ir.Value, axes: list[int]) -> ir.Value:
    count = op.ReduceMax(op.Cast(flags, to=ir.DataType.INT32), [2], keepdims=0)
    return op.Cast(op.Unsqueeze(count, axes), to=ir.DataType.BOOL)


def by_region(
    op: Op, x: ir.Value, image: ir.Value, rows: ir.Value, columns: ir.Value, step: Step
) -> ir.Value:
    """Region by region, so that no picture is copied for each: [R, C, bins, bins]."""
    body = Builder(op.builder.domain, "region")
    with body.layer("region", ""):
        index = body.input("region/image", [], ir.DataType.INT64)
        kind = rows.dtype or ir.DataType.FLOAT
        row = body.input("region/rows", shape(rows)[1:], kind)
        column = body.input("region/columns", shape(columns)[1:], kind)
        made = step(body.op, body.op.Gather(x, index, axis=0), row, column)
    body.graph.outputs.append(made)
    pooled = op.Scan(image, rows, columns, body=body.graph, num_scan_inputs=3)
    pooled.type, pooled.shape = x.type, ir.Shape([None, *shape(made)])
    return pooled


def maxima(op: Op, x: ir.Value, image: ir.Value, rows: ir.Value, columns: ir.Value) -> ir.Value:
    """The maxima over columns, then over rows.

    Args:
        op: The operators.
        x: Pictures, [N, C, H, W].
        image: Each region's picture, int64 [R].
        rows: Bins of the vertical axis, bool [R, bins, H].
        columns: Bins of the horizontal axis, bool [R, bins, W].
    """
    lowest, last, third = (op.builder.constant(value) for value in (LOWEST, [4], [2]))

    def step(each: Op, picture: ir.Value, row: ir.Value, column: ir.Value) -> ir.Value:
        wide = each.Where(column, picture, lowest)
        strips = each.Where(row, each.ReduceMax(wide, last, keepdims=0), lowest)
        return each.ReduceMax(strips, third, keepdims=0)

    rows, columns = op.Unsqueeze(rows, [1, 4]), op.Unsqueeze(columns, [1, 2, 3])
    return by_region(op, op.Unsqueeze(x, [2, 4]), image, rows, columns, step)


def sums(op: Op, x: ir.Value, image: ir.Value, rows: ir.Value, columns: ir.Value) -> ir.Value:
    """Sums of pixels, weighted by rows [R, bins, H] and columns [R, bins, W]: [R, C, bins, bins]."""

    def step(each: Op, picture: ir.Value, row: ir.Value, column: ir.Value) -> ir.Value:
        turned = each.Transpose(column, perm=[1, 0])
        return each.MatMul(each.MatMul(row, picture), turned)

    return by_region(op, x, image, rows, columns, step)


def own_means(
    op: Op, x: ir.Value, image: ir.Value, corners: ir.Value, *, scale: float, bins: int, group: int
) -> ir.Value:
    """Means of bins, each from channels of its own, 0 where a bin is empty: [R, C / group², bins, bins].

    Args:
        op: The operators.
        x: Pictures, [N, C, H, W]; channels are [depth, group, group].
        image: Each region's picture, int64 [R].
        corners: [R, 4]: xmin, ymin, xmax, ymax.
        scale: What they are multiplied by, once they are whole and count the last pixel.
        bins: How many there are along an axis.
        group: How many have channels of their own.
    """
    depth = known(x, 1) // group**2
    cell = np.minimum(np.arange(bins) * group // bins, group - 1)
    channel = (np.arange(depth)[:, None, None] * group + cell[:, None]) * group + cell
    own = channel * bins * bins + np.arange(bins * bins).reshape(bins, bins)
    whole = op.outputs(4).Split(rounded(op, corners), axis=1, num_outputs=4)
    ends = [
        op.Mul(op.Add(end, _like(i // 2, corners)), _like(scale, corners))
        for i, end in enumerate(whole)
    ]
    rows = _parts(op, ends[1], ends[3], bins, known(x, 2))
    columns = _parts(op, ends[0], ends[2], bins, known(x, 3))
    counts = [op.ReduceSum(v, [2], keepdims=0) for v in (rows, columns)]
    area = op.Mul(op.Unsqueeze(counts[0], [1, 3]), op.Unsqueeze(counts[1], [1, 2]))
    found = op.Gather(op.Reshape(sums(op, x, image, rows, columns), [0, -1]), own, axis=1)
    return op.Div(found, op.Max(area, _like(1, x)))


def _parts(op: Op, start: ir.Value, end: ir.Value, bins: int, size: int) -> ir.Value:
    """1 where a pixel of an axis lies in a bin, else 0, [R, bins, size]."""
    width = op.Div(op.Max(op.Sub(end, start), _like(0.1, start)), _like(bins, start))
    index, pixels = np.arange(bins, dtype=np.float32), np.arange(size, dtype=np.float32)
    low = op.Floor(op.Add(op.Mul(width, index), start))
    high = op.Ceil(op.Add(op.Mul(width, index + 1), start))
    low, high = (op.Unsqueeze(v, [2]) for v in (low, high))
    inside = op.And(op.GreaterOrEqual(pixels, low), op.Less(pixels, high))
    return op.Cast(inside, to=start.dtype)


def _like(number: Any, value: ir.Value) -> np.ndarray:
    return np.asarray(number, (value.dtype or ir.DataType.FLOAT).numpy())
