"""Convolution and its kin (src/caffe/layers/base_conv_layer.cpp).

Spatial axes are all axes after the channel axis, any number of them, none included; the axes before
the channel axis are batch. Output sizes are floored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.table import Importing, importer
from mmdnn.ir.builder import shape

TUTORIAL = "https://caffe.berkeleyvision.org/tutorial/layers"


def spatial(layer: Importing, p: Any, name: str, count: int, default: int) -> list[int]:
    """A size for each spatial axis: `name` once, or once an axis, or `_h` and `_w`."""
    short = name.removesuffix("_size")
    if p.HasField(f"{short}_h") or p.HasField(f"{short}_w"):
        if count != 2:
            layer.refuse(f"{short}_h and {short}_w are for two spatial axes, and there are {count}")
        if len(getattr(p, name)):
            layer.refuse(f"both {name} and {short}_h/{short}_w are given")
        return [getattr(p, f"{short}_h"), getattr(p, f"{short}_w")]
    return repeated(layer, list(getattr(p, name)), name, count, default)


def repeated(
    layer: Importing, sizes: Sequence[int], name: str, count: int, default: int
) -> list[int]:
    """A size for each spatial axis, from a field given never, once, or once an axis."""
    if len(sizes) not in {0, 1, count}:
        layer.refuse(f"{name} is given {len(sizes)} times for {count} spatial axes")
    return [default] * count if not sizes else list(sizes) * (count if len(sizes) == 1 else 1)


def window(layer: Importing, p: Any, count: int) -> dict[str, list[int]]:
    """The window's attributes in ONNX's terms."""
    pads = spatial(layer, p, "pad", count, 0)
    return {
        "kernel_shape": spatial(layer, p, "kernel_size", count, 0),
        "strides": spatial(layer, p, "stride", count, 1),
        "dilations": repeated(layer, list(p.dilation), "dilation", count, 1),
        "pads": pads + pads,
    }


def _convolve(
    layer: Importing, op: Any, x: ir.Value, *, transposed: bool, group: int | None = None
) -> ir.Value:
    p = layer.param("convolution_param")
    axis = layer.axis(p.axis, x)
    dims = shape(x)
    channels, count = dims[axis], len(dims) - axis - 1
    if channels is None:
        layer.refuse("its number of channels is not known")
    attributes = window(layer, p, count)
    group = group or p.group
    if channels % group or p.num_output % group:
        layer.refuse(f"{channels} channels to {p.num_output} do not divide into {group} groups")
    kernel = tuple(attributes["kernel_shape"])
    pair = (channels, p.num_output // group) if transposed else (p.num_output, channels // group)
    weights = [layer.weight(0, "weight", (*pair, *kernel))]
    if p.bias_term:
        weights.append(layer.weight(1, "bias", (p.num_output,)))
    if count == 0:
        return _pointwise(layer, op, x, weights, transposed=transposed, group=group)
    flat = _as_batch(op, x, axis)
    operator = op.ConvTranspose if transposed else op.Conv
    y = operator(flat, *weights, group=group, **attributes)
    return _as_leading(op, y, x, axis)


def _pointwise(
    layer: Importing, op: Any, x: ir.Value, weights: list[ir.Value], *, transposed: bool, group: int
) -> ir.Value:
    """No spatial axes: a matrix product."""
    if group != 1:
        layer.refuse("groups without spatial axes")
    matrix = weights[0] if transposed else op.Transpose(weights[0], perm=[1, 0])
    y = op.MatMul(x, matrix)
    return op.Add(y, weights[1]) if len(weights) > 1 else y


def _as_batch(op: Any, x: ir.Value, axis: int) -> ir.Value:
    """All axes before `axis` as one."""
    if axis == 1:
        return x
    if axis == 0:
        return op.Unsqueeze(x, [0])
    rest = [dim if dim is not None else -1 for dim in shape(x)[axis:]]
    return op.Reshape(x, [-1, *rest])


def _as_leading(op: Any, y: ir.Value, x: ir.Value, axis: int) -> ir.Value:
    """The inverse of `_as_batch`, on a result whose later axes have changed."""
    if axis == 1:
        return y
    if axis == 0:
        return op.Squeeze(y, [0])
    lead, rest = shape(x)[:axis], shape(y)[1:]
    target = [-1 if dim is None else dim for dim in (*lead, *rest)]
    return op.Reshape(y, target)


@importer("Convolution", doc=f"{TUTORIAL}/convolution.html")
def convolution(layer: Importing, op: Any, *bottoms: ir.Value) -> list[ir.Value]:
    return [_convolve(layer, op, x, transposed=False) for x in bottoms]


@importer("Deconvolution", doc=f"{TUTORIAL}/deconvolution.html")
def deconvolution(layer: Importing, op: Any, *bottoms: ir.Value) -> list[ir.Value]:
    return [_convolve(layer, op, x, transposed=True) for x in bottoms]


@importer(
    "ConvolutionDepthwise",
    "DepthwiseConvolution",
    doc="https://github.com/yonghenglh6/DepthwiseConvolution",
)
def depthwise_convolution(layer: Importing, op: Any, *bottoms: ir.Value) -> list[ir.Value]:
    return [_convolve(layer, op, x, transposed=False, group=shape(x)[1]) for x in bottoms]


@importer("Im2col", doc=f"{TUTORIAL}/im2col.html")
def im2col(layer: Importing, op: Any, *bottoms: ir.Value) -> list[ir.Value]:
    """Each window as a column of channels: a convolution with the identity as its weight."""
    return [_im2col(layer, op, x) for x in bottoms]


def _im2col(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    import numpy as np

    p = layer.param("convolution_param")
    axis = layer.axis(p.axis, x)
    channels, count = shape(x)[axis], len(shape(x)) - axis - 1
    if channels is None:
        layer.refuse("its number of channels is not known")
    attributes = window(layer, p, count)
    kernel = attributes["kernel_shape"]
    one = np.eye(math.prod(kernel), dtype=np.float32).reshape(-1, 1, *kernel)
    y = op.Conv(
        _as_batch(op, x, axis),
        np.tile(one, (channels, *[1] * (count + 1))),
        group=channels,
        **attributes,
    )
    return _as_leading(op, y, x, axis)
