"""Elements of an axis by their places, in whichever way costs least."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.graph import FREE, INFERRED, Axis, Shape

MOST_PARTS = 32
"""Slices that are put side by side instead of gathering, at most."""


def chosen(cntk: CNTK, x: Operand, position: int, places: np.ndarray) -> Operand:
    """Elements of a static axis of known size, by known places that are not negative."""
    flat = places.reshape(-1).astype(np.int64)
    place = x.static(position)
    layout: Layout = x.layout[:position] + (None,) * places.ndim + x.layout[position + 1 :]
    shape = (*x.shape[:place], *places.shape, *x.shape[place + 1 :])
    if x.tensor is not None:
        return cntk.changed(x, f"take {flat.tolist()}", lambda a: a.take(places, place), shape)
    return cntk.reshape(_flat_chosen(cntk, x, position, flat), shape, layout)


def _flat_chosen(cntk: CNTK, x: Operand, position: int, flat: np.ndarray) -> Operand:
    size = cntk.size(x, position)
    times = len(flat) // size
    if times > 1 and np.array_equal(flat, np.repeat(np.arange(size), times)):
        return repeated_elements(cntk, x, position, times)
    parts = _parts(flat)
    if len(parts) <= MOST_PARTS:
        cuts = [_cut(cntk, x, position, part) for part in parts]
        return cuts[0] if len(cuts) == 1 else cntk.splice(cuts, position)
    batched = x.is_batched
    made = picked(cntk, cntk.unbatched(x), position, cntk.constant(flat, x))
    return cntk.batched(made) if batched else made


def _parts(flat: np.ndarray) -> list[range]:
    """The places as arithmetic sequences."""
    parts: list[range] = []
    start = 0
    while start < len(flat):
        end = start + 1
        step = int(flat[end] - flat[start]) if end < len(flat) else 1
        while step and end < len(flat) and flat[end] - flat[end - 1] == step:
            end += 1
        first, last = int(flat[start]), int(flat[end - 1])
        parts.append(range(first, last + (1 if step >= 0 else -1), step or 1))
        start = end
    return parts


def _cut(cntk: CNTK, x: Operand, position: int, part: range) -> Operand:
    if part.step > 0:
        return cntk.cut(x, position, part[0], part[-1] + 1, part.step)
    made = cntk.cut(x, position, part[-1], part[0] + 1, -part.step)
    return cntk.cut(made, position, 0, len(part), -1)


def repeated_elements(cntk: CNTK, x: Operand, position: int, times: int) -> Operand:
    """Each element of a static axis several times."""
    place, size = x.static(position), x.dims[position]
    layout = (*x.layout[: position + 1], None, *x.layout[position + 1 :])
    back = len(x.shape) - 1 - place
    wide = _view(cntk, x, place, 0, (1,), layout)
    ones = cntk.constant(np.ones((times, *[1] * back)), x)
    shape = (*x.shape[: place + 1], times, *x.shape[place + 1 :])
    made = cntk.make("ElementTimes", wide, ones, shape=shape, layout=layout)
    assert isinstance(size, int)
    return _view(cntk, made, place, 2, (FREE if size == FREE else size * times,), x.layout)


def _view(
    cntk: CNTK, x: Operand, place: int, count: int, dims: tuple[int, ...], layout: Layout
) -> Operand:
    """So many static axes from a place on (behind it, of none) as others; the rest may be open."""
    begin = place + (count == 0)
    shape = (*x.shape[:begin], *dims, *x.shape[begin + count :])
    end = Axis(len(x.shape) - begin)
    told = Shape(INFERRED if size == FREE else size for size in dims)
    said: dict[str, Any] = {"beginAxis": Axis(end.index - count), "endAxis": end, "newShape": told}
    return cntk.make("Reshape", x, shape=shape, layout=layout, **said)


def picked(cntk: CNTK, x: Operand, position: int, places: Operand) -> Operand:
    """Elements of a static axis, by places that are not negative; CNTK wants no batch beside them."""
    if not x.is_static:
        x, places = cntk.unbatched(x), cntk.unbatched(places)
    place, rank = x.static(position), len(x.shape)
    first = cntk.transpose(
        x,
        [place, *range(place), *range(place + 1, rank)],
        (*x.layout[:position], *x.layout[position:]),
    )
    shape = (*places.shape, *first.shape[1:])
    layout: Layout = x.layout[:position] + places.layout + x.layout[position + 1 :]
    made = cntk.make("Gather", places, first, shape=shape, layout=layout, dtype=x.dtype)
    count = len(places.shape)
    order = [*range(count, count + place), *range(count), *range(count + place, count + rank - 1)]
    return cntk.transpose(made, order, layout)
