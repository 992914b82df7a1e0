"""Parts of tensors: slices, elements by number, orders, triangles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.importer.dtypes import KINDS
from mmdnn.frameworks.keras.importer.table import OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank

NUMPY = f"{OPS}/numpy"
_MOST, _LEAST = np.iinfo(np.int64).max, np.iinfo(np.int64).min


@importer("ops.GetItem", doc=NUMPY)
def get_item(node: ImportedNode, op: Op, x: Value, key: Any) -> Value:
    return item(node, op, x, key if isinstance(key, list) else [key])


def item(node: ImportedNode, op: Op, x: Value, keys: Sequence[Any]) -> Value:
    """x[keys]: slices, numbers, None for a new axis, and the three points for axes left as they are."""
    if any(isinstance(key, (Value, np.ndarray, list)) for key in keys):
        node.refuse("its index is a tensor")
    own = sum(key is not None and key is not Ellipsis for key in keys)
    points = [Ellipsis] if Ellipsis not in keys else []
    full: list[Any] = []
    for key in [*keys, *points]:
        full += [slice(None)] * (rank(x) - own) if key is Ellipsis else [key]
    cuts: list[tuple[int, int, int, int]] = []
    gone: list[int] = []
    new: list[int] = []
    place = axis = 0
    for key in full:
        if key is None:
            new.append(place)
            place += 1
            continue
        if isinstance(key, slice):
            start, end, step = _bounds(key)
            if (start, end, step) != (0, _MOST, 1):
                cuts.append((start, end, axis, step))
            place += 1
        else:
            cuts.append((int(key), int(key) + 1 if int(key) != -1 else _MOST, axis, 1))
            gone.append(axis)
        axis += 1
    y = op.Slice(x, *map(list, zip(*cuts, strict=True))) if cuts else x
    y = op.Squeeze(y, gone) if gone else y
    y = op.Unsqueeze(y, new) if new else y
    return op.Identity(y) if y is x else y


def _bounds(key: slice) -> tuple[int, int, int]:
    step = 1 if key.step is None else int(key.step)
    first, last = (0, _MOST) if step > 0 else (-1, _LEAST)
    start = first if key.start is None else int(key.start)
    return start, last if key.stop is None else int(key.stop), step


@importer("ops.Slice", doc=f"{OPS}/core")
def slice_(node: ImportedNode, op: Op, x: Value, start_indices: Any, *, shape: Any = None) -> Value:
    """From a place on, of a shape."""
    if isinstance(start_indices, Value):
        node.refuse("its start is computed")
    sizes = shape if shape is not None else node.call_.args[2]
    starts = [int(start) for start in start_indices]
    ends = [start + int(size) for start, size in zip(starts, sizes, strict=True)]
    return op.Slice(x, starts, ends, list(range(len(starts))))


@importer("ops.Take", doc=NUMPY)
def take(node: ImportedNode, op: Op, x: Value, indices: Any, *, axis: Any) -> Value:
    if axis is None:
        x, axis = op.Reshape(x, [-1]), 0
    return op.Gather(x, _indices(op, indices), axis=int(axis))


def _indices(op: Op, indices: Any) -> Any:
    if not isinstance(indices, Value):
        return np.asarray(indices, np.int64)
    integers = indices.dtype in {ir.DataType.INT32, ir.DataType.INT64}
    return indices if integers else op.Cast(indices, to=ir.DataType.INT64)


@importer("ops.TakeAlongAxis", doc=NUMPY)
def take_along_axis(node: ImportedNode, op: Op, x: Value, indices: Any, *, axis: Any) -> Value:
    if axis is None:
        node.refuse("its axis is None")
    return op.GatherElements(x, _indices(op, indices), axis=int(axis))


def _flipped(op: Op, x: Value, axes: Sequence[int]) -> Value:
    count = len(axes)
    return op.Slice(x, [-1] * count, [_LEAST] * count, list(axes), [-1] * count)


@importer("ops.Flip", doc=NUMPY)
def flip(node: ImportedNode, op: Op, x: Value, *, axis: Any) -> Value:
    if axis is None:
        return _flipped(op, x, range(rank(x)))
    said = axis if isinstance(axis, list) else [axis]
    return _flipped(op, x, [node.axis(int(each), x) for each in said])


@importer("ops.Roll", doc=NUMPY)
def roll(node: ImportedNode, op: Op, x: Value, *, shift: Any, axis: Any) -> Value:
    if axis is None:
        node.refuse("its axis is None")
    shifts, axes = (v if isinstance(v, list) else [v] for v in (shift, axis))
    for by, along in zip(shifts, axes, strict=True):
        size = known(x, node.axis(int(along), x))
        cut = size - int(by) % size
        parts = [op.Slice(x, [cut], [_MOST], [along]), op.Slice(x, [0], [cut], [along])]
        x = op.Concat(*parts, axis=int(along))
    return x


def _ordered(node: ImportedNode, op: Op, x: Value, axis: int) -> tuple[Value, ...]:
    size = known(x, node.axis(axis, x))
    return op.outputs(2).TopK(x, [size], axis=axis, largest=0)


@importer("ops.Sort", doc=NUMPY)
def sort(node: ImportedNode, op: Op, x: Value, *, axis: int) -> Value:
    return _ordered(node, op, x, int(axis))[0]


@importer("ops.Argsort", doc=NUMPY)
def argsort(node: ImportedNode, op: Op, x: Value, *, axis: int) -> Value:
    return op.Cast(_ordered(node, op, x, int(axis))[1], to=KINDS["int32"])


@importer("ops.TopK", doc=f"{OPS}/math", unused="sorted")
def top_k(node: ImportedNode, op: Op, x: Value, *, k: int) -> list[Value]:
    values, places = op.outputs(2).TopK(x, [int(k)], axis=-1)
    return [values, op.Cast(places, to=KINDS["int32"])]


@importer("ops.Tril", "ops.Triu", doc=NUMPY)
def tril(node: ImportedNode, op: Op, x: Value, *, k: int) -> Value:
    upper = int(node.layer.type == "ops.Triu")
    return op.Trilu(x, np.int64(k), upper=upper)


@importer("ops.Diagonal", doc=NUMPY)
def diagonal(node: ImportedNode, op: Op, x: Value, *, offset: int, axis1: int, axis2: int) -> Value:
    """The diagonal of two axes becomes the last axis."""
    one, other = node.axis(axis1, x), node.axis(axis2, x)
    rows, columns = known(x, one), known(x, other)
    first, second = max(-offset, 0), max(offset, 0)
    count = max(min(rows - first, columns - second), 0)
    rest = [axis for axis in range(rank(x)) if axis not in (one, other)]
    y = op.Transpose(x, perm=[one, other, *rest])
    places = np.stack([np.arange(count) + first, np.arange(count) + second], axis=1)
    y = op.GatherND(y, places.astype(np.int64))
    return op.Transpose(y, perm=[*range(1, rank(y)), 0])


@importer("ops.Trace", doc=NUMPY)
def trace(node: ImportedNode, op: Op, x: Value, *, offset: int, axis1: int, axis2: int) -> Value:
    found = diagonal(node, op, x, offset=offset, axis1=axis1, axis2=axis2)
    return op.ReduceSum(found, [-1], keepdims=0)


@importer("ops.Rot90", doc=NUMPY)
def rot90(node: ImportedNode, op: Op, x: Value, *, k: int, axes: Any) -> Value:
    """From the first axis towards the second, a quarter at a time."""
    one, other = (node.axis(int(axis), x) for axis in axes)
    perm = list(range(rank(x)))
    perm[one], perm[other] = other, one
    for _ in range(int(k) % 4):
        x = op.Transpose(_flipped(op, x, [other]), perm=perm)
    return op.Identity(x)


@importer("ops.Digitize", doc=NUMPY)
def digitize(node: ImportedNode, op: Op, x: Value, bins: Any) -> Value:
    return op.Cast(below(op, x, bins), to=KINDS["int32"])


def below(op: Op, x: Value, edges: Any) -> Value:
    """How many edges are not above a number."""
    x = (
        x
        if x.dtype is not None and x.dtype.is_floating_point()
        else op.Cast(x, to=KINDS["float32"])
    )
    if not isinstance(edges, Value):
        edges = np.asarray(edges, (x.dtype or ir.DataType.FLOAT).numpy())
    above = op.GreaterOrEqual(op.Unsqueeze(x, [rank(x)]), edges)
    return op.ReduceSum(op.Cast(above, to=KINDS["int64"]), [rank(x)], keepdims=0)


@importer("ops.MultiHot", doc=f"{OPS}/nn", unused="sparse axis")
def multi_hot(node: ImportedNode, op: Op, x: Value, *, num_classes: int, dtype: Any) -> Value:
    kind = KINDS.get(str(dtype or "float32"), ir.DataType.FLOAT).numpy()
    axis = 1 if rank(x) > 1 else 0
    return op.ReduceMax(hot(op, x, int(num_classes), -1, kind), [axis], keepdims=0)


@importer("ops.ZerosLike", "ops.OnesLike", doc=NUMPY)
def zeros_like(node: ImportedNode, op: Op, x: Value, *, dtype: Any) -> Value:
    kind = KINDS.get(str(dtype), x.dtype) if dtype else x.dtype
    one = float(node.layer.type == "ops.OnesLike")
    fill = np.asarray(one, (kind or ir.DataType.FLOAT).numpy())
    return op.Expand(fill, op.Shape(x))


@importer("ops.FullLike", doc=NUMPY)
def full_like(node: ImportedNode, op: Op, x: Value, fill_value: Any, *, dtype: Any) -> Value:
    kind = KINDS.get(str(dtype), x.dtype) if dtype else x.dtype
    fill = np.asarray(fill_value, (kind or ir.DataType.FLOAT).numpy())
    return op.Expand(fill, op.Shape(x))


@importer("ops.OneHot", doc=f"{OPS}/nn", unused="sparse")
def one_hot(
    node: ImportedNode, op: Op, x: Value, *, num_classes: int, axis: int, dtype: Any
) -> Value:
    kind = KINDS.get(str(dtype or "float32"), ir.DataType.FLOAT).numpy()
    return hot(op, x, int(num_classes), int(axis), kind)


def hot(op: Op, x: Value, count: int, axis: int, kind: Any) -> Value:
    """A one at each number; none for a number that is less than 0, or too large."""
    classes = np.arange(count)
    place = rank(x) if axis in (-1, rank(x)) else axis
    shape = [1] * (rank(x) + 1)
    shape[place] = count
    numbers = op.Unsqueeze(op.Cast(x, to=ir.DataType.INT64), [place])
    return op.Cast(
        op.Equal(numbers, classes.reshape(shape)), to=ir.DataType.from_numpy(np.dtype(kind))
    )
