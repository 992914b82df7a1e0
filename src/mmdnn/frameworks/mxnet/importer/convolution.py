"""Convolutions, and windows as columns (src/operator/nn/convolution.cc, deconvolution.cc, im2col.cc).

Weights are (filters, channels, ...), those of a Deconvolution (channels, filters, ...).
"""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, Ints, importer
from mmdnn.ir.axes import Size, reshape, transpose
from mmdnn.ir.builder import Op, dimensions, known, rank


def per_axis(node: ImportedNode, name: str, count: int, default: int) -> list[int]:
    """A parameter with one number an axis; none given means the default for all."""
    given = list(getattr(node.p, name))
    if not given:
        return [default] * count
    if len(given) != count:
        node.unfit(f"{name} {given} does not fit {count} axes")
    return given


def windows(node: ImportedNode, count: int) -> dict[str, list[int]]:
    """ONNX's attributes of windows along so many axes."""
    return {
        "strides": per_axis(node, "stride", count, 1),
        "dilations": per_axis(node, "dilate", count, 1),
        "pads": per_axis(node, "pad", count, 0) * 2,
    }


def channels_last(node: ImportedNode) -> bool:
    """Whether the layout is NWC, NHWC or NDHWC."""
    layout = node.p.layout
    return layout is not None and layout[1] != "C"


def to_first(op: Op, x: ir.Value) -> ir.Value:
    """Channels from the last place to the second."""
    return transpose(op, x, [0, rank(x) - 1, *range(1, rank(x) - 1)])


def to_last(op: Op, x: ir.Value) -> ir.Value:
    """Channels from the second place to the last."""
    return transpose(op, x, [0, *range(2, rank(x)), 1])


def check_filters(node: ImportedNode, weight: ir.Value, axis: int, count: int) -> None:
    stored = dimensions(weight)[axis]
    if isinstance(stored, int) and stored != count:
        node.unfit(f"its weight has {stored} filters, and it should have {count}")


@importer("Convolution", "Convolution_v1", doc=f"{NN}.Convolution")
def convolution(
    node: ImportedNode, op: Op, x: ir.Value, weight: ir.Value, *bias: ir.Value
) -> ir.Value:
    p, kernel, last = node.p, list(node.p.kernel), channels_last(node)
    if p.no_bias != (not bias):
        node.unfit(f"no_bias is {p.no_bias} and it has {2 + len(bias)} inputs")
    check_filters(node, weight, 0, p.num_filter)
    if last:
        x, weight = to_first(op, x), to_first(op, weight)
    frame = windows(node, len(kernel))
    y = op.Conv(x, weight, *bias, kernel_shape=kernel, **frame, group=p.num_group)
    return to_last(op, y) if last else y


@importer("Deconvolution", doc=f"{NN}.Deconvolution")
def deconvolution(
    node: ImportedNode, op: Op, x: ir.Value, weight: ir.Value, *bias: ir.Value
) -> ir.Value:
    """`adj` is output padding; `target_shape` is met by padding, more of it before."""
    p, kernel = node.p, list(node.p.kernel)
    check_filters(node, weight, 1, p.num_filter // p.num_group)
    if channels_last(node):
        node.refuse(f"layout {p.layout}")
    count = len(kernel)
    frame, adj = windows(node, count), per_axis(node, "adj", count, 0)
    target = list(p.target_shape)
    if any(target):
        excess = [
            stride * (known(x, axis) - 1) + dilation * (k - 1) + 1 - size
            for axis, (stride, dilation, k, size) in enumerate(
                zip(frame["strides"], frame["dilations"], kernel, target, strict=True), 2
            )
        ]
        if min(excess) < 0:
            node.unfit(f"target_shape {target} is too large")
        frame["pads"], adj = [(e + 1) // 2 for e in excess] * 2, [e % 2 for e in excess]
    return op.ConvTranspose(
        x,
        weight,
        *(bias if not p.no_bias else ()),
        kernel_shape=kernel,
        **frame,
        output_padding=adj if any(adj) else None,
        group=p.num_group,
    )


@importer("im2col", doc=f"{NN}.im2col")
def im2col(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """Each window as a column: a convolution with windows of a single one."""
    p, channels = node.p, known(x, 1)
    kernel = list(p.kernel)
    area, count = math.prod(kernel), len(kernel)
    ones = np.tile(np.eye(area).reshape(area, 1, *kernel), (channels, *[1] * (count + 1)))
    frame = windows(node, count)
    y = op.Conv(x, array(ones, x), kernel_shape=kernel, **frame, group=channels)
    return reshape(op, y, [(0,), (1,), tuple(range(2, 2 + count))])


@importer("col2im", doc=f"{NN}.col2im")
def col2im(node: ImportedNode, op: Op, x: ir.Value, *, kernel: Ints, output_size: Ints) -> ir.Value:
    sizes = (np.asarray(size, np.int64) for size in (output_size, kernel))
    return op.Col2Im(x, *sizes, **windows(node, len(kernel)))


@importer(
    "_contrib_ModulatedDeformableConvolution",
    doc=f"{NN}.contrib.ModulatedDeformableConvolution",
    unused="im2col_step layout num_filter",
)
def modulated_deformable(
    node: ImportedNode,
    op: Op,
    x: ir.Value,
    offset: ir.Value,
    mask: ir.Value | None,
    weight: ir.Value,
    *bias: ir.Value,
) -> ir.Value:
    p = node.p
    shift = op.Expand(array(0, x), np.asarray([p.num_filter], np.int64)) if p.no_bias else bias[0]
    return op.DeformConv(
        x,
        weight,
        offset,
        shift,
        mask,
        kernel_shape=list(p.kernel),
        **windows(node, 2),
        group=p.num_group,
        offset_group=p.num_deformable_group,
    )


@importer(
    "_contrib_DeformableConvolution",
    doc=f"{NN}.contrib.DeformableConvolution",
    unused="layout num_filter",
)
def deformable(
    node: ImportedNode, op: Op, x: ir.Value, offset: ir.Value, weight: ir.Value, *bias: ir.Value
) -> ir.Value:
    """A place outside the picture gives nothing; between its last pixel and its edge, that pixel."""
    places = _base(node, offset)
    limits = np.asarray([known(x, 2), known(x, 3)]).reshape(1, 1, 2, 1, 1)
    shape: list[Size] = [(0,), len(places[0]), 2, (2,), (3,)]
    absolute = op.Add(reshape(op, offset, shape), array(places, x))
    inside = op.And(op.GreaterOrEqual(absolute, array(0, x)), op.Less(absolute, array(limits, x)))
    mask = op.ReduceMin(op.Cast(inside, to=x.dtype), [2], keepdims=0)
    moved = op.Sub(op.Min(absolute, array(limits - 1, x)), array(places, x))
    moved = reshape(op, moved, [(0,), (1, 2), (3,), (4,)])
    return modulated_deformable(node, op, x, moved, mask, weight, *bias)


def _base(node: ImportedNode, offset: ir.Value) -> np.ndarray:
    """Where each tap of each window lies without an offset, [1, taps, 2, rows, columns]."""
    p = node.p
    rows, columns = known(offset, 2), known(offset, 3)
    stride, dilate = per_axis(node, "stride", 2, 1), per_axis(node, "dilate", 2, 1)
    pad = per_axis(node, "pad", 2, 0)
    taps = np.stack(np.meshgrid(*map(np.arange, p.kernel), indexing="ij"), -1).reshape(-1, 2)
    starts = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"))
    scale, step = (np.asarray(v).reshape(2, 1, 1) for v in (stride, dilate))
    grid = starts * scale - np.asarray(pad).reshape(2, 1, 1) + taps[:, :, None, None] * step
    return np.tile(grid, (p.num_deformable_group, 1, 1, 1))[None]
