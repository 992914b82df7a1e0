"""Padding by a layer of its own: MXNet's `Pad` takes 4 or 5 axes and leaves the first two alone."""

from __future__ import annotations

from collections.abc import Sequence

from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer

_MODES = {"constant", "edge", "reflect"}


def pad(
    node: ExportedNode,
    mx: Writer,
    x: Array,
    begins: Sequence[int],
    ends: Sequence[int],
    value: float | None = 0.0,
    mode: str = "constant",
) -> Array:
    """Pad (or, where negative, cut) each axis.

    Args:
        node: The node it is for.
        mx: What to write with.
        x: The array.
        begins: What is added before, by axis.
        ends: What is added behind, by axis.
        value: What is added.
        mode: MXNet's mode.
    """
    rank = len(begins)
    for axis, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        if begin < 0 or end < 0:
            x = mx.slice_axis(x, axis=axis, begin=max(-begin, 0), end=min(end, 0) or NONE)
    wide = [(max(b, 0), max(e, 0)) for b, e in zip(begins, ends, strict=True)]
    padded = [axis for axis, sides in enumerate(wide) if any(sides)]
    if not padded:
        return x
    if x.dtype is not None and not x.dtype.is_floating_point():
        node.refuse("MXNet pads floating-point numbers only")
    missing = max(4 - rank, 2 - (rank - len(padded)), 0)
    if rank + missing > 5:
        half = len(padded) // 2
        if not half:
            node.refuse(f"MXNet pads at most 5 axes, not {rank}")
        for axes in (padded[:half], padded[half:]):
            first, last = (
                [side[i] if a in axes else 0 for a, side in enumerate(wide)] for i in (0, 1)
            )
            x = pad(node, mx, x, first, last, value, mode)
        return x
    return _pad(mx, x, wide, missing, value, mode)


NONE = "None"
"""MXNet's text for a parameter that is not given."""


def _pad(
    mx: Writer,
    x: Array,
    wide: list[tuple[int, int]],
    missing: int,
    value: float | None,
    mode: str,
) -> Array:
    """Axes are added in front, or exchanged, so that the first two are not padded."""
    order = sorted(range(len(wide)), key=lambda axis: any(wide[axis]))
    turned = any(any(sides) for sides in wide[: 2 - missing])
    if turned:
        x = mx.transpose(x, axes=order)
    for _ in range(missing):
        x = mx.expand_dims(x, axis=0)
    laid = [wide[axis] for axis in order] if turned else wide
    widths = [side for both in [(0, 0)] * missing + laid for side in both]
    constant = value if mode == "constant" else None
    x = mx.Pad(x, mode=mode, pad_width=widths, constant_value=constant)
    for _ in range(missing):  # one element each: they are merged into the next
        x = mx.Reshape(x, shape=(-3, -2))
    if turned:
        x = mx.transpose(x, axes=[order.index(axis) for axis in range(len(order))])
    return x


@exporter("Pad", doc="Pad")
def pad_operator(
    node: ExportedNode,
    mx: Writer,
    x: Array,
    pads: Array,
    value: Array | None = None,
    axes: Array | None = None,
    *,
    mode: str,
) -> Array:
    rank = node.rank(x)
    if mode not in _MODES:
        node.refuse(f"MXNet has no padding by '{mode}'")
    sides = node.ints(pads, "padding")
    where = [a % rank for a in node.ints(axes, "axes")] if axes is not None else list(range(rank))
    begins, ends = [0] * rank, [0] * rank
    for place, axis in enumerate(where):
        begins[axis], ends[axis] = sides[place], sides[place + len(where)]
    fill = 0.0 if value is None else float(node.numbers(value, "value").reshape(-1)[0])
    return pad(node, mx, x, begins, ends, fill, mode)
