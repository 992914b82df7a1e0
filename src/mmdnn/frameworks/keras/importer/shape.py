"""Shapes: what changes them and leaves the numbers as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmdnn.frameworks.keras.importer.layout import FIRST
from mmdnn.frameworks.keras.importer.table import LAYERS, OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, dimensions, known, rank

RESHAPING = f"{LAYERS}/reshaping_layers"


@importer("Flatten", doc=f"{RESHAPING}/flatten")
def flatten(node: ImportedNode, op: Op, x: Value) -> Value:
    """As the numbers lie; with `channels_first` said, the channels go to the end before."""
    said = node.config.get("data_format")
    node.taken.add("data_format")
    count = rank(x)
    if count == 1:
        return op.Unsqueeze(x, [1])
    old = node.config.get("keras1")
    if said == FIRST and count > 2 and not old:
        x = op.Transpose(x, perm=[0, *range(2, count), 1])
    return op.Flatten(x, axis=1)


@importer("Reshape", doc=f"{RESHAPING}/reshape")
def reshape(node: ImportedNode, op: Op, x: Value, *, target_shape: Any) -> Value:
    target = [target_shape] if isinstance(target_shape, int) else list(target_shape)
    return reshaped(op, x, target, batch=True)


def reshaped(op: Op, x: Value, target: Sequence[int], *, batch: bool) -> Value:
    """X in another shape; the batch is kept where `target` leaves it out."""
    sizes = dimensions(x)
    if batch and isinstance(sizes[0], int):
        return op.Reshape(x, [sizes[0], *target])
    if batch and -1 in target and all(isinstance(size, int) for size in sizes[1:]):
        total = int(np.prod(np.asarray(sizes[1:], np.int64)))
        rest = int(np.prod([size for size in target if size != -1]))
        target = [total // rest if size == -1 else size for size in target] if rest else target
    if (
        batch
        and [s for s in sizes[1:] if s != 1] == [s for s in target if s != 1]
        and -1 not in target
    ):
        ones = [axis for axis, size in enumerate(sizes) if axis and size == 1]
        new = [axis for axis, size in enumerate(target, 1) if size == 1]
        if not ones or not new:
            x = op.Squeeze(x, ones) if ones else x
            return op.Unsqueeze(x, new) if new else x
    return op.Reshape(x, [0, *target] if batch else list(target))


@importer("Permute", doc=f"{RESHAPING}/permute")
def permute(node: ImportedNode, op: Op, x: Value, *, dims: Any) -> Value:
    return op.Transpose(x, perm=[0, *(int(axis) for axis in dims)])


@importer("RepeatVector", doc=f"{RESHAPING}/repeat_vector")
def repeat_vector(node: ImportedNode, op: Op, x: Value, *, n: int) -> Value:
    return op.Tile(op.Unsqueeze(x, [1]), [1, int(n), 1])


@importer("ops.Reshape", doc=f"{OPS}/numpy")
def reshape_operation(node: ImportedNode, op: Op, x: Value, *, newshape: Any) -> Value:
    target = [newshape] if isinstance(newshape, int) else list(newshape)
    return reshaped(op, x, target, batch=False)


@importer("ops.Transpose", doc=f"{OPS}/numpy", unused="conjugate")
def transpose(node: ImportedNode, op: Op, x: Value, *, axes: Any) -> Value:
    perm = list(range(rank(x)))[::-1] if axes is None else [node.axis(int(a), x) for a in axes]
    return op.Transpose(x, perm=perm)


@importer("ops.ExpandDims", doc=f"{OPS}/numpy")
def expand_dims(node: ImportedNode, op: Op, x: Value, *, axis: Any) -> Value:
    return op.Unsqueeze(x, axis if isinstance(axis, list) else [int(axis)])


@importer("ops.Squeeze", doc=f"{OPS}/numpy")
def squeeze(node: ImportedNode, op: Op, x: Value, *, axis: Any) -> Value:
    if axis is None:
        axis = [i for i, size in enumerate(dimensions(x)) if size == 1]
    return op.Squeeze(x, axis if isinstance(axis, list) else [int(axis)])


@importer("ops.Swapaxes", doc=f"{OPS}/numpy")
def swapaxes(node: ImportedNode, op: Op, x: Value, *, axis1: int, axis2: int) -> Value:
    perm = list(range(rank(x)))
    one, other = node.axis(axis1, x), node.axis(axis2, x)
    perm[one], perm[other] = other, one
    return op.Transpose(x, perm=perm)


@importer("ops.Moveaxis", doc=f"{OPS}/numpy")
def moveaxis(node: ImportedNode, op: Op, x: Value, *, source: Any, destination: Any) -> Value:
    before, after = (
        [node.axis(int(a), x) for a in (s if isinstance(s, list) else [s])]
        for s in (source, destination)
    )
    perm = [axis for axis in range(rank(x)) if axis not in before]
    for place, axis in sorted(zip(after, before, strict=True)):
        perm.insert(place, axis)
    return op.Transpose(x, perm=perm)


@importer("ops.Ravel", doc=f"{OPS}/numpy")
def ravel(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Reshape(x, [-1])


@importer("ops.Tile", doc=f"{OPS}/numpy")
def tile(node: ImportedNode, op: Op, x: Value, *, repeats: Any) -> Value:
    counts = [repeats] if isinstance(repeats, int) else list(repeats)
    missing = len(counts) - rank(x)
    x = op.Unsqueeze(x, list(range(missing))) if missing > 0 else x
    return op.Tile(x, [1] * -missing + counts if missing < 0 else counts)


@importer("ops.Repeat", doc=f"{OPS}/numpy")
def repeat(node: ImportedNode, op: Op, x: Value, *, repeats: Any, axis: Any) -> Value:
    if axis is None:
        x, axis = op.Reshape(x, [-1]), 0
    size = known(x, node.axis(axis, x))
    counts = [repeats] * size if isinstance(repeats, int) else list(repeats)
    return op.Gather(x, np.repeat(np.arange(size), counts), axis=axis)


@importer("ops.BroadcastTo", doc=f"{OPS}/numpy")
def broadcast_to(node: ImportedNode, op: Op, x: Value, *, shape: Any) -> Value:
    return op.Expand(x, list(shape))


@importer("ops.DepthToSpace", "ops.SpaceToDepth", doc=f"{OPS}/nn")
def depth_to_space(
    node: ImportedNode, op: Op, x: Value, *, block_size: int, data_format: str
) -> Value:
    """Blocks of channels are rows, then columns, then channels."""
    first = data_format == FIRST
    x = x if first else op.Transpose(x, perm=[0, 3, 1, 2])
    name = node.layer.type.removeprefix("ops.")
    y = op[name](x, blocksize=int(block_size))
    return y if first else op.Transpose(y, perm=[0, 2, 3, 1])
