"""Convolutions (tensorflow/lite/kernels/conv.cc, depthwise_conv.cc, transpose_conv.cc, conv3d.cc)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdnn.frameworks.tflite.importer.quantized import permuted
from mmdnn.frameworks.tflite.importer.table import (
    DOC,
    ImportedNode,
    Value,
    first,
    importer,
    last,
)
from mmdnn.ir.builder import Op, known, rank, static
from mmdnn.ir.passes.windows import same


def windows(
    x: Value, padding: str, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> dict[str, Any]:
    """The windows over an image with its channels first; the odd element of padding is behind."""
    said = {"kernel_shape": kernel, "strides": strides, "dilations": dilations}
    said = {name: list(numbers) for name, numbers in said.items()}
    if padding == "VALID":
        return said
    spans = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    return {**said, **same(x, spans, strides)}


def convolved(
    node: ImportedNode, op: Op, x: Value, kernel: Value, bias: Value | None, **said: Any
) -> Value:
    """A convolution of an image as it stands with a kernel as ONNX has it."""
    inputs = [kernel] if bias is None else [kernel, bias]
    x, group = first(op, x), said.pop("group")
    return last(
        op, op.Conv(x, *inputs, group=group, **windows(x, kernel=static(kernel)[2:], **said))
    )


@importer("CONV_2D", doc=DOC)
def conv_2d(
    node: ImportedNode, op: Op, x: Value, kernel: Value, bias: Value | None = None, *,
    padding: str, stride_w: int, stride_h: int, dilation_wfactor: int, dilation_hfactor: int,
) -> Value:  # fmt: skip
    """The kernel is (out, h, w, in); fewer channels in it than in the image are groups."""
    channels, inside = known(x, rank(x) - 1), static(kernel)[3]
    if inside < 1 or channels % inside:
        node.unfit(f"its kernel has {inside} channels, and its image {channels}")
    said = {"strides": [stride_h, stride_w], "dilations": [dilation_hfactor, dilation_wfactor]}
    kernel = permuted(node, op, kernel, [0, 3, 1, 2])
    group = channels // inside
    return convolved(node, op, x, kernel, bias, padding=padding, group=group, **said)


@importer("DEPTHWISE_CONV_2D", doc=DOC, unused="depth_multiplier")
def depthwise_conv_2d(
    node: ImportedNode, op: Op, x: Value, kernel: Value, bias: Value | None = None, *,
    padding: str, stride_w: int, stride_h: int, dilation_wfactor: int, dilation_hfactor: int,
) -> Value:  # fmt: skip
    """The kernel is (1, h, w, out); channel c gives channels c m … c m + m - 1."""
    said = {"strides": [stride_h, stride_w], "dilations": [dilation_hfactor, dilation_wfactor]}
    kernel = permuted(node, op, kernel, [3, 0, 1, 2])
    group = known(x, rank(x) - 1)
    return convolved(node, op, x, kernel, bias, padding=padding, group=group, **said)


@importer("TRANSPOSE_CONV", doc=DOC)
def transpose_conv(
    node: ImportedNode, op: Op, size: Value, kernel: Value, x: Value, bias: Value | None = None, *,
    padding: str, stride_w: int, stride_h: int,
) -> Value:  # fmt: skip
    """The kernel is (out, h, w, in)."""
    kernel = permuted(node, op, kernel, [3, 0, 1, 2])
    return transposed(
        node, op, size, kernel, x, bias, padding=padding, strides=[stride_h, stride_w]
    )


def transposed(
    node: ImportedNode, op: Op, size: Value, kernel: Value, x: Value, bias: Value | None, *,
    padding: str, strides: Sequence[int],
) -> Value:  # fmt: skip
    """The size of the result is an input, and says what is cut; what is added is behind."""
    wanted = node.ints(size, "the size of its result")[1:-1]
    begins, ends, added = [], [], []
    windows = static(kernel)[2:]
    for axis, (new, stride, window) in enumerate(zip(wanted, strides, windows, strict=True), 1):
        whole = (known(x, axis) - 1) * stride + window
        begin = max(whole - new, 0) // 2 if padding == "SAME" else 0
        end = whole - begin - new
        begins.append(begin)
        ends.append(max(end, 0))
        added.append(max(-end, 0))
    inputs = [kernel] if bias is None else [kernel, bias]
    y = op.ConvTranspose(
        first(op, x), *inputs, kernel_shape=list(windows), strides=list(strides),
        pads=[*begins, *ends], output_padding=added if any(added) else None,
    )  # fmt: skip
    return last(op, y)


@importer("CONV_3D", doc=DOC)
def conv_3d(
    node: ImportedNode, op: Op, x: Value, kernel: Value, bias: Value | None = None, *,
    padding: str, stride_d: int, stride_w: int, stride_h: int,
) -> Value:  # fmt: skip
    """The kernel is (d, h, w, in, out)."""
    factors = [node.parameter(f"dilation_{axis}factor") for axis in "dhw"]
    said = {"strides": [stride_d, stride_h, stride_w], "dilations": factors}
    channels, inside = known(x, rank(x) - 1), static(kernel)[3]
    kernel = permuted(node, op, kernel, [4, 3, 0, 1, 2])
    group = channels // inside
    return convolved(node, op, x, kernel, bias, padding=padding, group=group, **said)


@importer("CONV_3D_TRANSPOSE", doc=DOC)
def conv_3d_transpose(
    node: ImportedNode, op: Op, size: Value, kernel: Value, x: Value, bias: Value | None = None, *,
    padding: str, stride_d: int, stride_w: int, stride_h: int,
) -> Value:  # fmt: skip
    """The kernel is (d, h, w, out, in)."""
    if [node.parameter(f"dilation_{axis}factor") for axis in "dhw"] != [1, 1, 1]:
        node.refuse("it is dilated")
    kernel = permuted(node, op, kernel, [4, 3, 0, 1, 2])
    strides = [stride_d, stride_h, stride_w]
    return transposed(node, op, size, kernel, x, bias, padding=padding, strides=strides)
