"""Joining and splitting along an axis."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, Inputs, exporter
from mmdnn.frameworks.keras.exporter.writer import Writer


@exporter("Concat", doc="Concat")
def concat(node: ExportedNode, keras: Writer, *xs: Array, axis: int) -> Array:
    front = node.front(axis, node.rank(xs[0]))
    if len(xs) == 1:
        return keras.ops.Copy(xs[0])
    last = front == node.rank(xs[0]) - 1
    is_float = all(x.dtype is not None and x.dtype.is_floating_point() for x in xs)
    if is_float and all(x.tensor is not None for x in xs) and front:
        return keras.layer("Concatenate", list(xs), axis=None if last else front)
    return keras.ops.Concatenate(list(xs), axis=front)


@exporter("Split", doc="Split", unused="num_outputs")
def split(
    node: ExportedNode, keras: Writer, x: Array, sizes: Inputs = None, *, axis: int
) -> list[Array]:
    front, count = node.axis(x, axis), len(node.node.outputs)
    if count == 1:
        return [keras.ops.Copy(x)]
    size = (x.shape or ())[front]
    known = None if sizes is None else node.ints(sizes, "sizes")
    if known is None:
        if not isinstance(size, int):
            node.refuse("the size of the axis is not known")
        each = -(-size // count)
        known = [min(each, size - each * place) for place in range(count)]
    places = [int(place) for place in np.cumsum(known)[:-1]]
    return keras.outputs(keras.ops.Split(x, indices_or_sections=places, axis=front), count)
