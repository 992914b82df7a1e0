"""Padding and cutting: the layers for images, `keras.ops.pad` for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, Inputs, exporter
from mmdnn.frameworks.keras.exporter.writer import Writer

Pads = Sequence[tuple[int, int]]


def said(pads: Pads) -> Any:
    """Padding as a layer's parameter."""
    numbers = {number for each in pads for number in each}
    if len(numbers) == 1:
        return numbers.pop()
    return [list(each) for each in pads] if len(pads) > 1 else list(pads[0])


def padded(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    pads: Pads,
    value: float = 0.0,
    mode: str = "constant",
) -> Array:
    """More elements at both ends of each axis, less where the number is negative."""
    cuts = [(max(-begin, 0), max(-end, 0)) for begin, end in pads]
    if any(any(each) for each in cuts):
        x = cut(keras, x, cuts)
        pads = [(max(begin, 0), max(end, 0)) for begin, end in pads]
    if not any(any(each) for each in pads):
        return x
    inner = pads[1:-1]
    plain = not any(pads[0]) and not any(pads[-1]) and mode == "constant" and value == 0
    if plain and 1 <= len(inner) <= 3:
        return keras.layer(f"ZeroPadding{len(inner)}D", x, padding=said(inner))
    width = [list(each) for each in pads]
    if mode == "constant":
        return keras.ops.Pad(x, pad_width=width, constant_values=value or None)
    return keras.ops.Pad(x, pad_width=width, mode=mode)


def cropped(keras: Writer, x: Array, cuts: Pads) -> Array:
    """Fewer elements at both ends of each spatial axis."""
    if not any(any(each) for each in cuts):
        return x
    return keras.layer(f"Cropping{len(cuts)}D", x, cropping=said(cuts))


def cut(keras: Writer, x: Array, cuts: Pads) -> Array:
    """Fewer elements at both ends of each axis."""
    key = tuple(slice(begin or None, -end or None) for begin, end in cuts)
    return keras.ops.GetItem(x, key)


def by_places(node: ExportedNode, keras: Writer, x: Array, pads: Pads, mode: str) -> Array:
    """Elements taken again, by their places: TensorFlow knows no "edge" and no "wrap"."""
    for axis, (begin, end) in enumerate(pads):
        size = (x.shape or ())[axis] if (begin, end) != (0, 0) else 1
        if not isinstance(size, int):
            node.refuse(f'padding of mode "{mode}", along an axis whose size is not known')
        if (begin, end) != (0, 0):
            places = np.pad(np.arange(size, dtype=np.int32), (max(begin, 0), max(end, 0)), mode)  # type: ignore[call-overload]
            shape = x.shape
            x = keras.ops.Take(x, places[max(-begin, 0) : len(places) + min(end, 0)], axis=axis)
            x.shape = shape
    return x


@exporter("Pad", doc="Pad")
def pad(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    pads: Array,
    value: Inputs = None,
    axes: Inputs = None,
    *,
    mode: str,
) -> Array:
    rank = node.rank(x)
    widths = node.ints(pads, "padding")
    chosen = range(rank) if axes is None else [node.axis(x, a) for a in node.ints(axes, "axes")]
    found = [(0, 0)] * rank
    for place, axis in enumerate(chosen):
        found[axis] = (widths[place], widths[place + len(widths) // 2])
    number = 0.0 if value is None else keras.number(value)
    if number is None:
        node.refuse("what it pads with is computed while the model runs")
    if not any(any(each) for each in found):
        return keras.ops.Copy(x)
    if mode in {"edge", "wrap"}:
        return by_places(node, keras, x, found, mode)
    if mode != "constant" and min(min(each) for each in found) < 0:
        node.refuse("it cuts, and pads by what is there")
    return padded(node, keras, x, found, number, mode)
