"""Convolution and its kin (src/caffe/layers/base_conv_layer.cpp).

Spatial axes are all axes after the channel axis, any number of them, none included; the axes before
the channel axis are batch. Output sizes are floored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe._messages import by_axis
from mmdnn.frameworks.caffe.importer.shapes import agree, known, reshape
from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer
from mmdnn.ir.builder import Dimensions, Op, dimensions, shape

LARGEST_IDENTITY = 1 << 26
"""Elements of the weight that stands for an Im2col, at most."""


def spatial(layer: ImportedLayer, p: Any, name: str, count: int, default: int) -> list[int]:
    """A size for each spatial axis: `name` once, or once an axis, or `_h` and `_w`."""
    short, apart = name.removesuffix("_size"), by_axis(p, name)
    if apart is not None:
        if count != 2:
            layer.unfit(f"{short}_h and {short}_w are for two spatial axes, and there are {count}")
        if len(getattr(p, name)):
            layer.unfit(f"both {name} and {short}_h/{short}_w are given")
        return apart
    return repeated(layer, list(getattr(p, name)), name, count, default)


def repeated(
    layer: ImportedLayer, sizes: Sequence[int], name: str, count: int, default: int
) -> list[int]:
    """A size for each spatial axis, from a field given never, once, or once an axis."""
    if len(sizes) not in {0, 1, count}:
        layer.unfit(f"{name} is given {len(sizes)} times for {count} spatial axes")
    return [default] * count if not sizes else list(sizes) * (count if len(sizes) == 1 else 1)


def window(layer: ImportedLayer, p: Any, count: int) -> dict[str, list[int]]:
    """The window's attributes in ONNX's terms."""
    pads = spatial(layer, p, "pad", count, 0)
    attributes = {
        "kernel_shape": spatial(layer, p, "kernel_size", count, 0),
        "strides": spatial(layer, p, "stride", count, 1),
        "dilations": repeated(layer, list(p.dilation), "dilation", count, 1),
    }
    for name, sizes in attributes.items():
        if any(size < 1 for size in sizes):
            layer.unfit(f"its {name.replace('_', ' ')} {sizes} should be 1 or more")
    return {**attributes, "pads": pads + pads}


def _check_reach(layer: ImportedLayer, sizes: Dimensions, attributes: dict[str, list[int]]) -> None:
    """Refuse a window that fits nowhere."""
    reaches = [
        (kernel - 1) * dilation + 1 - 2 * pad
        for kernel, dilation, pad in zip(
            attributes["kernel_shape"], attributes["dilations"], attributes["pads"], strict=False
        )
    ]
    if any(isinstance(s, int) and s < reach for s, reach in zip(sizes, reaches, strict=True)):
        layer.unfit(f"its kernel {attributes['kernel_shape']} does not fit into {list(sizes)}")


def _convolve(
    layer: ImportedLayer, op: Op, x: ir.Value, *, transposed: bool, group: int | None = None
) -> ir.Value:
    p = layer.param()
    axis = layer.axis(p.axis, x)
    channels, attributes = known(x, axis), window(layer, p, len(shape(x)) - axis - 1)
    group = p.group if group is None else group
    if group < 1 or p.num_output < 1 or channels % group or p.num_output % group:
        layer.unfit(f"{channels} channels to {p.num_output} do not divide into {group} groups")
    kernel = attributes["kernel_shape"]
    if not transposed:
        _check_reach(layer, dimensions(x)[axis + 1 :], attributes)
    pair = (channels, p.num_output // group) if transposed else (p.num_output, channels // group)
    bias = [layer.weight(1, "bias", (p.num_output,))] if p.bias_term else []
    flat = _as_batch(op, x, axis)
    if not kernel and group == 1:
        weight = layer.weight(0, "weight", pair)
        y = op.Gemm(flat, weight, *bias, transB=int(not transposed))
    else:
        weight = layer.weight(0, "weight", (*pair, *(kernel or [1])))
        operator = op.ConvTranspose if transposed else op.Conv
        lengthened = flat if kernel else op.Unsqueeze(flat, [2])
        y = operator(lengthened, weight, *bias, group=group, **attributes if kernel else {})
        y = y if kernel else op.Squeeze(y, [2])
    return _as_leading(op, y, x, axis)


def _as_batch(op: Op, x: ir.Value, axis: int) -> ir.Value:
    """All axes before `axis` as one."""
    if axis == 1:
        return x
    return op.Unsqueeze(x, [0]) if axis == 0 else reshape(op, x, [None, *dimensions(x)[axis:]])


def _as_leading(op: Op, y: ir.Value, x: ir.Value, axis: int) -> ir.Value:
    """The inverse of `_as_batch`, on a result whose later axes have changed."""
    if axis == 1:
        return y
    if axis == 0:
        return op.Squeeze(y, [0])
    dims = [*dimensions(x)[:axis], *dimensions(y)[1:]]
    y = reshape(op, y, [dim if isinstance(dim, int) else None for dim in dims])
    y.shape = ir.Shape(dims)
    return y


def _all_alike(bottoms: Sequence[ir.Value]) -> None:
    for other in bottoms[1:]:
        agree(bottoms[0], other)


@importer("Convolution")
def convolution(layer: ImportedLayer, op: Op, *bottoms: ir.Value) -> list[ir.Value]:
    _all_alike(bottoms)
    return [_convolve(layer, op, x, transposed=False) for x in bottoms]


@importer("Deconvolution")
def deconvolution(layer: ImportedLayer, op: Op, *bottoms: ir.Value) -> list[ir.Value]:
    _all_alike(bottoms)
    return [_convolve(layer, op, x, transposed=True) for x in bottoms]


@importer(
    "ConvolutionDepthwise",
    "DepthwiseConvolution",
    doc="https://github.com/yonghenglh6/DepthwiseConvolution",
)
def depthwise_convolution(layer: ImportedLayer, op: Op, *bottoms: ir.Value) -> list[ir.Value]:
    return [_convolve(layer, op, x, transposed=False, group=known(x, 1)) for x in bottoms]


@importer("Im2col")
def im2col(layer: ImportedLayer, op: Op, *bottoms: ir.Value) -> list[ir.Value]:
    """Each window as a column of channels: a convolution with the identity as its weight."""
    return [_im2col(layer, op, x) for x in bottoms]


def _im2col(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    p = layer.param()
    axis = layer.axis(p.axis, x)
    channels, count = known(x, axis), len(shape(x)) - axis - 1
    if count == 0:
        layer.unfit("there are no axes after the channels")
    attributes = window(layer, p, count)
    kernel = attributes["kernel_shape"]
    if channels * math.prod(kernel) ** 2 > LARGEST_IDENTITY:
        layer.refuse(f"windows of {kernel} in {channels} channels are too many")
    one = np.eye(math.prod(kernel), dtype=np.float32).reshape(-1, 1, *kernel)
    weight = np.tile(one, (channels, *[1] * (count + 1)))
    y = op.Conv(_as_batch(op, x, axis), weight, group=channels, **attributes)
    return _as_leading(op, y, x, axis)
