"""Joining arrays, and cutting them."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.mxnet.exporter.padding import NONE
from mmdnn.frameworks.mxnet.exporter.table import Array, Exporting, Writing, exporter
from mmdnn.ir import LIKE

FAR = 1 << 31
"""Slices that end here or later go to the end."""


@exporter("Concat", doc="Concat")
def concat(node: Exporting, mx: Writing, *xs: Array) -> Array:
    """Parts of one array, all in order, are that array."""
    axis = node.attribute("axis")
    cuts = [mx.scope.cuts.get(x.entry) for x in xs]
    if axis == 0 and cuts[0] is not None:
        whole, _, count = cuts[0]
        if cuts == [(whole, place, count) for place in range(count)]:
            return whole
    return mx.Concat(*xs, num_args=len(xs), dim=axis if axis != 1 else None)


@exporter("Split", doc="Split")
def split_operator(
    node: Exporting, mx: Writing, x: Array, split: Array | None = None
) -> list[Array]:
    axis, count = node.attribute("axis", 0), len(node.node.outputs)
    node.ignore("num_outputs")
    lengths = None if split is None else node.ints(split, "sizes")
    if lengths is None:
        shape = node.output_shape(0) or ()
        size = (x.shape or ())[axis] if x.shape is not None else None
        if not isinstance(size, int) or not shape:
            node.refuse("the size that it splits is not known")
        each = -(-size // count)
        lengths = [each] * (count - 1) + [size - each * (count - 1)]
    if count == 1:
        return [mx.make("_copy", x)]
    read = [index for index in range(count) if node.wants(index)]
    if len(read) == 1 and node.source_type not in {"SliceChannel", "_split_v2"}:
        start = sum(lengths[: read[0]])
        part = mx.slice_axis(x, axis=axis, begin=start, end=start + lengths[read[0]])
        return [part] * count
    if len(set(lengths)) == 1:
        parts = mx.SliceChannel(x, num_outputs=count, axis=axis if axis != 1 else None)
    else:
        starts = (0, *(int(i) for i in np.cumsum(lengths)[:-1]))
        parts = mx.make("_split_v2", x, indices=starts, axis=axis, sections=0)
    return mx.outputs(parts, count)


@exporter("Slice", doc="Slice")
def slice_operator(
    node: Exporting,
    mx: Writing,
    x: Array,
    starts: Array,
    ends: Array,
    axes: Array | None = None,
    steps: Array | None = None,
) -> Array:
    begins, stops = node.ints(starts, "starts"), node.ints(ends, "ends")
    places = list(range(len(begins))) if axes is None else node.ints(axes, "axes")
    strides = [1] * len(begins) if steps is None else node.ints(steps, "steps")
    rank = node.rank(x)
    cuts = {
        axis % rank: _cut((x.shape or ())[axis], begin, stop, step)
        for axis, begin, stop, step in zip(places, begins, stops, strides, strict=True)
    }
    cuts = {axis: cut for axis, cut in cuts.items() if cut != (0, None, 1)}
    if not cuts:
        return mx.make("_copy", x)
    like = _like(node, mx)
    if like is not None and set(cuts) <= {2, 3} and {cut[2] for cut in cuts.values()} == {1}:
        offset = tuple(cuts.get(axis, (0,))[0] or 0 for axis in (2, 3))
        return mx.Crop(x, like, num_args=2, offset=offset if any(offset) else None)
    if len(cuts) == 1 and (only := next(iter(cuts.values())))[2] == 1:
        begin, stop, _ = only
        return mx.slice_axis(
            x, axis=next(iter(cuts)), begin=begin or 0, end=NONE if stop is None else stop
        )
    each = [cuts.get(axis, (None, None, 1)) for axis in range(max(cuts) + 1)]
    steps_ = tuple(cut[2] for cut in each)
    return mx.slice(
        x,
        begin=tuple(cut[0] for cut in each),
        end=tuple(cut[1] for cut in each),
        step=steps_ if set(steps_) != {1} else None,
    )


def _like(node: Exporting, mx: Writing) -> Array | None:
    """The picture to whose size the source cut, where it is known."""
    name, wanted = node.node.metadata_props.get(LIKE, ""), node.output_shape() or ()
    found = (array for value, array in mx.scope.values.items() if value.name == name)
    like = next(found, None) if len(wanted) == 4 else None
    sizes = (like.shape or ())[2:] if like is not None else ()
    return like if len(sizes) == 2 and sizes == wanted[2:] and None not in sizes else None


def _cut(
    size: int | str | None, begin: int, stop: int, step: int
) -> tuple[int | None, int | None, int]:
    """Begin and end as MXNet takes them: within the axis, None for as far as it goes."""
    if isinstance(size, int):
        first, last, _ = slice(
            begin, stop if stop > -FAR else None if step < 0 else stop, step
        ).indices(size)
        if step > 0:
            return first, None if last >= size else last, step
        return first, None if last < 0 else last, step
    if step > 0:
        return begin, None if stop >= FAR - 1 else stop, step
    return (
        (None if begin >= FAR - 1 or begin == -1 else begin),
        (None if stop <= -FAR + 1 else stop),
        step,
    )
