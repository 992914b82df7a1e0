"""Parts of tensors: slices, elements by their numbers, the largest."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, Inputs, exporter
from mmdnn.frameworks.keras.exporter.writer import Writer

FAR = 1 << 31
"""A bound of a slice that is as good as none."""


@exporter("Slice", doc="Slice")
def slice_operator(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    starts: Array,
    ends: Array,
    axes: Inputs = None,
    steps: Inputs = None,
) -> Array:
    """A slice of Python is one of ONNX, but for its end before the beginning with a negative step."""
    rank = node.rank(x)
    firsts, lasts = node.ints(starts, "beginning"), node.ints(ends, "end")
    chosen = range(len(firsts)) if axes is None else node.ints(axes, "axes")
    strides = [1] * len(firsts) if steps is None else node.ints(steps, "steps")
    key = [slice(None)] * rank
    for first, last, axis, step in zip(firsts, lasts, chosen, strides, strict=True):
        key[node.front(axis, rank)] = _slice(first, last, step)
    return keras.ops.GetItem(x, tuple(key))


def _slice(first: int, last: int, step: int) -> slice:
    if step > 0:
        return slice(first or None, None if last >= FAR else last, step if step != 1 else None)
    return slice(
        None if first >= FAR or first == -1 else first, None if last <= -FAR else last, step
    )


@exporter("Gather", doc="Gather")
def gather(node: ExportedNode, keras: Writer, x: Array, indices: Array, *, axis: int) -> Array:
    table = x.constant
    plain = table is not None and len(table.shape) == 2 and table.dtype.is_floating_point()
    if table is not None and plain and axis == 0 and indices.tensor is not None:
        return _embedding(node, keras, table, indices)
    front, rank = node.axis(x, axis), node.rank(x)
    known = indices.numbers()
    if known is not None and known.size == 1 and indices.rank == 0 and x.tensor is not None:
        key: list[object] = [slice(None)] * rank
        key[front] = int(known)
        return keras.ops.GetItem(x, tuple(key))
    if known is not None:
        return keras.ops.Take(x, known.astype(np.int32), axis=front)
    return keras.ops.Take(x, _from_front(node, keras, x, indices, front), axis=front)


def _from_front(node: ExportedNode, keras: Writer, x: Array, indices: Array, axis: int) -> Array:
    """Numbers that count from the front."""
    size = (x.shape or ())[axis]
    if not isinstance(size, int):
        node.refuse("elements by numbers, along an axis whose size is not known")
    below = keras.ops.Less(indices, 0)
    return keras.ops.Where(below, keras.ops.Add(indices, size), indices)


def _embedding(
    node: ExportedNode, keras: Writer, table: ir.TensorProtocol, indices: Array
) -> Array:
    count, size = (int(each) for each in table.shape.numpy())
    if indices.value is None or not _counts_up(indices.value):
        below = keras.ops.Less(indices, 0)
        indices = keras.ops.Where(below, keras.ops.Add(indices, count), indices)
    weights = {"embeddings": table}
    return keras.layer("Embedding", indices, weights=weights, input_dim=count, output_dim=size)


def _counts_up(value: ir.Value) -> bool:
    """Whether numbers are given, which say elements of a table: they count from the front."""
    return value.is_graph_input()


@exporter("GatherElements", doc="GatherElements")
def gather_elements(
    node: ExportedNode, keras: Writer, x: Array, indices: Array, *, axis: int
) -> Array:
    front = node.axis(x, axis)
    for place, (own, other) in enumerate(zip(x.shape or (), indices.shape or (), strict=False)):
        if place != front and own != other:
            node.refuse("it takes elements of a part of the tensor")
    return keras.ops.TakeAlongAxis(x, _from_front(node, keras, x, indices, front), axis=front)


@exporter("OneHot", doc="OneHot")
def one_hot(
    node: ExportedNode, keras: Writer, indices: Array, depth: Array, values: Array, *, axis: int
) -> Array:
    count = node.ints(depth, "depth")[0]
    off, on = node.numbers(values, "values").reshape(-1).tolist()
    rank = node.rank(indices) + 1
    whole = keras.cast(indices, ir.DataType.INT32)
    front = keras.ops.Where(keras.ops.Less(whole, 0), keras.ops.Add(whole, count), whole)
    kind = keras.named(node.output.dtype or ir.DataType.FLOAT)
    place = node.front(axis, rank)
    said = place if place < rank - 1 else -1
    made = keras.ops.OneHot(front, num_classes=count, axis=said, dtype=kind)
    if (off, on) == (0, 1):
        return made
    return keras.ops.Add(keras.ops.Multiply(made, on - off), off)


@exporter("TopK", doc="TopK", unused="sorted")
def top_k(
    node: ExportedNode, keras: Writer, x: Array, k: Array, *, axis: int, largest: int
) -> list[Array]:
    """Of the last axis; equal ones in the order that they have."""
    front, rank = node.axis(x, axis), node.rank(x)
    if not largest and (x.dtype is None or not x.dtype.is_floating_point()):
        node.refuse("the smallest of integers")
    order = [i for i in range(rank) if i != front] + [front]
    back = [order.index(i) for i in range(rank)]
    turned = keras.ops.Transpose(x, axes=order) if front != rank - 1 else x
    given = turned if largest else keras.ops.Negative(turned)
    made = keras.outputs(keras.ops.TopK(given, k=node.ints(k, "number")[0]), 2)
    values, places = made[0], keras.ops.Cast(made[1], dtype="int64")
    found = [values if largest else keras.ops.Negative(values), places]
    return [keras.ops.Transpose(y, axes=back) for y in found] if front != rank - 1 else found
