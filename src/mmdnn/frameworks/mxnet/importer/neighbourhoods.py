"""Operators over windows around each pixel: correlation, columns, deformable convolution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import NN, per_axis
from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.shapes import Size, known, reshape
from mmdnn.frameworks.mxnet.importer.table import Importing, importer


@importer("Correlation", doc=f"{NN}.Correlation")
def correlation(node: Importing, op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
    """Windows of a picture with shifted windows of another, a channel for each shift."""
    p = node.p
    pad, far, kernel = p.pad_size, p.max_displacement, p.kernel_size
    border = far + (kernel - 1) // 2
    spans = []
    for axis in (2, 3):
        count = -(-(known(a, axis) + 2 * pad - 2 * border) // p.stride1)
        if count < 1:
            node.unfit("the shifts do not fit into the picture")
        spans.append((count - 1) * p.stride1 + kernel)
    attributes = {
        name: int(getattr(p, name))
        for name in (
            "kernel_size",
            "max_displacement",
            "stride1",
            "stride2",
            "pad_size",
            "is_multiply",
        )
    }
    radius = far // p.stride2
    shifts = [i * p.stride2 for i in range(-radius, radius + 1)]

    def body(inner: Any, one: ir.Value, other: ir.Value) -> ir.Value:
        more = [0, 0, pad, pad] * 2
        one, other = (inner.Pad(v, more, array(0, v)) if pad else v for v in (one, other))
        still = _cut(inner, one, far, far, spans)
        maps = [
            _matched(inner, still, _cut(inner, other, far + dy, far + dx, spans), attributes)
            for dy in shifts
            for dx in shifts
        ]
        y: ir.Value = inner.Concat(*maps, axis=1) if len(maps) > 1 else maps[0]
        return y

    return node.builder.function("Correlation", [a, b], attributes, body)[0]


def _cut(op: Any, x: ir.Value, top: int, left: int, spans: list[int]) -> ir.Value:
    cut: ir.Value = op.Slice(x, [top, left], [top + spans[0], left + spans[1]], [2, 3])
    return cut


def _matched(op: Any, a: ir.Value, b: ir.Value, p: dict[str, int]) -> ir.Value:
    """The mean over channels and window of products, or of absolute differences."""
    each = op.Mul(a, b) if p["is_multiply"] else op.Abs(op.Sub(a, b))
    mean = op.ReduceMean(each, [1], keepdims=1)
    kernel, stride = p["kernel_size"], p["stride1"]
    if kernel == stride == 1:
        return mean
    y: ir.Value = op.AveragePool(mean, kernel_shape=[kernel] * 2, strides=[stride] * 2)
    return y


@importer("im2col", doc=f"{NN}.im2col")
def im2col(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """Each window as a column: a convolution with windows of a single one."""
    p, channels = node.p, known(x, 1)
    kernel = list(p.kernel)
    area, count = math.prod(kernel), len(kernel)
    ones = np.tile(np.eye(area).reshape(area, 1, *kernel), (channels, *[1] * (count + 1)))
    y = op.Conv(
        x,
        array(ones, x),
        kernel_shape=kernel,
        strides=per_axis(node, "stride", count, 1),
        dilations=per_axis(node, "dilate", count, 1),
        pads=per_axis(node, "pad", count, 0) * 2,
        group=channels,
    )
    return reshape(op, y, [(0,), (1,), tuple(range(2, 2 + count))])


@importer("col2im", doc=f"{NN}.col2im")
def col2im(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    p = node.p
    kernel = list(p.kernel)
    count = len(kernel)
    return op.Col2Im(
        x,
        np.asarray(p.output_size, np.int64),
        np.asarray(kernel, np.int64),
        strides=per_axis(node, "stride", count, 1),
        dilations=per_axis(node, "dilate", count, 1),
        pads=per_axis(node, "pad", count, 0) * 2,
    )


def _deformed(
    node: Importing,
    op: Any,
    x: ir.Value,
    offset: ir.Value,
    mask: ir.Value | None,
    weight: ir.Value,
    bias: tuple[ir.Value, ...],
) -> ir.Value:
    p = node.p
    _ = p.num_filter
    kernel = list(p.kernel)
    shift = op.Expand(array(0, x), np.asarray([p.num_filter], np.int64)) if p.no_bias else bias[0]
    return op.DeformConv(
        x,
        weight,
        offset,
        shift,
        mask,
        kernel_shape=kernel,
        strides=per_axis(node, "stride", 2, 1),
        dilations=per_axis(node, "dilate", 2, 1),
        pads=per_axis(node, "pad", 2, 0) * 2,
        group=p.num_group,
        offset_group=p.num_deformable_group,
    )


@importer(
    "_contrib_ModulatedDeformableConvolution", doc=f"{NN}.contrib.ModulatedDeformableConvolution"
)
def modulated_deformable(
    node: Importing,
    op: Any,
    x: ir.Value,
    offset: ir.Value,
    mask: ir.Value,
    weight: ir.Value,
    *bias: ir.Value,
) -> ir.Value:
    _ = node.p.im2col_step, node.p.layout
    return _deformed(node, op, x, offset, mask, weight, bias)


@importer("_contrib_DeformableConvolution", doc=f"{NN}.contrib.DeformableConvolution")
def deformable(
    node: Importing, op: Any, x: ir.Value, offset: ir.Value, weight: ir.Value, *bias: ir.Value
) -> ir.Value:
    """A place outside the picture gives nothing; between its last pixel and its edge, that pixel."""
    _ = node.p.layout
    places = _base(node, x, offset)
    limits = np.asarray([known(x, 2), known(x, 3)]).reshape(1, 1, 2, 1, 1)
    shape: list[Size] = [(0,), len(places[0]), 2, (2,), (3,)]
    absolute = op.Add(reshape(op, offset, shape), array(places, x))
    inside = op.And(op.GreaterOrEqual(absolute, array(0, x)), op.Less(absolute, array(limits, x)))
    mask = op.ReduceMin(op.Cast(inside, to=x.dtype), [2], keepdims=0)
    moved = op.Sub(op.Min(absolute, array(limits - 1, x)), array(places, x))
    moved = reshape(op, moved, [(0,), (1, 2), (3,), (4,)])
    return _deformed(node, op, x, moved, mask, weight, bias)


def _base(node: Importing, x: ir.Value, offset: ir.Value) -> np.ndarray:
    """Where each tap of each window lies without an offset, [1, taps, 2, rows, columns]."""
    p = node.p
    del x
    rows, columns = known(offset, 2), known(offset, 3)
    stride, dilate = per_axis(node, "stride", 2, 1), per_axis(node, "dilate", 2, 1)
    pad = per_axis(node, "pad", 2, 0)
    taps = np.stack(np.meshgrid(*map(np.arange, p.kernel), indexing="ij"), -1).reshape(-1, 2)
    starts = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"))
    scale, step = (np.asarray(v).reshape(2, 1, 1) for v in (stride, dilate))
    grid = starts * scale - np.asarray(pad).reshape(2, 1, 1) + taps[:, :, None, None] * step
    return np.tile(grid, (p.num_deformable_group, 1, 1, 1))[None]
