"""Elements in another order: cut by Slice layers, and put together by a Concat."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from mmdnn.frameworks.caffe.exporter.blobs import Blob
from mmdnn.frameworks.caffe.exporter.writer import Writer

MOST_PARTS = 64
"""Into so many parts an axis is cut, at most."""


def cut(caffe: Writer, x: Blob, axis: int, start: int, size: int, suffix: str = "cut") -> Blob:
    """`size` elements of an axis from `start` on; what is cut off has no use, and is silenced."""
    edges = sorted({0, start, start + size, x.shape[axis]})
    return parts(caffe, x, axis, [b - a for a, b in pairwise(edges)], suffix)[edges.index(start)]


def parts(caffe: Writer, x: Blob, axis: int, sizes: Sequence[int], suffix: str) -> list[Blob]:
    """An axis cut into parts of these sizes. A larger batch does not fit its Concat: Caffe stops."""
    if len(sizes) == 1:
        return [x]
    return caffe.layers(
        "Slice",
        x,
        shapes=[x.resized(axis, size) for size in sizes],
        suffix=suffix,
        axis=axis,
        slice_point=list(accumulate(sizes))[:-1],
    )


def joined(caffe: Writer, blobs: Sequence[Blob], axis: int, suffix: str = "") -> Blob:
    """Blobs one after the other along an axis."""
    if len(blobs) == 1:
        return blobs[0]
    whole = blobs[0].resized(axis, sum(blob.shape[axis] for blob in blobs))
    return caffe.layer("Concat", *blobs, shape=whole, suffix=suffix, axis=axis)


def picked(caffe: Writer, x: Blob, axis: int, places: Sequence[int], suffix: str = "") -> Blob:
    """The elements of an axis at these places, in this order, each as often as it is named."""
    runs = list(_runs(places))
    if len(runs) == 1:
        return cut(caffe, x, axis, places[0], len(places), suffix)
    size = x.shape[axis]
    edges = sorted({0, size, *(edge for run in runs for edge in run)})
    count = sum(1 for start, end in runs for edge in edges[:-1] if start <= edge < end)
    if max(count, len(edges)) > MOST_PARTS:
        caffe.node.refuse(
            f"it takes {count} parts of {size} and puts them together in another order"
        )
    pieces = parts(caffe, x, axis, [b - a for a, b in pairwise(edges)], "parts")
    by_edge = dict(zip(edges, pieces, strict=False))
    wanted = [by_edge[e] for start, end in runs for e in edges[:-1] if start <= e < end]
    return joined(caffe, wanted, axis, suffix)


def _runs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The ranges, each of numbers in a row, that make up a list of places."""
    start = 0
    for index in range(1, len(places) + 1):
        if index == len(places) or places[index] != places[index - 1] + 1:
            yield places[start], places[index - 1] + 1
            start = index


def transposed(caffe: Writer, x: Blob, order: Sequence[int]) -> Blob | None:
    """The axes in another order, two blocks at a time changing places; None where that is too much."""
    now, sizes, steps = list(range(len(order))), x.shape, []
    for place in range(len(order)):
        at = now.index(order[place])
        if at == place:
            continue
        end = at + 1
        while end < len(now) and now[end] == order[place + end - at]:
            end += 1
        steps.append((tuple(now[:place]), now[place:at], now[at:end], now[end:]))
        now = now[:place] + now[at:end] + now[place:at] + now[end:]

    def count(axes: Sequence[int]) -> int:
        return math.prod([sizes[axis] for axis in axes])

    if sum(min(count(a), count(b)) for _, a, b, _ in steps) > MOST_PARTS:
        return None
    for number, (lead, a, b, rest) in enumerate(steps):
        ends = [sizes[axis] for axis in lead], [sizes[axis] for axis in rest]
        x = _exchanged(caffe, x, *ends, count(a), count(b), str(number or ""))
    return caffe.reshape(x, [sizes[axis] for axis in order])


def _exchanged(
    caffe: Writer, x: Blob, lead: list[int], rest: list[int], a: int, b: int, number: str
) -> Blob:
    """[lead, a, b, rest] as [lead, b, a, rest], up to axes of size 1: the fewer are cut apart."""
    if min(a, b) == 1:
        return caffe.reshape(x, (*lead, b, a, *rest), suffix=f"blocks{number}")
    middle, cut, to = ([a, b, 1], 0, 2) if a <= b else ([1, a, b], 2, 0)
    view = caffe.reshape(x, (*lead, *middle, *rest), suffix=f"blocks{number}")
    cuts = parts(caffe, view, len(lead) + cut, [1] * min(a, b), f"parts{number}")
    return joined(caffe, cuts, len(lead) + to, f"exchanged{number}")
