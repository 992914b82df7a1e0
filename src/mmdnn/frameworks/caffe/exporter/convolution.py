"""Convolution and its transpose: asymmetric padding by more padding on both sides, and a cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, Exporting, Operand, Writing, exporter


@dataclass(frozen=True)
class Window:
    """What a node's attributes say of its window, an item a spatial axis."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    begins: list[int]
    ends: list[int]

    @property
    def spans(self) -> list[int]:
        """How far the window reaches, dilation included."""
        return [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]


def window(node: Exporting, x: Blob, kernel: list[int] | None = None) -> Window:
    """The window that a node's attributes describe, automatic padding worked out."""
    kernel = node.attribute("kernel_shape", kernel)
    if kernel is None:
        node.refuse("it has no kernel_shape")
    ones = [1] * len(kernel)
    strides, dilations = node.attribute("strides", ones), node.attribute("dilations", ones)
    mode = node.attribute("auto_pad", "NOTSET")
    pads = node.attribute("pads", [0] * 2 * len(kernel))
    begins, ends = pads[: len(kernel)], pads[len(kernel) :]
    if mode == "VALID":
        begins = ends = [0] * len(kernel)
    elif mode != "NOTSET":
        total = [
            max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
            for size, s, k, d in zip(x.shape[2:], strides, kernel, dilations, strict=True)
        ]
        small = [pad // 2 for pad in total]
        large = [pad - less for pad, less in zip(total, small, strict=True)]
        begins, ends = (small, large) if mode == "SAME_UPPER" else (large, small)
    return Window(list(kernel), strides, dilations, begins, ends)


def pair(short: str, name: str, sizes: list[int], default: int | None = None) -> dict[str, Any]:
    """A size for each axis in Caffe's fields: one, `_h` and `_w`, or one an axis."""
    if len(set(sizes)) == 1:
        return {} if sizes[0] == default else {name: [sizes[0]]}
    if len(sizes) == 2:
        return {f"{short}_h": sizes[0], f"{short}_w": sizes[1]}
    return {name: list(sizes)}


def param_of(
    outputs: int, frame: Window, pads: list[int], group: int, bias: bool
) -> dict[str, Any]:
    dilation = {} if set(frame.dilations) == {1} else {"dilation": _repeated(frame.dilations)}
    return {
        "num_output": outputs,
        **pair("kernel", "kernel_size", frame.kernel),
        **pair("stride", "stride", frame.strides, 1),
        **pair("pad", "pad", pads, 0),
        **dilation,
        "group": group,
        "bias_term": bias,
    }


def _repeated(sizes: list[int]) -> list[int]:
    return [sizes[0]] if len(set(sizes)) == 1 else list(sizes)


def symmetric(begin: int, end: int, stride: int) -> tuple[int, int]:
    """Padding for both sides, at least as much as wanted, and how many windows it puts in front."""
    ahead = 0
    while begin + ahead * stride < end:
        ahead += 1
    return begin + ahead * stride, ahead


@exporter("Conv", doc=f"{TUTORIAL}/convolution.html")
def conv(
    node: Exporting, caffe: Writing, x: Blob, weight: Operand, bias: Operand | None = None
) -> Blob:
    if not isinstance(weight, Constant) or isinstance(bias, Blob):
        node.refuse("its weights are computed while the model runs")
    frame = window(node, x, list(weight.shape[2:]))
    group = node.attribute("group", 1)
    wanted = node.shape()
    if min(*frame.begins, *frame.ends) < 0:
        node.refuse(f"its padding {frame.begins} {frame.ends} cuts")
    pads, ahead = [], []
    for begin, end, stride, size, span, count in zip(
        frame.begins, frame.ends, frame.strides, x.shape[2:], frame.spans, wanted[2:], strict=True
    ):
        enough = (size + 2 * begin - span) // stride + 1 >= count
        pad, skipped = (begin, 0) if enough else symmetric(begin, end, stride)
        pads.append(pad)
        ahead.append(skipped)
    sizes = [
        (size + 2 * pad - span) // stride + 1
        for size, pad, span, stride in zip(
            x.shape[2:], pads, frame.spans, frame.strides, strict=True
        )
    ]
    exact = sizes == list(wanted[2:])
    y = caffe.layer(
        "Convolution",
        x,
        blobs=weights(weight, bias, weight.shape[0]),
        shape=(x.shape[0], weight.shape[0], *sizes),
        suffix="" if exact else "padded",
        convolution_param=param_of(weight.shape[0], frame, pads, group, bias is not None),
    )
    return crop(caffe, y, ahead, wanted[2:])


def weights(weight: Constant, bias: Operand | None, outputs: int) -> list[ir.TensorProtocol]:
    """The blobs of a layer with weight and bias."""
    blobs = [weight.shaped(weight.shape)]
    if isinstance(bias, Constant):
        blobs.append(bias.shaped((outputs,)))
    return blobs


def crop(caffe: Writing, y: Blob, starts: list[int], sizes: tuple[int, ...]) -> Blob:
    """The spatial axes cut to these sizes."""
    uncut = [
        axis
        for axis, (start, size) in enumerate(zip(starts, sizes, strict=True), 2)
        if start or y.shape[axis] != size
    ]
    for axis in uncut:
        last = axis == uncut[-1]
        y = caffe.cut(y, axis, starts[axis - 2], sizes[axis - 2], "" if last else f"cut{axis}")
    return y


@exporter("ConvTranspose", doc=f"{TUTORIAL}/deconvolution.html")
def conv_transpose(
    node: Exporting, caffe: Writing, x: Blob, weight: Operand, bias: Operand | None = None
) -> Blob:
    """Padding cuts the result here: what is cut from both sides is padding, the rest is cut after."""
    if not isinstance(weight, Constant) or isinstance(bias, Blob):
        node.refuse("its weights are computed while the model runs")
    count = len(weight.shape) - 2
    group = node.attribute("group", 1)
    node.ignore("output_shape", "output_padding", "auto_pad", "pads")
    wanted = node.shape()
    frame = Window(
        node.attribute("kernel_shape", list(weight.shape[2:])),
        node.attribute("strides", [1] * count),
        node.attribute("dilations", [1] * count),
        _cut_in_front(node, x, weight, wanted),
        [0] * count,
    )
    outputs = weight.shape[1] * group
    full = [
        (size - 1) * stride + span
        for size, stride, span in zip(x.shape[2:], frame.strides, frame.spans, strict=True)
    ]
    ends = [f - b - w for f, b, w in zip(full, frame.begins, wanted[2:], strict=True)]
    if min(*ends, *frame.begins) < 0:
        node.refuse("its output padding reaches beyond the last window")
    pads = [min(begin, end) for begin, end in zip(frame.begins, ends, strict=True)]
    sizes = [size - 2 * pad for size, pad in zip(full, pads, strict=True)]
    y = caffe.layer(
        "Deconvolution",
        x,
        blobs=weights(weight, bias, outputs),
        shape=(x.shape[0], outputs, *sizes),
        suffix="" if sizes == list(wanted[2:]) else "whole",
        convolution_param=param_of(outputs, frame, pads, group, bias is not None),
    )
    starts = [begin - pad for begin, pad in zip(frame.begins, pads, strict=True)]
    return crop(caffe, y, starts, wanted[2:])


def _cut_in_front(node: Exporting, x: Blob, weight: Constant, wanted: tuple[int, ...]) -> list[int]:
    """How much of the result's begin goes, by the definition of ONNX."""
    count = len(weight.shape) - 2
    mode, target = node.attribute("auto_pad", "NOTSET"), node.attribute("output_shape")
    if target is None and mode in {"NOTSET", "VALID"}:
        pads = node.attribute("pads", [0] * 2 * count)
        return [0] * count if mode == "VALID" else list(pads[:count])
    strides = node.attribute("strides", [1] * count)
    dilations = node.attribute("dilations", [1] * count)
    extra = node.attribute("output_padding", [0] * count)
    begins = []
    for axis in range(count):
        span = (weight.shape[2 + axis] - 1) * dilations[axis] + 1
        full = strides[axis] * (x.shape[2 + axis] - 1) + extra[axis] + span
        total = max(full - wanted[2 + axis], 0)
        begins.append(total // 2 if mode == "SAME_UPPER" else total - total // 2)
    return begins
