"""CNTK's automatic padding (Source/Math/ConvolveGeometry.h)."""

from __future__ import annotations


def automatic(size: int, span: int, stride: int) -> tuple[int, int]:
    """How far before an axis of a size the first window begins, and how many windows there are.

    These are ceil(size / stride), laid so that as much of the last one hangs over as of the first.
    """
    count = -(-size // stride)
    return (span - 1) // 2 - (size - 1 - (count - 1) * stride) // 2, count
