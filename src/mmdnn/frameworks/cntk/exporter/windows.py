"""What windows are laid where: ONNX's attributes, and CNTK's automatic padding.

With automatic padding CNTK makes ceil(size / stride) windows, and lays them so that as much of the
last one hangs over as of the first (ConvolveGeometry.h of Source/Math).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.table import Exporting
from mmdnn.frameworks.cntk.exporter.writer import Writer
from mmdnn.frameworks.cntk.graph import FREE, Shape


@dataclass(frozen=True)
class Window:
    """What a node's attributes say of its window, an item a spatial axis.

    Attributes:
        sizes: Of the input; `FREE` where open.
        ceil: Whether windows begin with the input, and the last one may reach behind it.
        counts: How many windows there are; `FREE` where open.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    sizes: tuple[int, ...]
    counts: tuple[int, ...]
    ceil: bool = False

    @property
    def spans(self) -> tuple[int, ...]:
        """How far the window reaches, dilation included."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    @property
    def axes(self) -> list[Laid]:
        """How CNTK lays the windows, for each axis."""
        if self.ceil:
            return [Laid()] * len(self.kernel)
        return [_laid(*column) for column in self._columns()]

    @property
    def overhangs(self) -> bool:
        """Whether a window reaches beyond the padding."""
        return any(_upper(*column) > column[3] for column in self._columns())

    @property
    def reaches(self) -> bool:
        """Whether as many windows as begin in the input cover it, the last of them reaching behind it."""
        rows = zip(self.begins, self.spans, self.strides, self.sizes, self.counts, strict=True)
        return any(_upper(*column) > 0 for column in self._columns()) and all(
            FREE not in (size, count)
            and begin == 0
            and stride <= span <= size
            and count == -((span - size) // stride) + 1
            for begin, span, stride, size, count in rows
        )

    def _columns(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        return zip(
            self.spans, self.strides, self.begins, self.ends, self.sizes, self.counts, strict=True
        )


def _upper(span: int, stride: int, begin: int, end: int, size: int, count: int) -> int:
    """How far the last window reaches behind the input; less than 0 where it ends before."""
    return end if FREE in (size, count) else (count - 1) * stride + span - size - begin


@dataclass(frozen=True)
class Laid:
    """How CNTK lays the windows of one axis.

    Attributes:
        auto: Whether it does so by itself.
        lower: What it adds at the front, if not.
        upper: What it adds at the end.
        cut: What must be cut off at the end before, as CNTK wants its padding to be filled.
        narrow: Whether the window is wider than the input, which CNTK refuses.
        loose: Whether what is left over behind the last window depends on the input's open size.
    """

    auto: bool = False
    lower: int = 0
    upper: int = 0
    cut: int = 0
    narrow: bool = False
    loose: bool = False


def _laid(span: int, stride: int, begin: int, end: int, size: int, count: int) -> Laid:
    if FREE in (size, count):
        return _of_open(span, stride, begin, end)
    upper = _upper(span, stride, begin, end, size, count)
    padded = begin > 0 or upper > 0
    if padded and span <= size and is_auto(span, stride, begin, size, count):
        return Laid(auto=True)
    cut = -upper if upper < 0 and (begin > 0 or upper <= -stride) else 0
    return Laid(False, begin, max(upper, 0), cut, narrow=span > size)


def is_auto(span: int, stride: int, begin: int, size: int, count: int) -> bool:
    """Whether CNTK's automatic padding lays so many windows over a size, the first at -`begin`."""
    lower = (span - 1) // 2 - (size - 1 - (count - 1) * stride) // 2
    return count == -(-size // stride) and lower == begin


def _of_open(span: int, stride: int, begin: int, end: int) -> Laid:
    """The same for whatever size: sizes that differ by a stride are alike."""
    sizes = range(span + stride, span + 2 * stride)
    counts = [(size + begin + end - span) // stride + 1 for size in sizes]
    pairs = zip(sizes, counts, strict=True)
    if begin + end and all(is_auto(span, stride, begin, *pair) for pair in pairs):
        return Laid(auto=True)
    return Laid(False, begin, end, loose=stride > 1 and begin + end > 0)


def fitted(
    cntk: Writer,
    x: Operand,
    frame: Window,
    leading: int,
    *,
    filler: float = 0,
    spelled: bool = False,
) -> tuple[Operand, dict[str, Any]]:
    """The input, cut or padded where CNTK's attributes cannot say it, and the attributes.

    Args:
        cntk: To write with.
        x: The input.
        frame: The windows.
        leading: Static axes before the spatial ones that the attributes speak of.
        filler: What the padding is as elements of the input.
        spelled: Whether all padding becomes elements of the input.
    """
    laid = frame.axes
    first = x.rank - len(laid)
    for position, axis in enumerate(laid, first):
        if axis.cut:
            x = cntk.cut(x, position, 0, cntk.size(x, position) - axis.cut)
    loose = any(axis.loose for axis in laid)
    if spelled or loose or any(axis.narrow for axis in laid):
        rows = zip(laid, frame.begins, frame.ends, strict=True)
        pads = [(begin, end if axis.auto else axis.upper) for axis, begin, end in rows]
        x = cntk.padded(x, dict(enumerate(pads, first)), filler)
        laid = [Laid()] * len(laid)
    return x, {
        "autoPadding": [*reversed([axis.auto for axis in laid]), *[False] * leading],
        "lowerPad": Shape((*[0] * leading, *(axis.lower for axis in laid))),
        "upperPad": Shape((*[0] * leading, *(axis.upper for axis in laid))),
    }


def window(node: Exporting, x: Operand, kernel: Sequence[int] | None = None) -> Window:
    """The window that a node's attributes describe, automatic padding worked out."""
    given = node.attribute("kernel_shape", kernel)
    if given is None:
        node.refuse("it has no kernel_shape")
    kernel = tuple(given)
    ones = [1] * len(kernel)
    strides = tuple(node.attribute("strides", ones))
    dilations = tuple(node.attribute("dilations", ones))
    mode = node.attribute("auto_pad", "NOTSET")
    pads = node.attribute("pads", [0] * 2 * len(kernel))
    begins, ends = tuple(pads[: len(kernel)]), tuple(pads[len(kernel) :])
    sizes = x.shape[-len(kernel) :]
    if mode == "VALID":
        begins = ends = (0,) * len(kernel)
    elif mode != "NOTSET":
        begins, ends = _same(node, kernel, strides, dilations, sizes, mode == "SAME_UPPER")
    out = node.output.shape
    counts = [FREE] * len(kernel)
    if out is not None:
        counts = [dim if isinstance(dim, int) else FREE for dim in out[-len(kernel) :]]
    return Window(kernel, strides, dilations, begins, ends, sizes, tuple(counts))


def _same(
    node: Exporting,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    sizes: tuple[int, ...],
    upper: bool,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if FREE in sizes and set(strides) != {1}:
        node.refuse("its padding depends on the size of its input, which is open")
    total = [
        max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0) if size != FREE else (k - 1) * d
        for size, s, k, d in zip(sizes, strides, kernel, dilations, strict=True)
    ]
    small = tuple(pad // 2 for pad in total)
    large = tuple(pad - less for pad, less in zip(total, small, strict=True))
    return (small, large) if upper else (large, small)
