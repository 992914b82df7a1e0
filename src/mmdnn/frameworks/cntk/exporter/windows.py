"""How CNTK lays windows: its automatic padding (see `_windows`), and padding in numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mmdnn.frameworks.cntk._windows import automatic
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.graph import FREE, Shape
from mmdnn.ir.windows import Axis, Window


@dataclass(frozen=True)
class Laid:
    """How CNTK lays the windows of one axis.

    Attributes:
        auto: Whether it does so by itself.
        lower: What it adds at the front, if not.
        upper: What it adds at the end.
        cut: What must be cut off at the end before, as CNTK wants its padding to be filled.
        narrow: Whether the window is wider than the input, which CNTK refuses.
        loose: Whether the input's size is open, where CNTK takes no padding in numbers.
    """

    auto: bool = False
    lower: int = 0
    upper: int = 0
    cut: int = 0
    narrow: bool = False
    loose: bool = False


def laid(window: Window) -> list[Laid]:
    """How CNTK lays the windows, for each axis."""
    return [_laid(axis) for axis in window.axes]


def _laid(axis: Axis) -> Laid:
    if axis.size is None or axis.count is None or axis.reach is None:
        return _of_open(axis)
    span, begin, upper = axis.span, axis.begin, axis.reach
    padded = begin > 0 or upper > 0
    if (
        padded
        and span <= axis.size
        and (begin, axis.count) == automatic(axis.size, span, axis.stride)
    ):
        return Laid(auto=True)
    cut = -upper if upper < 0 and (begin > 0 or upper <= -axis.stride) else 0
    return Laid(False, begin, max(upper, 0), cut, narrow=span > axis.size)


def _of_open(axis: Axis) -> Laid:
    """The same for whatever size: sizes that differ by a stride are alike."""
    span, stride, begin, end = axis.span, axis.stride, axis.begin, axis.end
    sizes = range(span + stride, span + 2 * stride)
    counts = [(size + begin + end - span) // stride + 1 for size in sizes]
    pairs = zip(sizes, counts, strict=True)
    if begin + end and all(
        (begin, count) == automatic(size, span, stride) for size, count in pairs
    ):
        return Laid(auto=True)
    return Laid(False, begin, end, loose=begin + end > 0)


def overhangs(window: Window) -> bool:
    """Whether a window reaches beyond the padding."""
    return any(axis.reach is not None and axis.reach > axis.end for axis in window.axes)


def reaches(window: Window) -> bool:
    """Whether as many windows as begin in the input cover it, the last of them reaching behind it."""
    up = [replace(axis, begin=0, end=0, ceil=True) for axis in window.axes]
    return any((axis.reach or 0) > 0 for axis in window.axes) and all(
        axis.size is not None
        and axis.begin == 0
        and axis.stride <= axis.span <= axis.size
        and axis.count == rounded.count
        for axis, rounded in zip(window.axes, up, strict=True)
    )


def counts(window: Window) -> tuple[int, ...]:
    """How many windows there are, for each axis; `FREE` where open."""
    return tuple(FREE if axis.count is None else axis.count for axis in window.axes)


def fitted(
    cntk: CNTK,
    x: Operand,
    window: Window,
    leading: int,
    *,
    filler: float = 0,
    spelled: bool = False,
    ceil: bool = False,
) -> tuple[Operand, dict[str, Any]]:
    """The input, cut or padded where CNTK's attributes cannot say it, and the attributes.

    These speak of so many `leading` static axes too. As elements of the input the padding is the `filler`;
    all of it becomes such where it is `spelled`. With `ceil` windows begin with the input, and the last
    one may reach behind it.
    """
    axes = [Laid()] * len(window) if ceil else laid(window)
    first = x.rank - len(axes)
    for position, axis in enumerate(axes, first):
        if axis.cut:
            left = cntk.size(x, position) - axis.cut
            if left < 1:
                cntk.node.refuse("its windows lie in the padding alone")
            x = cntk.cut(x, position, 0, left)
    if spelled or any(axis.loose or axis.narrow for axis in axes):
        pads = [
            (own.begin, max(own.end, own.reach or 0) if axis.auto else axis.upper)
            for axis, own in zip(axes, window.axes, strict=True)
        ]
        x = cntk.padded(x, dict(enumerate(pads, first)), filler)
        axes = [Laid()] * len(axes)
    return x, {
        "autoPadding": [*reversed([axis.auto for axis in axes]), *[False] * leading],
        "lowerPad": Shape((*[0] * leading, *(axis.lower for axis in axes))),
        "upperPad": Shape((*[0] * leading, *(axis.upper for axis in axes))),
    }


def attributes(window: Window, channels: int, group: int = 1) -> dict[str, Any]:
    """Those of a convolution, without padding."""
    rank = len(window) + 1
    none = Shape((0,) * rank)
    return {
        "kernelShape": Shape((channels, *window.kernel)),
        "strides": Shape((channels, *window.strides)),
        "dilation": Shape((1, *window.dilations)),
        "autoPadding": [False] * rank,
        "lowerPad": none,
        "upperPad": none,
        "sharing": [True] * rank,
        "transpose": False,
        "outputShape": Shape((0,)),
        "groups": group,
        "maxTempMemSizeInSamples": 0,
        "sequential": False,
    }
