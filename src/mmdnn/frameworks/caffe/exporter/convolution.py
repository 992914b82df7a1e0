"""Convolution and its transpose: asymmetric padding by more padding on both sides, and a cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant
from mmdnn.frameworks.caffe.exporter.cuts import cut
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.windows import Window


def pair(short: str, name: str, sizes: list[int], default: int | None = None) -> dict[str, Any]:
    """A size for each axis in Caffe's fields: one, `_h` and `_w`, or one an axis."""
    if len(set(sizes)) == 1:
        return {} if sizes[0] == default else {name: [sizes[0]]}
    if len(sizes) == 2:
        return {f"{short}_h": sizes[0], f"{short}_w": sizes[1]}
    return {name: list(sizes)}


def param_of(
    outputs: int, window: Window, pads: list[int], group: int, bias: bool
) -> dict[str, Any]:
    fields = window_fields(window.kernel, window.strides, pads, window.dilations)
    return {"num_output": outputs, **fields, "group": group, "bias_term": bias}


def window_fields(
    kernel: list[int], strides: list[int], pads: list[int], dilations: list[int]
) -> dict[str, Any]:
    """Windows in Caffe's fields; the padding is that of both sides."""
    same = len(set(dilations)) == 1
    return {
        **pair("kernel", "kernel_size", kernel),
        **pair("stride", "stride", strides, 1),
        **pair("pad", "pad", pads, 0),
        "dilation": None if set(dilations) == {1} else dilations[: 1 if same else None],
    }


def symmetric(begin: int, end: int, stride: int) -> tuple[int, int]:
    """Padding for both sides, at least as much as wanted, and how many windows it puts in front."""
    ahead = 0
    while begin + ahead * stride < end:
        ahead += 1
    return begin + ahead * stride, ahead


@exporter("Conv", doc=f"{TUTORIAL}/convolution.html")
def conv(
    node: ExportedNode,
    caffe: Writer,
    x: Blob,
    weight: Operand,
    bias: Operand | None = None,
    *,
    window: Window,
    group: int,
) -> Blob:
    if not isinstance(weight, Constant) or isinstance(bias, Blob):
        node.refuse("its weights are computed while the model runs")
    wanted = node.shape()
    if min(window.pads) < 0:
        node.refuse(f"its padding {window.begins} {window.ends} cuts")
    pads, ahead, sizes = [], [], []
    for axis, count in zip(window.axes, wanted[2:], strict=True):
        enough = (replace(axis, end=axis.begin).count or 0) >= count
        pad, skipped = (axis.begin, 0) if enough else symmetric(axis.begin, axis.end, axis.stride)
        pads.append(pad)
        ahead.append(skipped)
        sizes.append(replace(axis, begin=pad, end=pad).count or 0)
    exact = sizes == list(wanted[2:])
    y = caffe.layer(
        "Convolution",
        x,
        blobs=weights(weight, bias, weight.shape[0]),
        shape=(x.shape[0], weight.shape[0], *sizes),
        suffix="" if exact else "padded",
        **param_of(weight.shape[0], window, pads, group, bias is not None),
    )
    return crop(caffe, y, ahead, wanted[2:])


def weights(weight: Constant, bias: Operand | None, outputs: int) -> list[ir.TensorProtocol]:
    """The blobs of a layer with weight and bias."""
    blobs = [weight.shaped(weight.shape)]
    if isinstance(bias, Constant):
        blobs.append(bias.shaped((outputs,)))
    return blobs


def crop(caffe: Writer, y: Blob, starts: list[int], sizes: tuple[int, ...]) -> Blob:
    """The spatial axes cut to these sizes."""
    uncut = [
        axis
        for axis, (start, size) in enumerate(zip(starts, sizes, strict=True), 2)
        if start or y.shape[axis] != size
    ]
    for axis in uncut:
        last = axis == uncut[-1]
        y = cut(caffe, y, axis, starts[axis - 2], sizes[axis - 2], "" if last else f"cut{axis}")
    return y


@exporter("ConvTranspose", doc=f"{TUTORIAL}/deconvolution.html")
def conv_transpose(
    node: ExportedNode,
    caffe: Writer,
    x: Blob,
    weight: Operand,
    bias: Operand | None = None,
    *,
    window: Window,
    group: int,
) -> Blob:
    """Padding cuts the result here: what is cut from both sides is padding, the rest is cut after."""
    if not isinstance(weight, Constant) or isinstance(bias, Blob):
        node.refuse("its weights are computed while the model runs")
    outputs, wanted = weight.shape[1] * group, node.shape()[2:]
    full = [axis.whole or 0 for axis in window.axes]
    ends = [f - b - w for f, b, w in zip(full, window.begins, wanted, strict=True)]
    if min(*ends, *window.begins) < 0:
        node.refuse("its output padding reaches beyond the last window")
    pads = [min(begin, end) for begin, end in zip(window.begins, ends, strict=True)]
    sizes = [size - 2 * pad for size, pad in zip(full, pads, strict=True)]
    y = caffe.layer(
        "Deconvolution",
        x,
        blobs=weights(weight, bias, outputs),
        shape=(x.shape[0], outputs, *sizes),
        suffix="" if sizes == list(wanted) else "whole",
        **param_of(outputs, window, pads, group, bias is not None),
    )
    starts = [begin - pad for begin, pad in zip(window.begins, pads, strict=True)]
    return crop(caffe, y, starts, wanted)
