"""Where windows lie: strides and padding of convolutions and poolings.

(Source/Math/ConvolveGeometry.h.) Lists in attributes are column-major and may have one element for
all axes; here they are row-major, one for each axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from mmdnn.frameworks.cntk.graph import Shape
from mmdnn.frameworks.cntk.importer.table import ImportedFunction
from mmdnn.ir.builder import Dimension, NeedsStatic, Op


class Windows(NamedTuple):
    """How a window moves, spatial axes only.

    Attributes:
        strides: Steps.
        before: Padding before; negative where the first window begins inside the image.
        after: Padding after.
        ceil: Whether a last window that is not wholly inside counts.
    """

    strides: list[int]
    before: list[int]
    after: list[int]
    ceil: bool


def spread(values: Sequence[Any], rank: int) -> list[Any]:
    """One value an axis, of the last `rank` axes; one value stands for all."""
    found = list(values)
    return found * rank if len(found) == 1 else found[-rank:]


def row_major(f: ImportedFunction, name: str, rank: int) -> list[Any]:
    """A list of the file, row-major, its last `rank` elements."""
    return spread(list(reversed(f.get(name, list))), rank)


def windows(f: ImportedFunction, image: Sequence[Dimension], kernel: Sequence[int]) -> Windows:
    """Where the windows of these sizes lie in an image.

    Args:
        f: The function.
        image: Its spatial sizes.
        kernel: The windows' extents, dilation included.
    """
    rank = len(kernel)
    strides = [int(step) for step in spread(f.get("strides", Shape), rank)]
    automatic = row_major(f, "autoPadding", rank)
    lower, upper = (spread(f.get(name, Shape), rank) for name in ("lowerPad", "upperPad"))
    ceil = f.get("ceilOutDim", bool, default=False) if f.has("ceilOutDim") else False
    before, after = [], []
    for axis in range(rank):
        pads = (int(lower[axis]), int(upper[axis]))
        if automatic[axis]:
            pads = _automatic(f, image[axis], kernel[axis], strides[axis])
        before.append(pads[0])
        after.append(pads[1])
    return Windows(strides, before, after, ceil)


def _automatic(f: ImportedFunction, size: Dimension, kernel: int, stride: int) -> tuple[int, int]:
    """CNTK's own padding: ceil(size / stride) windows, centred but for rounding.

    With a stride of 1 or 2 it is the same for all sizes, padding after that no window reaches apart.
    """
    lower = (kernel - 1) // 2
    if stride <= 2:
        return lower, kernel - 1 - lower
    if not isinstance(size, int):
        raise NeedsStatic(f.function.label)
    count = -(-size // stride)
    lower -= (size - 1 - (count - 1) * stride) // 2
    return lower, max((count - 1) * stride + kernel - size - lower, 0)


def cropped(op: Op, x: Any, found: Windows, start: int) -> tuple[Any, Windows]:
    """An image without what lies before the first window, where that begins inside of it."""
    outside = [min(pad, 0) for pad in found.before]
    if not any(outside):
        return x, found
    axes = [start + place for place, pad in enumerate(outside) if pad]
    begins = [-pad for pad in outside if pad]
    x = op.Slice(x, begins, [1 << 62] * len(begins), axes)
    return x, found._replace(before=[max(pad, 0) for pad in found.before])
