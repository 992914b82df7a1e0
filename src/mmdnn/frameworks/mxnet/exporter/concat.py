"""Joining arrays, and splitting them."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer


@exporter("Concat", doc="Concat")
def concat(node: ExportedNode, mx: Writer, *xs: Array, axis: int) -> Array:
    """Parts of one array, all in order, are that array."""
    cuts = [mx.scope.cuts.get(x.entry) for x in xs]
    if axis == 0 and cuts[0] is not None:
        whole, _, count = cuts[0]
        if cuts == [(whole, place, count) for place in range(count)]:
            return whole
    return mx.Concat(*xs, num_args=len(xs), dim=axis if axis != 1 else None)


@exporter("Split", doc="Split", unused="num_outputs")
def split_operator(
    node: ExportedNode, mx: Writer, x: Array, split: Array | None = None, *, axis: int
) -> list[Array]:
    count = len(node.node.outputs)
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
    if len(read) == 1:
        start = sum(lengths[: read[0]])
        part = mx.slice_axis(x, axis=axis, begin=start, end=start + lengths[read[0]])
        return [part] * count
    if len(set(lengths)) == 1:
        parts = mx.SliceChannel(x, num_outputs=count, axis=axis if axis != 1 else None)
    else:
        starts = (0, *(int(i) for i in np.cumsum(lengths)[:-1]))
        parts = mx.make("_split_v2", x, indices=starts, axis=axis, sections=0)
    return mx.outputs(parts, count)
