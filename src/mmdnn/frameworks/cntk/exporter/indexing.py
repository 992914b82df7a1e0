"""Picking elements by their places, and slices (LinearAlgebraNodes.h's Gather, ReshapingNodes.h)."""

from __future__ import annotations

import math

import numpy as np

from mmdnn.frameworks.cntk.exporter.concat import unified
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.insides import formula
from mmdnn.frameworks.cntk.exporter.markers import Buffer, Unknown
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.selection import chosen, picked
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.frameworks.cntk.graph import FREE, Axis
from mmdnn.ir.exporting import ExportedNode


@exporter("Gather", doc=f"{API}/cntk.ops#gather")
def gather(node: ExportedNode, cntk: CNTK, x: Operand, places: Operand, *, axis: int) -> Operand:
    """Places that are known are slices; CNTK itself gathers along the first axis."""
    if isinstance(x, Unknown):
        return x.oldest if isinstance(x, Buffer) and x.oldest is not None else x
    x, position = cntk.static(x, axis)
    found = places.numbers()
    size = x.dims[position]
    if found is None:
        return picked(cntk, x, position, _from_front(cntk, places, size))
    if size == FREE:
        return _of_open(cntk, x, position, found)
    size = cntk.size(x, position)
    known = np.where(found < 0, found + size, found).astype(np.int64)
    if known.size and (known.min() < 0 or known.max() >= size):
        node.refuse(f"it picks the elements {found.reshape(-1).tolist()[:9]} of {size}")
    return chosen(cntk, x, position, known)


def _of_open(cntk: CNTK, x: Operand, position: int, places: np.ndarray) -> Operand:
    """Places of an axis of open size: of a slice CNTK would want to know how much it leaves."""
    if places.size == 1:
        begin = int(places.reshape(-1)[0])
        return chosen(cntk, cntk.cut(x, position, begin, begin + 1), position, places * 0)
    if places.min() < 0:
        cntk.node.refuse(f"it counts from the end of axis {position}, whose size is open")
    return picked(cntk, x, position, cntk.constant(places, x))


@exporter("Compress", doc="https://onnx.ai/onnx/operators/onnx__Compress.html")
def compress(
    node: ExportedNode, cntk: CNTK, x: Operand, mask: Operand, *, axis: int | None = None
) -> Operand:
    """Places that are known; how many others are, CNTK cannot know."""
    places = np.flatnonzero(node.numbers(mask, "mask"))
    if not places.size:
        node.refuse("nothing is left of its input")
    if axis is None:
        x, axis = cntk.unbatched(x), 0
        x = cntk.reshape(x, (math.prod(cntk.size(x, i) for i in range(x.rank)),))
    return gather(node, cntk, x, cntk.constant(places), axis=axis)


def _from_front(cntk: CNTK, places: Operand, size: object) -> Operand:
    """Places counted from the front: CNTK gives nothing for negative ones."""
    if not isinstance(size, int) or size == FREE:
        cntk.node.refuse("it may count from the end of an axis whose size is open")
    return formula(cntk, "places + Less(places, 0) * size", places=places, size=size)


@exporter("OneHot", doc=f"{API}/cntk.ops#one_hot")
def one_hot(
    node: ExportedNode, cntk: CNTK, places: Operand, depth: Operand, values: Operand, *, axis: int
) -> Operand:
    """1 where a place equals its number; anything beyond the depth is nowhere."""
    size = node.ints(depth, "depth")[0]
    off, on = (float(number) for number in node.numbers(values, "values").reshape(-1))
    rank = places.rank + 1
    position = node.front(axis, rank)
    front = _from_front(cntk, places, size)
    layout = (*front.layout[:position], None, *front.layout[position:])
    place = sum(axis is None for axis in front.layout[:position])
    wide = cntk.reshape(front, (*front.shape[:place], 1, *front.shape[place:]), layout)
    column = np.arange(size).reshape(size, *[1] * (len(wide.shape) - place - 1))
    flags = cntk.Equal(wide, cntk.constant(column, wide))
    flags = cntk.cast(flags, cntk.scope.kind(node.output.dtype))
    if (off, on) == (0, 1):
        return flags
    text = "flags * scale" if off == 0 else "flags * scale + off"
    return formula(cntk, text, flags=flags, scale=on - off, off=off)


@exporter("TopK", doc=f"{API}/cntk.ops#top_k", unused="sorted")
def top_k(
    node: ExportedNode, cntk: CNTK, x: Operand, count: Operand, *, axis: int, largest: int
) -> list[Operand]:
    number = node.ints(count, "count")[0]
    x, position = cntk.static(x, axis)
    with cntk.block("TopK", axis=x.axis(position), numItems=number):
        y = x if largest else cntk.Negate(x)
        y = cntk.last(y, position)
        shape = (*y.shape[:-1], number)
        made = cntk.make("TopK", y, shape=shape, axis=Axis(0), numItems=number)
        both = [made, cntk.second(made)]
        if node.wants(1) and not (cntk.is_own and node.source_type == "TopK"):
            both[1] = _first_places(cntk, y, made)
        both = [cntk.last(one, position) for one in both]
        return [both[0] if largest else cntk.Negate(both[0]), both[1]]


MOST_COMPARED = 2048
"""Elements among which the places of equal ones are counted, at most."""


def _first_places(cntk: CNTK, x: Operand, found: Operand) -> Operand:
    """The places of elements that have been found, equal ones in their order; CNTK has them in any.

    The n-th of equals is the n-th element of this value: matches are counted along the axis.
    """
    size = cntk.size(x, x.rank - 1)
    if size > MOST_COMPARED:
        cntk.node.refuse(f"CNTK does not order equal elements, and here are {size}")
    wide = (*found.shape, 1)
    layout = (*found.layout, None)
    values = cntk.reshape(found, wide, layout)
    before = cntk.reshape(found, (*found.shape[:-1], 1, found.shape[-1]), layout)
    count = found.shape[-1]
    earlier = cntk.ElementTimes(cntk.Equal(values, before), cntk.constant(np.tri(count, k=-1), x))
    number = cntk.reduce("Sum", earlier, [earlier.rank - 1])
    rows = cntk.reshape(x, (*x.shape[:-1], 1, size), layout)
    match = cntk.Equal(values, rows)
    counted = cntk.times(match, cntk.constant(np.tri(size, k=-1).T, x))
    this = cntk.ElementTimes(match, cntk.Equal(counted, number))
    places = cntk.ElementTimes(this, cntk.constant(np.arange(size), x))
    return cntk.summed(places)


@exporter("GatherElements", doc="https://onnx.ai/onnx/operators/onnx__GatherElements.html")
def gather_elements(
    node: ExportedNode, cntk: CNTK, x: Operand, places: Operand, *, axis: int
) -> Operand:
    """Where an element of the axis has the place that is wanted, summed over the axis."""
    position = node.front(axis, x.rank)
    if places.tensor is not None and x.tensor is None and not x.is_static:
        x = cntk.unbatched(x)
    x, places = unified(cntk, [x, places], position)
    size = cntk.size(x, position)
    places = _from_front(cntk, places, size)
    last, rank = x.static(position), len(x.shape)
    others = [i for i in range(rank) if i != last]
    if any(x.shape[i] != places.shape[i] for i in others):
        node.refuse("it picks from a part of its input only")
    flat = cntk.transpose(
        x, [*others, last], (*x.layout[:position], *x.layout[position + 1 :], None)
    )
    wanted = cntk.transpose(places, [*others, last], flat.layout)
    rows = cntk.reshape(flat, (*flat.shape[:-1], 1, size), (*flat.layout, None))
    columns = cntk.reshape(wanted, (*wanted.shape, 1), (*wanted.layout, None))
    flags = cntk.Equal(columns, cntk.constant(np.arange(size), columns))
    chosen = cntk.Select(flags, rows, cntk.number(0, rows))
    back = [*range(last), rank - 1, *range(last, rank - 1)]
    return cntk.transpose(cntk.summed(chosen), back, x.layout)


def _known_from_front(cntk: CNTK, x: Operand, places: np.ndarray) -> Operand:
    """Axes of open size up to the last element that is picked."""
    for axis in range(places.shape[-1]):
        own = places[..., axis]
        if x.shape[axis] == FREE and own.size and own.min() >= 0:
            x = picked(cntk, x, axis, cntk.constant(np.arange(int(own.max()) + 1), x))
    return x


@exporter("GatherND", doc="https://onnx.ai/onnx/operators/onnx__GatherND.html")
def gather_nd(
    node: ExportedNode, cntk: CNTK, x: Operand, places: Operand, *, batch_dims: int
) -> Operand:
    """The indexed axes as one, and places in that."""
    found = places.numbers()
    if batch_dims or found is None:
        node.refuse("its places are computed while the model runs")
    x = cntk.unbatched(x)
    depth = found.shape[-1]
    x = _known_from_front(cntk, x, found)
    dims = x.shape[:depth]
    if FREE in dims:
        node.refuse("the size of an axis it picks from is open")
    rows = np.where(found < 0, found + np.asarray(dims), found).reshape(-1, depth)
    flat = np.ravel_multi_index(tuple(rows.T.astype(np.int64)), dims).reshape(found.shape[:-1])
    joined = cntk.reshape(x, (int(np.prod(dims)), *x.shape[depth:]))
    return chosen(cntk, joined, 0, np.asarray(flat))


FAR = (1 << 31) - 1
"""What stands for the end of an axis, whatever its size: this and all beyond."""


@exporter("Slice", doc=f"{API}/cntk.ops#slice")
def slice_(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    starts: Operand,
    ends: Operand,
    axes: Operand | None = None,
    steps: Operand | None = None,
) -> Operand:
    begins, stops = node.ints(starts, "begin"), node.ints(ends, "end")
    which = node.ints(axes, "axes") if axes is not None else list(range(len(begins)))
    strides = node.ints(steps, "steps") if steps is not None else [1] * len(begins)
    for axis, begin, stop, step in zip(which, begins, stops, strides, strict=True):
        if (begin, step) == (0, 1) and stop >= FAR:
            continue
        x, position = cntk.static(x, axis)
        x = sliced(cntk, x, position, slice(begin, stop, step))
    return x


def sliced(cntk: CNTK, x: Operand, position: int, where: slice) -> Operand:
    """A slice as Python has it, of a static axis; backwards by a second one."""
    if x.dims[position] == FREE:
        return _slice_of_open(cntk, x, position, where)
    found = range(*where.indices(cntk.size(x, position)))
    if not found:
        cntk.node.refuse("nothing is left of its input")
    first, last = sorted((found[0], found[-1]))
    x = cntk.cut(x, position, first, last + 1, abs(found.step))
    return x if found.step > 0 or len(found) == 1 else cntk.cut(x, position, 0, len(found), -1)


def _slice_of_open(cntk: CNTK, x: Operand, position: int, where: slice) -> Operand:
    """The last elements of an axis of open size, or elements counted from its front.

    Gather gives zeros beyond the end, where Slice stops: so that slices the last one.
    """
    to_end = where.stop >= FAR
    if where.step == 1 and where.start < 0 and to_end:
        return cntk.cut(x, position, where.start, 0)
    if where.step == 1 and 0 <= where.start < where.stop and not to_end:
        last = cntk.cut(x, position, where.stop - 1, where.stop)
        rows = np.arange(where.start, where.stop - 1)
        if not rows.size:
            return last
        front = picked(cntk, x, position, cntk.constant(rows, x))
        return cntk.splice(unified(cntk, [front, last], position), position)
    return cntk.node.refuse(f"the size of axis {position} is open")
