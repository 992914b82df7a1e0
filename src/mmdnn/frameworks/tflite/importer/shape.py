"""Shapes: reshaped, squeezed, transposed, tiled; blocks of images in the batch or in the channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmdnn.frameworks.tflite import _schema
from mmdnn.frameworks.tflite.importer.table import (
    DOC,
    ImportedNode,
    Value,
    as_type,
    first,
    importer,
    last,
)
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, known, rank
from mmdnn.ir.folding import vector


@importer("RESHAPE", doc=DOC)
def reshape(
    node: ImportedNode, op: Op, x: Value, shape: Value | None = None, *, new_shape: Any
) -> Value:
    """The new shape is an input, or stands in the options."""
    if shape is not None and (rank(shape) == 1 or new_shape is None):
        return op.Reshape(x, vector(op, shape), allowzero=1 if _has_zero(node, shape) else None)
    if new_shape is None:
        node.unfit("nothing says its shape")
    wanted = np.asarray(new_shape, np.int64)
    return op.Reshape(x, wanted, allowzero=1 if (wanted == 0).any() else None)


def _has_zero(node: ImportedNode, shape: Value) -> bool:
    tensor = shape.const_value
    return tensor is not None and bool((node.numbers(shape) == 0).any())


@importer("SQUEEZE", doc=DOC)
def squeeze(node: ImportedNode, op: Op, x: Value, *, squeeze_dims: Any) -> Value:
    """The axes that it names, or all of size 1."""
    if np.size(squeeze_dims) and not np.isscalar(squeeze_dims):
        return op.Squeeze(x, [node.axis(int(axis), x) for axis in squeeze_dims])
    return op.Squeeze(x, [axis for axis in range(rank(x)) if known(x, axis) == 1])


@importer("EXPAND_DIMS", doc=DOC)
def expand_dims(node: ImportedNode, op: Op, x: Value, axis: Value) -> Value:
    return op.Unsqueeze(x, node.ints(axis, "its axis"))


@importer("TRANSPOSE", doc=DOC)
def transpose(node: ImportedNode, op: Op, x: Value, perm: Value) -> Value:
    order = node.ints(perm, "its order of axes")
    return op.Transpose(x, perm=[axis % len(order) for axis in order])


@importer("SHAPE", doc=DOC)
def shape(node: ImportedNode, op: Op, x: Value, *, out_type: int) -> Value:
    return as_type(op, op.Shape(x), _schema.TYPES.get(out_type))


@importer("RANK", doc=DOC)
def rank_of(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Identity(np.asarray(rank(x), np.int32))


@importer("TILE", doc=DOC)
def tile(node: ImportedNode, op: Op, x: Value, repeats: Value) -> Value:
    return op.Tile(x, vector(op, repeats))


@importer("BROADCAST_TO", doc=DOC)
def broadcast_to(node: ImportedNode, op: Op, x: Value, target: Value) -> Value:
    return op.Expand(x, vector(op, target))


@importer("BROADCAST_ARGS", doc=DOC)
def broadcast_args(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    """The shape that two shapes are broadcast to."""
    shapes = [vector(op, each) for each in (a, b)]
    constants = [each for each in shapes if isinstance(each, np.ndarray)]
    if len(constants) == len(shapes):
        found = np.broadcast_shapes(*(tuple(each) for each in constants))
        return as_type(op, op.Identity(np.asarray(found, np.int64)), a.dtype)
    counts = [known(each, 0) for each in (a, b)]
    most = max(counts)
    padded = [
        op.Concat(np.ones(most - count, np.int64), each, axis=0) if count < most else each
        for count, each in zip(counts, shapes, strict=True)
    ]
    is_one = op.Equal(padded[0], np.ones(1, np.int64))
    return as_type(op, op.Where(is_one, padded[1], padded[0]), a.dtype)


@importer("SPACE_TO_DEPTH", doc=DOC)
def space_to_depth(node: ImportedNode, op: Op, x: Value, *, block_size: int) -> Value:
    return last(op, op.SpaceToDepth(first(op, x), blocksize=block_size))


@importer("DEPTH_TO_SPACE", doc=DOC)
def depth_to_space(node: ImportedNode, op: Op, x: Value, *, block_size: int) -> Value:
    return last(op, op.DepthToSpace(first(op, x), blocksize=block_size, mode="DCR"))


@importer("SPACE_TO_BATCH_ND", doc=DOC)
def space_to_batch(node: ImportedNode, op: Op, x: Value, block: Value, paddings: Value) -> Value:
    """[N, H, W, C] as [b N, H / b, W / b, C], padded with what stands for 0."""
    sizes = node.ints(block, "its block")
    pairs = node.numbers(paddings, "its padding").reshape(-1, 2)
    count, axes_ = len(sizes), rank(x)
    before = [0, *pairs[:, 0], *[0] * (axes_ - count - 1)]
    behind = [0, *pairs[:, 1], *[0] * (axes_ - count - 1)]
    if pairs.any():
        x = op.Pad(x, np.asarray([*before, *behind], np.int64))
    split: list[Any] = [(0,)]
    for place, size in enumerate(sizes, 1):
        split += [known(x, place) // size, size]
    split += [(axis,) for axis in range(count + 1, axes_)]
    y = axes.reshape(op, x, split)
    inner = [2 + 2 * i for i in range(count)]
    outer = [1 + 2 * i for i in range(count)]
    rest = list(range(1 + 2 * count, 1 + 2 * count + axes_ - count - 1))
    y = op.Transpose(y, perm=[*inner, 0, *outer, *rest])
    joined = tuple(range(count + 1))
    return axes.reshape(op, y, [joined, *((axis,) for axis in range(count + 1, rank(y)))])


@importer("BATCH_TO_SPACE_ND", doc=DOC)
def batch_to_space(node: ImportedNode, op: Op, x: Value, block: Value, crops: Value) -> Value:
    """What `space_to_batch` gave, as it was, cut."""
    sizes = node.ints(block, "its block")
    pairs = node.numbers(crops, "its crop").reshape(-1, 2)
    count, axes_ = len(sizes), rank(x)
    split: list[Any] = [*sizes, -1, *((axis,) for axis in range(1, axes_))]
    y = axes.reshape(op, x, split)
    order = [count]
    for place in range(count):
        order += [count + 1 + place, place]
    order += list(range(2 * count + 1, count + axes_))
    y = op.Transpose(y, perm=order)
    merged: list[Any] = [(0,), *((1 + 2 * i, 2 + 2 * i) for i in range(count))]
    merged += [(axis,) for axis in range(1 + 2 * count, rank(y))]
    y = axes.reshape(op, y, merged)
    if not pairs.any():
        return y
    ends = [-int(end) if end else np.iinfo(np.int64).max for end in pairs[:, 1]]
    return op.Slice(y, [int(n) for n in pairs[:, 0]], ends, list(range(1, count + 1)))


@importer("STABLEHLO_RESHAPE", doc=DOC)
def stablehlo_reshape(node: ImportedNode, op: Op, x: Value) -> Value:
    sizes = node.results[0].shape
    if None in sizes:
        node.refuse("its shape is open")
    return op.Reshape(x, np.asarray(sizes, np.int64))


@importer("STABLEHLO_TRANSPOSE", doc=DOC)
def stablehlo_transpose(node: ImportedNode, op: Op, x: Value, *, permutation: Any) -> Value:
    return op.Transpose(x, perm=[int(axis) for axis in permutation])
