"""Where windows lie: strides and padding of convolutions and poolings.

Lists in attributes are column-major and may have one element for all axes; here they are row-major, one for
each axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import onnx_ir as ir

from mmdnn.frameworks.cntk._windows import automatic
from mmdnn.frameworks.cntk.graph import Shape
from mmdnn.frameworks.cntk.importer.table import ImportedFunction
from mmdnn.ir.builder import Dimension, NeedsStatic, Op
from mmdnn.ir.windows import Axis, Window


def by_axis(f: ImportedFunction, name: str, rank: int) -> list[int]:
    """What an attribute says of the last `rank` axes; one value stands for all."""
    flags = name in ("autoPadding", "sharing")
    values = [*reversed(f.get(name, list))] if flags else list(f.get(name, Shape))
    return [int(value) for value in (values * rank if len(values) == 1 else values[-rank:])]


def padding(f: ImportedFunction, rank: int) -> list[tuple[int, int] | None]:
    """The padding before and after, for each axis; None where CNTK works it out."""
    columns = (by_axis(f, name, rank) for name in ("autoPadding", "lowerPad", "upperPad"))
    rows = zip(*columns, strict=True)
    return [None if auto else (lower, upper) for auto, lower, upper in rows]


def windows(f: ImportedFunction, image: Sequence[Dimension], spans: Sequence[int]) -> Window:
    """Where windows that reach so far, dilation included, lie in an image of these spatial sizes.

    The first ones may begin inside of the image; see `cropped`.
    """
    rank = len(spans)
    ceil = f.has("ceilOutDim") and f.get("ceilOutDim", bool)
    axes = []
    rows = zip(image, spans, by_axis(f, "strides", rank), padding(f, rank), strict=True)
    for size, span, stride, pads in rows:
        begin, end = pads or _automatic(f, size, span, stride)
        known = size if isinstance(size, int) else None
        axes.append(Axis(known, span, stride, 1, begin, end, ceil, drops=False))
    return Window(tuple(axes))


def _automatic(f: ImportedFunction, size: Dimension, span: int, stride: int) -> tuple[int, int]:
    """CNTK's own padding.

    With a stride of 1 or 2 it is the same for all sizes, padding after that no window reaches apart.
    """
    if stride <= 2:
        begin = (span - 1) // 2
        return begin, span - 1 - begin
    if not isinstance(size, int):
        raise NeedsStatic(f.function.label)
    begin, count = automatic(size, span, stride)
    return begin, max((count - 1) * stride + span - size - begin, 0)


def cropped(op: Op, x: ir.Value, window: Window, start: int) -> tuple[ir.Value, Window]:
    """An image without what lies before the first window, where that begins inside of it."""
    cuts = {place: -axis.begin for place, axis in enumerate(window.axes, start) if axis.begin < 0}
    if not cuts:
        return x, window
    x = op.Slice(x, [*cuts.values()], [1 << 62] * len(cuts), [*cuts])
    return x, Window(tuple(replace(axis, begin=max(axis.begin, 0)) for axis in window.axes))
