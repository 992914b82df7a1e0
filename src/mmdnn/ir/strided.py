"""Slices as TensorFlow and TensorFlow Lite say them: begins, ends and steps, and masks over these.

https://www.tensorflow.org/api_docs/python/tf/strided_slice. A bit of `begin` or `end` says that this bound
does not count, one of `ellipsis` that all axes up to the rest are taken whole, one of `new_axis` that an axis
of size 1 is put in, one of `shrink_axis` that a single element is taken and its axis goes. The first of
ellipsis, new axis and shrink axis counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.ir.builder import Op, known, rank
from mmdnn.ir.values import ints

_LEAST, _MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True)
class Masks:
    """The masks of a slice, a bit for each of its specifications."""

    begin: int = 0
    end: int = 0
    ellipsis: int = 0
    new_axis: int = 0
    shrink_axis: int = 0


@dataclass
class Slices:
    """What a slice does to its input.

    Attributes:
        axes: The axes that are sliced.
        places: Of each, the place of its specification.
        starts: Of each, its first element; None where it is computed.
        ends: Of each, the element after its last.
        steps: Of each.
        shrunk: The axes of one element that go.
        computed: The axes of which one element is taken whose place is computed, and its specification.
        added: The axes of the result that are put in.
    """

    axes: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    starts: list[int | None] = field(default_factory=list)
    ends: list[int | None] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    shrunk: list[int] = field(default_factory=list)
    computed: list[tuple[int, int]] = field(default_factory=list)
    added: list[int] = field(default_factory=list)

    def one(self, axis: int, place: int, begin: int | None) -> None:
        """Take one element of an axis."""
        if begin is None:
            self.computed.append((axis, place))
            return
        self.some(axis, place, (begin, begin + 1 if begin != -1 else _MOST, 1))
        self.shrunk.append(axis)

    def some(self, axis: int, place: int, bounds: tuple[int | None, int | None, int]) -> None:
        """Take some elements of an axis."""
        if bounds == (0, _MOST, 1):
            return
        self.axes.append(axis)
        self.places.append(place)
        self.starts.append(bounds[0])
        self.ends.append(bounds[1])
        self.steps.append(bounds[2])


def slices(
    axes: int,
    begin: Sequence[int | None],
    end: Sequence[int | None],
    steps: Sequence[int],
    masks: Masks,
) -> Slices:
    """What a slice does to a tensor of so many axes; bounds that are computed are None.

    Raises:
        ValueError: It has more specifications than there are axes, or a step of 0.
    """
    count, found = len(steps), Slices()
    hidden = [i for i in range(count) if masks.ellipsis >> i & 1][:1]
    new = [i for i in range(count) if masks.new_axis >> i & 1 and i not in hidden]
    whole = axes - (count - len(hidden) - len(new))
    if whole < 0 or 0 in steps:
        raise ValueError(f"{count} slices of {axes} axes, steps {list(steps)}")
    axis = made = 0
    for i, step in enumerate(steps):
        if i in hidden:
            axis, made = axis + whole, made + whole
        elif i in new:
            found.added.append(made)
            made += 1
        elif masks.shrink_axis >> i & 1:
            found.one(axis, i, 0 if masks.begin >> i & 1 else begin[i])
            axis += 1
        else:
            first = begin[i] if not masks.begin >> i & 1 else 0 if step > 0 else _MOST
            last = end[i] if not masks.end >> i & 1 else _MOST if step > 0 else _LEAST
            found.some(axis, i, (first, last, step))
            axis, made = axis + 1, made + 1
    return found


def sliced(
    op: Op, x: ir.Value, begin: ir.Value, end: ir.Value, steps: Sequence[int], masks: Masks
) -> ir.Value:
    """A slice of a tensor; its bounds are vectors of int64, which may be computed."""
    none = [None] * len(steps)
    what = slices(rank(x), ints(begin) or none, ints(end) or none, steps, masks)
    _begin_inside(x, what)
    for axis, place in reversed(what.computed):
        x = op.Gather(x, op.Squeeze(op.Slice(begin, [place], [place + 1]), [0]), axis=axis)
    gone = [axis for axis, _ in what.computed]
    if what.axes:
        axes = [axis - sum(other < axis for other in gone) for axis in what.axes]
        starts = _bounds(op, begin, what.starts, what.places)
        ends = _bounds(op, end, what.ends, what.places)
        x = op.Slice(x, starts, ends, axes, what.steps)
    if what.shrunk:
        x = op.Squeeze(x, [axis - sum(other < axis for other in gone) for axis in what.shrunk])
    return op.Unsqueeze(x, what.added) if what.added else x


def _begin_inside(x: ir.Value, what: Slices) -> None:
    """Backwards from in front of the first element there is nothing; ONNX would begin at the first.

    Raises:
        NeedsStatic: The size of such an axis is open.
        UnsupportedError: The place is computed.
    """
    for place, (axis, start, step) in enumerate(
        zip(what.axes, what.starts, what.steps, strict=True)
    ):
        if step < 0 and start is None:
            raise UnsupportedError("it goes backwards from a place that is computed")
        if step < 0 and start is not None and start < -1 and -start > known(x, axis):
            what.starts[place], what.ends[place], what.steps[place] = 0, 0, 1


def _bounds(
    op: Op, computed: ir.Value, said: Sequence[int | None], places: Sequence[int]
) -> ir.Value | list[int]:
    numbers = [number for number in said if number is not None]
    if len(numbers) == len(said):
        return numbers
    parts = [
        op.Slice(computed, [place], [place + 1]) if number is None else np.asarray([number])
        for number, place in zip(said, places, strict=True)
    ]
    return op.Concat(*parts, axis=0) if len(parts) > 1 else op.Identity(parts[0])
