"""Convolution and its transpose (Source/ComputationNetworkLib/ConvolutionalNodes.h)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.frameworks.cntk.exporter.windows import attributes, counts, fitted, is_auto, laid
from mmdnn.frameworks.cntk.graph import BATCH, FREE, Shape
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.windows import Window


@exporter("Conv", doc=f"{API}/cntk.layers.layers#Convolution")
def conv(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    *,
    window: Window,
    group: int,
) -> Operand:
    """CNTK's `Convolution` layer, or its function where the layer cannot say it (groups, uneven padding).

    With a dilation the model is right, and CNTK's CPU engine refuses to run it.
    """
    x = cntk.batched(x)
    weight = cntk.unbatched(weight)
    frame = window
    if min(frame.pads) < 0:
        node.refuse(f"its padding {frame.begins} {frame.ends} cuts")
    spelled = max(frame.dilations) > 1 or (group > 1 and (len(frame) == 1 or not _is_even(frame)))
    x, padding = fitted(cntk, x, frame, 1, filler=0, spelled=spelled)
    if group > 1 and len(frame) == 1:
        return _biased(cntk, _by_group(cntk, x, weight, frame, group), bias)
    said = attributes(frame, weight.shape[1], group) | padding
    plain = group == 1 and not any((*said["lowerPad"], *said["upperPad"]))
    with cntk.block("Convolution", layer=True, fits=plain):
        return _biased(cntk, _convolved(cntk, x, weight, frame, said), bias)


def _is_even(frame: Window) -> bool:
    """Whether CNTK pads both sides alike: its groups are wrong otherwise.

    Automatic padding may be less behind, where as much as in front would make no further window.
    """
    return all(
        replace(axis, end=axis.begin).count == axis.count
        if way.auto and axis.size is not None
        else axis.begin == (axis.end if axis.reach is None else axis.reach)
        for axis, way in zip(frame.axes, laid(frame), strict=True)
    )


def _convolved(
    cntk: CNTK, x: Operand, weight: Operand, frame: Window, said: dict[str, Any]
) -> Operand:
    shape = (weight.shape[0], *counts(frame))
    return cntk.make("Convolution", weight, x, shape=shape, layout=x.layout, **said)


def _by_group(cntk: CNTK, x: Operand, weight: Operand, frame: Window, group: int) -> Operand:
    """Groups of one axis, which MKL refuses, each by itself; the padding is part of the input."""
    channels, outputs = weight.shape[1], weight.shape[0] // group
    position = x.rank - 2
    said = attributes(frame, channels)
    parts = [
        _convolved(
            cntk,
            cntk.cut(x, position, channels * i, channels * (i + 1)),
            cntk.cut(weight, 0, outputs * i, outputs * (i + 1)),
            frame,
            said,
        )
        for i in range(group)
    ]
    return cntk.splice(parts, position)


def _biased(cntk: CNTK, y: Operand, bias: Operand | None) -> Operand:
    return y if bias is None else cntk.Plus(y, cntk.column(bias, len(y.shape) - 1))


@exporter("ConvTranspose", doc=f"{API}/cntk.layers.layers#ConvolutionTranspose")
def conv_transpose(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    weight: Operand,
    bias: Operand | None = None,
    *,
    window: Window,
    group: int,
) -> Operand:
    """All that the windows cover, and then a cut, where CNTK's own padding is another one."""
    x = cntk.batched(x)
    weight = cntk.unbatched(weight)
    weight, frame = _spread(cntk, weight, window)
    crop = _open_crop(node, frame) if frame.sizes is None else _crop(frame)
    made = _grouped(cntk, x, weight, frame, crop, group)
    return _biased(cntk, made, bias)


@dataclass(frozen=True)
class Crop:
    """What is left of all that the windows cover, an item a spatial axis.

    Attributes:
        begins: What is cut off at the front.
        ends: What is cut off at the end; less than 0 where zeros are added.
        sizes: What is left.
        auto: Whether CNTK cuts like that by itself.
    """

    begins: tuple[int, ...]
    ends: tuple[int, ...]
    sizes: tuple[int, ...]
    auto: bool = False


def _crop(frame: Window) -> Crop:
    ends = [axis.end - axis.extra for axis in frame.axes]
    sizes = [
        whole - axis.begin - end
        for whole, axis, end in zip(_whole(frame), frame.axes, ends, strict=True)
    ]
    rows = zip(frame.kernel, frame.strides, frame.begins, sizes, frame.sizes or (), strict=True)
    auto = any((*frame.begins, *ends)) and all(_is_auto(*row) for row in rows)
    return Crop(tuple(frame.begins), tuple(ends), tuple(sizes), auto)


def _is_auto(span: int, stride: int, begin: int, size: int, count: int) -> bool:
    """Whether CNTK cuts so by itself: a window has room in the output, and strides leave no gaps."""
    fits = span <= size and (span > 1 or stride == 1)
    return fits and is_auto(span, stride, begin, size, count)


def _open_crop(node: ExportedNode, frame: Window) -> Crop:
    """What `pads` says, for whatever size: nothing, or what CNTK cuts by itself."""
    ends = [axis.end - axis.extra for axis in frame.axes]
    rows = zip(frame.begins, ends, frame.kernel, strict=True)
    auto = all(begin == (span - 1) // 2 and begin + end == span - 1 for begin, end, span in rows)
    if any((*frame.begins, *ends)) and not auto:
        node.refuse("the size of its output is open")
    return Crop(tuple(frame.begins), tuple(ends), (FREE,) * len(frame), auto)


def _spread(cntk: CNTK, weight: Operand, frame: Window) -> tuple[Operand, Window]:
    """A dilated kernel with its zeros written out: CNTK's transpose forgets the dilation."""
    if max(frame.dilations) == 1:
        return weight, frame
    if weight.tensor is None:
        cntk.node.refuse("its dilated kernel is computed while the model runs")
    shape = (*weight.shape[:2], *frame.spans)
    return cntk.changed(weight, f"spread {frame.dilations}", frame.spread, shape), frame.dense


def _whole(frame: Window) -> list[int]:
    """The size of all that the windows cover; `FREE` where open."""
    return [FREE if axis.whole is None else axis.whole for axis in frame.axes]


def _grouped(
    cntk: CNTK, x: Operand, weight: Operand, frame: Window, crop: Crop, group: int
) -> Operand:
    if group == 1:
        return _transposed(cntk, x, weight, frame, crop)
    share = x.shape[0] // group
    parts = []
    for index in range(group):
        start, end = index * share, (index + 1) * share
        own = cntk.cut(weight, 0, start, end)
        parts.append(_transposed(cntk, cntk.cut(x, 1, start, end), own, frame, crop))
    return cntk.splice(parts, 1)


def _transposed(cntk: CNTK, x: Operand, weight: Operand, frame: Window, crop: Crop) -> Operand:
    """By CNTK's automatic padding, or its padding by numbers, or all that is covered, cut afterwards."""
    said = attributes(frame, weight.shape[1]) | {"transpose": True}
    rooms = zip(frame.axes, crop.sizes, strict=True)
    fits = min(crop.ends) >= 0 and all(size == FREE or axis.span <= size for axis, size in rooms)
    if crop.auto:
        said["autoPadding"] = [*[True] * len(crop.sizes), False]
        least = [
            whole - axis.span + 1 for whole, axis in zip(_whole(frame), frame.axes, strict=True)
        ]
        if frame.sizes is not None and list(crop.sizes) != least:
            said["outputShape"] = Shape((weight.shape[1], *crop.sizes))
    elif fits:
        said["lowerPad"], said["upperPad"] = Shape((0, *crop.begins)), Shape((0, *crop.ends))
    whole = _whole(frame)
    layout: Layout = (BATCH, *[None] * (len(whole) + 1))
    shape = (weight.shape[1], *(crop.sizes if fits else whole))
    plain = not any((*said["lowerPad"], *said["upperPad"]))
    with cntk.block("ConvolutionTranspose", layer=True, fits=plain):
        y = cntk.make("Convolution", weight, x, shape=shape, layout=layout, **said)
    if fits:
        return y
    rows = zip(crop.begins, crop.sizes, whole, strict=True)
    for axis, (begin, want, size) in enumerate(rows, 2):
        y = cntk.cut(y, axis, begin, min(begin + want, size))
        y = cntk.padded(y, {axis: (0, max(begin + want - size, 0))})
    return y
