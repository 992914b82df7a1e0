"""Layers of forks that change the size of an image: Interp, and both layers called Upsample."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import agree, channels, image_size, reshape
from mmdnn.frameworks.caffe.importer.table import YOLO, ImportedLayer, importer
from mmdnn.ir.builder import Op, dimensions

SEGNET = "https://github.com/alexgkendall/caffe-segnet/blob/segnet-cleaned/src/caffe/layers"


@importer(
    "Interp",
    doc="https://github.com/yjxiong/caffe/blob/mem/src/caffe/layers/interp_layer.cpp",
)
def interp(
    layer: ImportedLayer, op: Op, x: ir.Value, *like: ir.Value, pad_beg: int, pad_end: int
) -> ir.Value:
    """Bilinear, corners on corners, of what the (negative) padding leaves."""
    begin, end = -pad_beg, -pad_end
    if begin < 0 or end < 0:
        layer.refuse("it pads; only cutting is defined")
    sizes = [size - begin - end for size in image_size(layer, x)]
    target = _interp_size(layer, sizes, like)
    if min(sizes) < 1 or min(target) < 1:
        layer.refuse(f"{sizes} to {target}")
    if begin or end:
        x = op.Slice(x, [begin] * 2, [begin + size for size in sizes], [2, 3])
    if target == sizes:
        return x
    y = op.Resize(
        x,
        None,
        None,
        np.asarray(target, np.int64),
        axes=[2, 3],
        mode="linear",
        coordinate_transformation_mode="align_corners",
    )
    return _named(y, x, target)


def _interp_size(layer: ImportedLayer, sizes: list[int], like: tuple[ir.Value, ...]) -> list[int]:
    """The size of the result: of the second bottom, or by the factors, or as given."""
    size = [layer.parameter(name) for name in ("height", "width")]
    shrink, zoom = factors = [layer.parameter(f"{name}_factor") for name in ("shrink", "zoom")]
    if like:
        if len(like) > 1 or set(size + factors) != {None}:
            layer.refuse("a second bottom and a size are both given")
        return list(image_size(layer, like[0]))
    if None not in size and factors.count(None) != 1:
        return size
    if factors == [None, None] or 0 in factors or min(f or 1 for f in factors) < 1:
        layer.refuse(f"no size is given, or shrink_factor {shrink}, zoom_factor {zoom}")
    return [(size - 1) // (shrink or 1) * (zoom or 1) + 1 for size in sizes]


@importer("Upsample", doc=f"{SEGNET}/upsample_layer.cpp {YOLO}/upsample_layer.cpp")
def upsample(layer: ImportedLayer, op: Op, x: ir.Value, *mask: ir.Value) -> ir.Value:
    """With a mask, SegNet's: to the places that the maxima had. Without one: each pixel repeated."""
    if mask:
        return _unpool(layer, op, x, mask[0])
    scale = _or(layer.parameter("scale"), 1)
    if scale < 1:
        layer.refuse(f"its scale is {scale}")
    height, width = image_size(layer, x)
    y = op.Resize(
        x,
        None,
        np.asarray([1, 1, scale, scale], np.float32),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    return _named(y, x, [height * scale, width * scale])


def _named(y: ir.Value, x: ir.Value, size: list[int]) -> ir.Value:
    """The batch keeps its name, which ONNX's inference forgets."""
    y.shape = ir.Shape([*dimensions(x)[:2], *size])
    return y


def _or(given: int | None, default: int) -> int:
    return default if given is None else given


def _unpool(layer: ImportedLayer, op: Op, x: ir.Value, mask: ir.Value) -> ir.Value:
    """Each value at its place in the plane, zeros elsewhere."""
    height, width = _unpooled_size(layer, image_size(layer, x))
    agree(mask, x)
    if _overlaps(mask):
        layer.refuse("windows of its pooling overlap, so that places can be taken twice")
    batch, count = dimensions(x)[0], channels(layer, x)
    planes = op.ConstantOfShape(op.Concat(op.Shape(x, end=2), [height * width], axis=0))
    planes.shape = ir.Shape([batch, count, height * width])
    flat = [batch, count, math.prod(image_size(layer, x))]
    places = reshape(op, op.Cast(mask, to=ir.DataType.INT64), flat)
    filled = op.ScatterElements(planes, places, reshape(op, x, flat), axis=2)
    return reshape(op, filled, [batch, count, height, width])


def _unpooled_size(layer: ImportedLayer, size: tuple[int, int]) -> list[int]:
    scale = _or(layer.parameter("scale"), 2)
    sizes = []
    for axis, before in zip("hw", size, strict=True):
        factor, cut = (
            _or(layer.parameter(f"scale_{axis}"), scale),
            layer.parameter(f"pad_out_{axis}"),
        )
        if factor < 2 or (cut and factor != 2):
            layer.refuse(f"a scale of {factor} with pad_out {cut}")
        sizes.append(_or(layer.parameter(f"upsample_{axis}"), before * factor - cut))
    return sizes


def _overlaps(mask: ir.Value) -> bool:
    """Whether a mask is known to come of a pooling whose windows overlap."""
    node = mask.producer()
    while node is not None and node.op_type != "MaxPool":
        node = node.inputs[0].producer() if node.inputs and node.inputs[0] else None
    if node is None:
        return False
    kernel, strides = (node.attributes[name].as_ints() for name in ("kernel_shape", "strides"))
    return any(size > stride for size, stride in zip(kernel, strides, strict=True))
