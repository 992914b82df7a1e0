"""Shapes of tensors, and tensors in other shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.importer.table import (
    RAW,
    ImportedNode,
    Value,
    as_type,
    importer,
    to_first,
    to_last,
)
from mmdnn.ir.builder import Op, dimensions, rank
from mmdnn.ir.folding import int64, vector
from mmdnn.ir.values import ints


@importer("Reshape", doc=f"{RAW}/Reshape")
def reshape(node: ImportedNode, op: Op, x: Value, shape: Value) -> Value:
    target = vector(op, shape)
    known = target if isinstance(target, np.ndarray) else np.asarray(ints(target) or [])
    return op.Reshape(x, target, allowzero=1 if 0 in known and -1 not in known else None)


@importer("Shape", doc=f"{RAW}/Shape")
def shape(node: ImportedNode, op: Op, x: Value, *, out_type: Any) -> Value:
    return as_type(op, op.Shape(x), out_type or ir.DataType.INT32)


@importer("ShapeN", doc=f"{RAW}/ShapeN", unused="N")
def shape_n(node: ImportedNode, op: Op, *inputs: Value, out_type: Any) -> list[Value]:
    return [as_type(op, op.Shape(x), out_type or ir.DataType.INT32) for x in inputs]


@importer("Size", doc=f"{RAW}/Size")
def size(node: ImportedNode, op: Op, x: Value, *, out_type: Any) -> Value:
    return as_type(op, op.Size(x), out_type or ir.DataType.INT32)


@importer("Rank", doc=f"{RAW}/Rank")
def rank_(node: ImportedNode, op: Op, x: Value) -> Value:
    if x.shape is not None:
        return node.builder.constant(rank(x), np.int32)
    return op.Cast(op.Size(op.Shape(x)), to=ir.DataType.INT32)


@importer("ExpandDims", doc=f"{RAW}/ExpandDims")
def expand_dims(node: ImportedNode, op: Op, x: Value, axis: Value) -> Value:
    return op.Unsqueeze(x, node.ints(axis, "its axis"))


@importer("Squeeze", doc=f"{RAW}/Squeeze")
def squeeze(node: ImportedNode, op: Op, x: Value, *, squeeze_dims: Any) -> Value:
    """Without axes: all of size 1."""
    if squeeze_dims:
        return op.Squeeze(x, list(squeeze_dims))
    sizes = dimensions(x)
    return op.Squeeze(x, [axis for axis, size in enumerate(sizes) if size == 1])


@importer("Transpose", doc=f"{RAW}/Transpose")
def transpose(node: ImportedNode, op: Op, x: Value, perm: Value) -> Value:
    axes = rank(x)
    return op.Transpose(x, perm=[axis % axes for axis in node.ints(perm, "its order")])


@importer("Tile", doc=f"{RAW}/Tile")
def tile(node: ImportedNode, op: Op, x: Value, multiples: Value) -> Value:
    return op.Tile(x, int64(op, multiples))


@importer("BroadcastTo", doc=f"{RAW}/BroadcastTo")
def broadcast_to(node: ImportedNode, op: Op, x: Value, shape: Value) -> Value:
    return op.Expand(x, int64(op, shape))


@importer("BroadcastArgs", doc=f"{RAW}/BroadcastArgs")
def broadcast_args(node: ImportedNode, op: Op, a: Value, b: Value) -> Value:
    """The shape of two shapes: the shape of what their sum would have."""
    zeros = [
        op.ConstantOfShape(int64(op, each), value=ir.tensor(np.zeros(1, np.float32)))
        for each in (a, b)
    ]
    return as_type(op, op.Shape(op.Add(*zeros)), a.dtype)


@importer("DepthToSpace", doc=f"{RAW}/DepthToSpace")
def depth_to_space(
    node: ImportedNode, op: Op, x: Value, *, block_size: int, data_format: str
) -> Value:
    y = op.DepthToSpace(to_first(op, x, data_format), blocksize=block_size, mode="DCR")
    return to_last(op, y, data_format)


@importer("SpaceToDepth", doc=f"{RAW}/SpaceToDepth")
def space_to_depth(
    node: ImportedNode, op: Op, x: Value, *, block_size: int, data_format: str
) -> Value:
    y = op.SpaceToDepth(to_first(op, x, data_format), blocksize=block_size)
    return to_last(op, y, data_format)


@importer("SpaceToBatchND", doc=f"{RAW}/SpaceToBatchND")
def space_to_batch_nd(node: ImportedNode, op: Op, x: Value, block: Value, paddings: Value) -> Value:
    """Each place within a block becomes a part of the batch."""
    return _to_batch(node, op, x, node.ints(block, "its blocks"), paddings)


@importer("SpaceToBatch", doc=f"{RAW}/SpaceToBatch")
def space_to_batch(
    node: ImportedNode, op: Op, x: Value, paddings: Value, *, block_size: int
) -> Value:
    return _to_batch(node, op, x, [block_size] * 2, paddings)


def _to_batch(node: ImportedNode, op: Op, x: Value, block: list[int], paddings: Value) -> Value:
    count, axes = len(block), rank(x)
    sides = op.Transpose(int64(op, paddings), perm=[1, 0])
    before, after = (op.Reshape(op.Slice(sides, [side], [side + 1], [0]), [-1]) for side in (0, 1))
    none = [np.zeros(1, np.int64), np.zeros(axes - 1 - count, np.int64)]
    x = op.Pad(x, op.Concat(none[0], before, none[1], none[0], after, none[1], axis=0))
    shape: list[Any] = [op.Shape(x, start=0, end=1)]
    for axis, size in enumerate(block, 1):
        shape += [op.Div(op.Shape(x, start=axis, end=axis + 1), [size]), [size]]
    rest = [op.Shape(x, start=axis, end=axis + 1) for axis in range(count + 1, axes)]
    y = op.Reshape(x, op.Concat(*map(_vector, shape), *rest, axis=0))
    inner = [2 + 2 * axis for axis in range(count)]
    outer = [1 + 2 * axis for axis in range(count)]
    y = op.Transpose(y, perm=[*inner, 0, *outer, *range(2 * count + 1, rank(y))])
    batch = op.Mul(op.Shape(x, start=0, end=1), [int(np.prod(block))])
    return op.Reshape(y, op.Concat(batch, *shape[1::2], *rest, axis=0))


def _vector(x: Any) -> Any:
    return np.asarray(x, np.int64) if isinstance(x, list) else x


@importer("BatchToSpaceND", doc=f"{RAW}/BatchToSpaceND")
def batch_to_space_nd(node: ImportedNode, op: Op, x: Value, block: Value, crops: Value) -> Value:
    """The parts of the batch go back to their places within blocks."""
    return _to_space(node, op, x, node.ints(block, "its blocks"), crops)


@importer("BatchToSpace", doc=f"{RAW}/BatchToSpace")
def batch_to_space(node: ImportedNode, op: Op, x: Value, crops: Value, *, block_size: int) -> Value:
    return _to_space(node, op, x, [block_size] * 2, crops)


def _to_space(node: ImportedNode, op: Op, x: Value, block: list[int], crops: Value) -> Value:
    count, axes = len(block), rank(x)
    batch = op.Div(op.Shape(x, start=0, end=1), [int(np.prod(block))])
    sizes = [op.Shape(x, start=axis, end=axis + 1) for axis in range(1, axes)]
    y = op.Reshape(x, op.Concat(np.asarray(block, np.int64), batch, *sizes, axis=0))
    pairs = [place for axis in range(count) for place in (count + 1 + axis, axis)]
    y = op.Transpose(y, perm=[count, *pairs, *range(2 * count + 1, rank(y))])
    grown = [op.Mul(size, [b]) for size, b in zip(sizes[:count], block, strict=True)]
    y = op.Reshape(y, op.Concat(batch, *grown, *sizes[count:], axis=0))
    sides = op.Transpose(int64(op, crops), perm=[1, 0])
    before, after = (op.Reshape(op.Slice(sides, [side], [side + 1], [0]), [-1]) for side in (0, 1))
    ends = op.Sub(op.Shape(y, start=1, end=count + 1), after)
    return op.Slice(y, before, ends, list(range(1, count + 1)))
