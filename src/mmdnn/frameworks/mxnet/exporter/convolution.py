"""Convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmdnn.frameworks.mxnet.exporter.pad import pad
from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer
from mmdnn.ir.windows import Window
from mmdnn.shapes import Shape, closed


def per_axis(values: list[int], default: int) -> tuple[int, ...] | None:
    """A parameter with one number an axis; None where all are the default."""
    return None if set(values) <= {default} else tuple(values)


def check_window(node: ExportedNode, window: Window) -> None:
    """Refuse a node whose windows are not along one to three axes."""
    if len(window) not in {1, 2, 3}:
        node.refuse(f"MXNet has windows along 1 to 3 spatial axes, not {len(window)}")


def weight_shape(node: ExportedNode, weight: Array) -> Shape:
    """The sizes of a weight, which must be known."""
    sizes = None if weight.shape is None else closed(weight.shape)
    if sizes is None:
        node.refuse("the shape of its weight is not known")
    return sizes


def named(mx: Writer, weight: Array, bias: Array | None) -> tuple[Array, ...]:
    """Weight and bias by their usual names."""
    given = (mx.weight(weight, "weight"),)
    return given if bias is None else (*given, mx.weight(bias, "bias"))


def _laid(window: Window, pads: list[int], group: int) -> dict[str, int | tuple[int, ...] | None]:
    """Windows for MXNet; padding is that of both sides."""
    return {
        "kernel": tuple(window.kernel),
        "stride": per_axis(window.strides, 1),
        "dilate": per_axis(window.dilations, 1),
        "pad": per_axis(pads, 0),
        "num_group": group if group != 1 else None,
    }


@exporter("Conv", doc="Conv")
def conv(
    node: ExportedNode,
    mx: Writer,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    group: int,
    window: Window,
) -> Array:
    filters = weight_shape(node, weight)[0]
    check_window(node, window)
    begins = window.begins
    if not window.is_even:
        x = pad(node, mx, x, [0, 0, *begins], [0, 0, *window.ends])
        begins = [0] * len(window)
    return mx.Convolution(
        x,
        *named(mx, weight, bias),
        **_laid(window, begins, group),
        num_filter=filters,
        no_bias=True if bias is None else None,
    )


@exporter("ConvTranspose", doc="ConvTranspose")
def conv_transpose(
    node: ExportedNode,
    mx: Writer,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    group: int,
    window: Window,
) -> Array:
    per_group = weight_shape(node, weight)[1]
    check_window(node, window)
    if len(window) == 3:
        weight, window = _spread(node, mx, weight, window)
    pads, adj, begins, ends = _transposed_pads(node, window)
    y = mx.Deconvolution(
        x,
        *named(mx, weight, bias),
        **_laid(window, pads, group),
        adj=per_axis(adj, 0),
        num_filter=per_group * group,
        no_bias=bias is None,
    )
    return pad(node, mx, y, [0, 0, *begins], [0, 0, *ends])


def _spread(node: ExportedNode, mx: Writer, weight: Array, window: Window) -> tuple[Array, Window]:
    """A dilated kernel with its zeros written out: MXNet dilates no transposed windows of three axes."""
    if max(window.dilations) == 1:
        return weight, window
    if weight.constant is None:
        node.refuse("its dilated kernel is computed while the model runs")
    shape = (*weight_shape(node, weight)[:2], *window.spans)
    return mx.changed(weight, "weight", window.spread, shape, "spread"), window.dense


def _transposed_pads(node: ExportedNode, window: Window) -> tuple[list[int], ...]:
    """MXNet's `pad` (cut off on both sides), `adj` (added behind), and padding afterwards that cuts."""
    rows = []
    for axis in window.axes:
        cut = axis.even_cut(axis.stride)
        if cut is None:
            node.refuse(f"MXNet adds less than a stride to the output's size, not {axis.extra}")
        rows.append((cut[0], cut[1], -cut[2][0], -cut[2][1]))
    return tuple(list(column) for column in zip(*rows, strict=True))


@exporter("DeformConv", doc="DeformConv", unused="kernel_shape")
def deform_conv(
    node: ExportedNode,
    mx: Writer,
    x: Array,
    weight: Array,
    offset: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    *,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
    dilations: list[int] | None = None,
    group: int,
    offset_group: int,
) -> Array:
    """The modulated one: the plain one lets places between a picture's edge and its last pixel be that."""
    shape = closed(weight.shape or ())
    if shape is None or len(shape) != 4:
        node.refuse("images of two axes are what MXNet deforms")
    params = {
        **_even(node, shape[2:], strides, dilations, pads),
        "num_filter": shape[0],
        "num_group": group,
        "num_deformable_group": offset_group,
        "no_bias": True if bias is None else None,
    }
    rest = named(mx, weight, bias)
    if mask is None:
        taps = offset_group * math.prod(shape[2:])
        mask = mx.ones_like(mx.slice_axis(offset, axis=1, begin=0, end=taps))
    return mx.make("_contrib_ModulatedDeformableConvolution", x, offset, mask, *rest, **params)


@exporter("Col2Im", doc="Col2Im")
def col2im(
    node: ExportedNode,
    mx: Writer,
    x: Array,
    image: Array,
    block: Array,
    *,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
    dilations: list[int] | None = None,
) -> Array:
    windows = _even(node, node.ints(block, "kernel"), strides, dilations, pads)
    return mx.col2im(x, output_size=tuple(node.ints(image, "size")), **windows)


def _even(
    node: ExportedNode,
    kernel: Sequence[int],
    strides: list[int] | None,
    dilations: list[int] | None,
    pads: list[int] | None,
) -> dict[str, tuple[int, ...]]:
    """Windows for MXNet, which have the same padding on both sides."""
    count = len(kernel)
    pads = pads or [0] * 2 * count
    if pads[:count] != pads[count:]:
        node.refuse("padding that is not the same on both sides")
    each = {"kernel": kernel, "stride": strides, "dilate": dilations, "pad": pads[:count]}
    return {name: tuple(sizes or [1] * count) for name, sizes in each.items()}
