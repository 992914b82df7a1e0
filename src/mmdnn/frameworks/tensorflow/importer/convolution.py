"""Convolutions; kernels are (*window, in, out), depthwise ones (*window, in, multiplier)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmdnn.frameworks.tensorflow.importer.table import (
    RAW,
    ImportedNode,
    Value,
    importer,
    spatial,
    to_first,
    to_last,
)
from mmdnn.ir.builder import Op, dimensions, known, rank, static
from mmdnn.ir.folding import int64
from mmdnn.ir.passes.windows import same
from mmdnn.ir.sizes import trace


def permuted(node: ImportedNode, op: Op, kernel: Value, perm: Sequence[int]) -> Value:
    """A kernel with its axes in ONNX's order; one that is a weight is changed when it is written."""
    found = None if kernel.producer() is not None else node.graph.permuted(kernel, perm)
    return op.Transpose(kernel, perm=list(perm)) if found is None else found


def pads_of(
    node: ImportedNode, x: Value, spans: Sequence[int], strides: Sequence[int],
    padding: str, explicit: Sequence[int], data_format: str,
) -> dict[str, Any]:  # fmt: skip
    """Paddings as ONNX's attributes, for an image that has its channels first.

    SAME depends on the size where the stride is more than one: an open one is for ONNX to work out.
    """
    if padding == "VALID":
        return {}
    if padding == "EXPLICIT":
        before, after = (spatial(list(explicit)[side::2], data_format) for side in (0, 1))
        return {"pads": [*before, *after]}
    if padding != "SAME":
        node.unfit(f"its padding is {padding}")
    return same(x, spans, strides)


def _window(
    node: ImportedNode, kernel: Value, strides: Any, dilations: Any, data_format: str
) -> dict[str, list[int]]:
    """The sizes, strides and dilations of a kernel that has its window last."""
    count = rank(kernel) - 2
    steps = spatial(strides, data_format), spatial(dilations or [1] * (count + 2), data_format)
    if len(steps[0]) != count or len(steps[1]) != count:
        node.unfit(f"its strides are {strides}, its dilations {dilations}")
    batch = [strides[0], strides[1 if data_format.startswith("NC") else -1]]
    if batch != [1, 1]:
        node.refuse(f"its strides are {strides}")
    return {"kernel_shape": list(static(kernel)[2:]), "strides": steps[0], "dilations": steps[1]}


def _spans(window: dict[str, list[int]]) -> list[int]:
    pairs = zip(window["kernel_shape"], window["dilations"], strict=True)
    return [(size - 1) * step + 1 for size, step in pairs]


@importer("Conv2D", "Conv3D", doc=f"{RAW}/Conv2D", unused="use_cudnn_on_gpu")
def conv(
    node: ImportedNode, op: Op, x: Value, kernel: Value, *, strides: Any, padding: str,
    dilations: Any, data_format: str, explicit_paddings: Any,
) -> Value:  # fmt: skip
    """The kernel's inputs are fewer than the image's channels where it is grouped."""
    count = rank(kernel)
    weight = permuted(node, op, kernel, [count - 1, count - 2, *range(count - 2)])
    x = to_first(op, x, data_format)
    window = _window(node, weight, strides, dilations, data_format)
    spans = _spans(window)
    pads = pads_of(node, x, spans, window["strides"], padding, explicit_paddings, data_format)
    channels = dimensions(x)[1]
    group = channels // known(weight, 1) if isinstance(channels, int) else 1
    return to_last(op, op.Conv(x, weight, group=group, **window, **pads), data_format)


@importer("DepthwiseConv2dNative", doc=f"{RAW}/DepthwiseConv2dNative")
def depthwise(
    node: ImportedNode, op: Op, x: Value, kernel: Value, *, strides: Any, padding: str,
    dilations: Any, data_format: str, explicit_paddings: Any,
) -> Value:  # fmt: skip
    """Each channel has kernels of its own: output channel = channel * multiplier + kernel."""
    height, width, channels, multiplier = static(kernel)
    whole = permuted(node, op, kernel, [2, 3, 0, 1])
    shape = (channels * multiplier, 1, height, width)
    weight = None
    if whole.producer() is None:
        weight = node.graph.reshaped(whole, shape)
    if weight is None:
        weight = op.Reshape(whole, np.asarray(shape, np.int64))
    x = to_first(op, x, data_format)
    window = _window(node, weight, strides, dilations, data_format)
    spans = _spans(window)
    pads = pads_of(node, x, spans, window["strides"], padding, explicit_paddings, data_format)
    return to_last(op, op.Conv(x, weight, group=channels, **window, **pads), data_format)


@importer("Conv2DBackpropInput", doc=f"{RAW}/Conv2DBackpropInput", unused="use_cudnn_on_gpu")
def transposed_2d(
    node: ImportedNode, op: Op, size: Value, kernel: Value, x: Value, *, strides: Any,
    padding: str, dilations: Any, data_format: str, explicit_paddings: Any,
) -> Value:  # fmt: skip
    return _transposed(
        node,
        op,
        size,
        kernel,
        x,
        said=(strides, padding, dilations, data_format, explicit_paddings),
    )


@importer("Conv3DBackpropInputV2", doc=f"{RAW}/Conv3DBackpropInputV2")
def transposed_3d(
    node: ImportedNode, op: Op, size: Value, kernel: Value, x: Value, *, strides: Any,
    padding: str, dilations: Any, data_format: str,
) -> Value:  # fmt: skip
    return _transposed(
        node, op, size, kernel, x, said=(strides, padding, dilations, data_format, [])
    )


def _transposed(
    node: ImportedNode, op: Op, size: Value, kernel: Value, x: Value, said: tuple[Any, ...]
) -> Value:
    """The size says what is cut off, and what is added: what a convolution of it would pad, or leave over."""
    strides, padding, dilations, data_format, explicit = said
    count = rank(kernel)
    weight = permuted(node, op, kernel, [count - 1, count - 2, *range(count - 2)])
    x = to_first(op, x, data_format)
    window = _window(node, weight, strides, dilations, data_format)
    spans = _spans(window)
    sizes = trace(size)
    places = spatial(list(range(count)), data_format)
    wanted = [sizes[place] if sizes is not None else None for place in places]
    if all(isinstance(each, int) for each in wanted):
        sides = None
        if padding == "EXPLICIT":
            sides = [spatial(list(explicit)[side::2], data_format) for side in (0, 1)]
        elif padding == "VALID":
            sides = [[0] * (count - 2)] * 2
        pads = _cuts(node, x, spans, window["strides"], wanted, sides)
        y = op.ConvTranspose(x, weight, **window, **pads)
        return to_last(op, y, data_format)
    if padding == "EXPLICIT":
        node.refuse("its size is computed and its paddings are explicit")
    y = op.ConvTranspose(x, weight, **window)
    return to_last(op, _cut(op, y, size, x, padding, data_format), data_format)


def _cuts(
    node: ImportedNode, x: Value, spans: Any, strides: Any, wanted: Any, sides: Any
) -> dict[str, Any]:
    """What is cut off on both sides: as it is said, or what a convolution of this size would pad."""
    before, after, extra = [], [], []
    for axis, (span, stride, size) in enumerate(zip(spans, strides, wanted, strict=True)):
        whole = (known(x, axis + 2) - 1) * stride + span
        if sides is not None:
            first, last = sides[0][axis], sides[1][axis]
        else:
            total = max(whole - size, 0)
            first, last = total // 2, total - total // 2
        rest = size - (whole - first - last)
        if rest < 0 or rest >= max(stride, 1):
            node.unfit(f"its size {size} does not fit {known(x, axis + 2)}")
        before.append(first)
        after.append(last)
        extra.append(rest)
    found: dict[str, Any] = {"pads": before + after} if any(before + after) else {}
    return found | ({"output_padding": extra} if any(extra) else {})


def _cut(op: Op, y: Value, size: Value, x: Value, padding: str, data_format: str) -> Value:
    """The middle of a transposed convolution, or with zeros behind it, as large as a computed size says."""
    count = rank(x) - 2
    first = 2 if data_format.startswith("NC") else 1
    sizes = op.Slice(int64(op, size), [first], [first + count], [0])
    whole = op.Shape(y, start=2)
    if padding == "SAME":
        begin = op.Div(op.Max(op.Sub(whole, sizes), [0]), [2])
        y = op.Slice(y, begin, op.Add(begin, sizes), list(range(2, 2 + count)))
    zeros = np.zeros(count + 2, np.int64)
    missing = op.Max(op.Sub(sizes, op.Shape(y, start=2)), [0])
    return op.Pad(y, op.Concat(zeros, np.zeros(2, np.int64), missing, axis=0))
