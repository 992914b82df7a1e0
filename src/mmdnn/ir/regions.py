"""Pooling over regions of interest in standard ONNX, as Fast R-CNN's layer does it.

(roi_pooling_layer.cpp of https://github.com/rbgirshick/caffe-fast-rcnn; MXNet and CNTK took it over.)
A bin of a region is the set of pixels in it, one axis at a time: bool or float [R, bins, size].
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import Builder, Op, shape

LOWEST = np.finfo(np.float32).min

Step = Callable[[Op, ir.Value, ir.Value, ir.Value], ir.Value]
"""`(op, picture, rows, columns)` -> a region's bins, of the picture that it lies in."""


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


__all__ = ["Step", "by_region", "inside", "maxima", "rounded", "some"]
