"""Colours of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmdnn.frameworks.tensorflow.importer.convolution import pads_of
from mmdnn.frameworks.tensorflow.importer.table import (
    RAW,
    ImportedNode,
    Value,
    importer,
    to_first,
    to_last,
)
from mmdnn.ir.builder import Op, known, rank


@importer("AdjustContrastv2", doc=f"{RAW}/AdjustContrastv2")
def adjust_contrast(node: ImportedNode, op: Op, x: Value, factor: Value) -> Value:
    """How far each channel is from its mean."""
    axes = rank(x)
    mean = op.ReduceMean(x, [axes - 3, axes - 2], keepdims=1)
    return op.Add(op.Mul(op.Sub(x, mean), factor), mean)


@importer("RGBToHSV", doc=f"{RAW}/RGBToHSV")
def rgb_to_hsv(node: ImportedNode, op: Op, x: Value) -> Value:
    red, green, blue = op.outputs(3).Split(x, axis=-1, num_outputs=3)
    value = op.Max(red, green, blue)
    spread = op.Sub(value, op.Min(red, green, blue))
    zero, one, six = (node.constant(n, x) for n in (0, 1, 6))
    safe = op.Where(op.Greater(value, zero), value, one)
    saturation = op.Where(op.Greater(value, zero), op.Div(spread, safe), zero)
    some = op.Greater(spread, zero)
    unit = op.Div(one, op.Mul(six, op.Where(some, spread, one)))

    def turned(a: Value, b: Value, thirds: float) -> Value:
        return op.Add(op.Mul(unit, op.Sub(a, b)), node.constant(thirds / 3, x))

    other = op.Where(op.Equal(green, value), turned(blue, red, 1), turned(red, green, 2))
    hue = op.Where(op.Equal(red, value), turned(green, blue, 0), other)
    hue = op.Where(some, hue, zero)
    hue = op.Where(op.Less(hue, zero), op.Add(hue, one), hue)
    return op.Concat(hue, saturation, value, axis=-1)


@importer("HSVToRGB", doc=f"{RAW}/HSVToRGB")
def hsv_to_rgb(node: ImportedNode, op: Op, x: Value) -> Value:
    hue, saturation, value = op.outputs(3).Split(x, axis=-1, num_outputs=3)
    turn = op.Mul(hue, node.constant(6, x))
    zero, one, two = (node.constant(n, x) for n in (0, 1, 2))

    def away(middle: float) -> Value:
        return op.Abs(op.Sub(turn, node.constant(middle, x)))

    shares = [op.Sub(away(3), one), op.Sub(two, away(2)), op.Sub(two, away(4))]
    whole = op.Clip(op.Concat(*shares, axis=-1), zero, one)
    return op.Mul(op.Add(op.Sub(one, saturation), op.Mul(saturation, whole)), value)


@importer("ExtractImagePatches", doc=f"{RAW}/ExtractImagePatches")
def extract_image_patches(
    node: ImportedNode, op: Op, x: Value, *, ksizes: Any, strides: Any, rates: Any, padding: str
) -> Value:
    """A convolution whose kernels each take one element of the window."""
    channels, (height, width) = known(x, rank(x) - 1), ksizes[1:3]
    count = height * width * channels
    each = np.eye(count).reshape(count, height, width, channels).transpose(0, 3, 1, 2)
    first = to_first(op, x, "NHWC")
    spans = [(size - 1) * rate + 1 for size, rate in zip(ksizes[1:3], rates[1:3], strict=True)]
    pads = pads_of(node, first, spans, strides[1:3], padding, [], "NHWC")
    window = {"strides": strides[1:3], "dilations": rates[1:3], "kernel_shape": [height, width]}
    y = op.Conv(first, node.constant(np.ascontiguousarray(each), x), **window, **pads)
    return to_last(op, y, "NHWC")
