"""Convolution and its transpose (Source/ComputationNetworkLib/ConvolutionalNodes.h)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from mmdnn.frameworks.cntk._windows import automatic
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.frameworks.cntk.exporter.windows import attributes, counts, fitted, laid
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
    if group > 1 and len(frame) == 1:  # MKL refuses groups of one axis

        def alone(x: Operand, weight: Operand) -> Operand:
            return _convolved(cntk, x, weight, frame, attributes(frame, weight.shape[1]))

        return _biased(cntk, _by_group(cntk, x, weight, group, alone), bias)
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


def _by_group(
    cntk: CNTK, x: Operand, weight: Operand, group: int, make: Callable[[Operand, Operand], Operand]
) -> Operand:
    """Each group of channels by itself."""
    if group == 1:
        return make(x, weight)
    share, own = x.shape[0] // group, weight.shape[0] // group
    parts = [
        make(
            cntk.cut(x, 1, share * i, share * (i + 1)), cntk.cut(weight, 0, own * i, own * (i + 1))
        )
        for i in range(group)
    ]
    return cntk.splice(parts, 1)


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
    weight, frame = _spread(cntk, cntk.unbatched(weight), window)
    crop = _crop(node, frame)

    def alone(x: Operand, weight: Operand) -> Operand:
        return _transposed(cntk, x, weight, frame, crop)

    return _biased(cntk, _by_group(cntk, cntk.batched(x), weight, group, alone), bias)


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


def _crop(node: ExportedNode, frame: Window) -> Crop:
    """What `pads` says; of an open size nothing, or what CNTK cuts by itself.

    It does so where a window has room in the output, and strides leave no gaps.
    """
    begins, ends = tuple(frame.begins), tuple(axis.end - axis.extra for axis in frame.axes)
    cuts = any((*begins, *ends))
    rows = list(zip(frame.kernel, begins, ends, frame.axes, strict=True))
    if frame.sizes is None:
        auto = all(begin == (n - 1) // 2 and begin + end == n - 1 for n, begin, end, _ in rows)
        if cuts and not auto:
            node.refuse("the size of its output is open")
        return Crop(begins, ends, (FREE,) * len(frame), auto)
    sizes = tuple((axis.whole or 0) - begin - end for _, begin, end, axis in rows)
    auto = cuts and all(
        n <= size
        and (n > 1 or axis.stride == 1)
        and (begin, axis.size) == automatic(size, n, axis.stride)
        for size, (n, begin, _, axis) in zip(sizes, rows, strict=True)
    )
    return Crop(begins, ends, sizes, auto)


def _spread(cntk: CNTK, weight: Operand, frame: Window) -> tuple[Operand, Window]:
    """A dilated kernel with its zeros written out: CNTK's transpose forgets the dilation."""
    if max(frame.dilations) == 1:
        return weight, frame
    if weight.tensor is None:
        cntk.node.refuse("its dilated kernel is computed while the model runs")
    shape = (*weight.shape[:2], *frame.spans)
    return cntk.changed(weight, f"spread {frame.dilations}", frame.spread, shape), frame.dense


def _transposed(cntk: CNTK, x: Operand, weight: Operand, frame: Window, crop: Crop) -> Operand:
    """By CNTK's automatic padding, or its padding by numbers, or all that is covered, cut afterwards."""
    said = attributes(frame, weight.shape[1]) | {"transpose": True}
    rooms = zip(frame.axes, crop.sizes, strict=True)
    fits = min(crop.ends) >= 0 and all(size == FREE or axis.span <= size for axis, size in rooms)
    if crop.auto:
        said["autoPadding"] = [*[True] * len(crop.sizes), False]
        least = tuple((axis.whole or 0) - axis.span + 1 for axis in frame.axes)
        if frame.sizes is not None and crop.sizes != least:
            said["outputShape"] = Shape((weight.shape[1], *crop.sizes))
    elif fits:
        said["lowerPad"], said["upperPad"] = Shape((0, *crop.begins)), Shape((0, *crop.ends))
    whole = [FREE if axis.whole is None else axis.whole for axis in frame.axes]
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
