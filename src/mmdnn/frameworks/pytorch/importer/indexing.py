"""Taking and putting elements by their places, which may count from the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import dtypes, sizes
from mmdnn.frameworks.pytorch.importer.dtypes import BOOL, INT64, cast, like, wide
from mmdnn.frameworks.pytorch.importer.table import TORCH, ImportedCall, Value, importer
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, dimensions, known, rank

_END = np.iinfo(np.int64).max


@importer("select", "select_copy", doc=f"{TORCH}.select")
def select(node: ImportedCall, op: Op, x: Value, dim: int, index: Any) -> Value:
    return op.Gather(x, sizes.scalar(op, index), axis=node.axis(dim, x))


@importer("slice", "slice_copy", doc=f"{TORCH}.Tensor.narrow")
def slice_(
    node: ImportedCall, op: Op, x: Value, *, dim: int, start: Any, end: Any, step: int
) -> Value:
    axis = node.axis(dim or 0, x)
    start = 0 if start is None else start
    end = _END if end is None else end
    if not isinstance(start, ir.Value) and not isinstance(end, ir.Value):
        whole = dimensions(x)[axis]
        everything = end >= (whole if isinstance(whole, int) else _END)
        if start == 0 and step == 1 and everything:
            return x
    first, last, steps = (sizes.vector(op, [n]) for n in (start, end, step))
    return op.Slice(x, first, last, np.asarray([axis], np.int64), steps)


@importer("narrow", "narrow_copy", doc=f"{TORCH}.narrow")
def narrow(node: ImportedCall, op: Op, x: Value, dim: int, start: Any, length: Any) -> Value:
    axis = node.axis(dim, x)
    if isinstance(start, int) and start < 0:
        start += known(x, axis)
    first = sizes.vector(op, [start])
    last = (
        sizes.vector(op, [start + length])
        if isinstance(start, int) and isinstance(length, int)
        else op.Add(first, sizes.vector(op, [length]))
    )
    return op.Slice(x, first, last, np.asarray([axis], np.int64))


@importer("flip", "fliplr", "flipud", doc=f"{TORCH}.flip")
def flip(node: ImportedCall, op: Op, x: Value, dims: Any = None) -> Value:
    if dims is None:
        dims = [1 if node.type == "fliplr" else 0]
    return axes.backwards(op, x, [node.axis(d, x) for d in dims]) if dims else op.Identity(x)


@importer("rot90", doc=f"{TORCH}.rot90")
def rot90(node: ImportedCall, op: Op, x: Value, *, k: int, dims: list[int]) -> Value:
    a, b = (node.axis(d, x) for d in dims)
    order = list(range(rank(x)))
    order[a], order[b] = b, a
    k %= 4
    if k == 2:
        return axes.backwards(op, x, [a, b])
    if k == 1:
        return op.Transpose(axes.backwards(op, x, [b]), perm=order)
    return axes.backwards(op, op.Transpose(x, perm=order), [b]) if k == 3 else op.Identity(x)


@importer("roll", doc=f"{TORCH}.roll")
def roll(node: ImportedCall, op: Op, x: Value, shifts: Any, *, dims: Any) -> Value:
    if not dims:
        flat = roll(node, op, op.Reshape(x, [-1]), shifts, dims=[0])
        return op.Reshape(flat, axes.vector(op, x, [(axis,) for axis in range(rank(x))]))
    for shift, dim in zip(sizes.several(shifts, 1), dims, strict=True):
        axis = node.axis(dim, x)
        whole = known(x, axis)
        cut = -shift % whole if whole else 0
        if cut:
            parts = [op.Slice(x, [cut], [_END], [axis]), op.Slice(x, [0], [cut], [axis])]
            x = op.Concat(*parts, axis=axis)
    return x


@importer("index_select", doc=f"{TORCH}.index_select")
def index_select(node: ImportedCall, op: Op, x: Value, dim: int, index: Value) -> Value:
    index = op.Unsqueeze(index, [0]) if rank(index) == 0 else index
    return op.Gather(x, index, axis=node.axis(dim, x))


@importer(
    "embedding",
    doc=f"{TORCH}.nn.functional.embedding",
    unused="padding_idx scale_grad_by_freq sparse",
)
def embedding(node: ImportedCall, op: Op, weight: Value, index: Value) -> Value:
    return op.Gather(weight, node.integers(index))


@importer("take", doc=f"{TORCH}.take")
def take(node: ImportedCall, op: Op, x: Value, index: Value) -> Value:
    return op.Gather(op.Reshape(x, [-1]), index)


def as_places(node: ImportedCall, op: Op, given: Sequence[Value | None]) -> list[Value | None]:
    """Truth values as the places where they are."""
    found: list[Value | None] = []
    for each in given:
        if each is not None and dtypes.of(each) in {BOOL, ir.DataType.UINT8}:
            places = op.NonZero(cast(op, each, BOOL))
            found += [op.Gather(places, np.int64(i), axis=0) for i in range(rank(each))]
        else:
            found.append(each)
    return found


def side_by_side(op: Op, x: Value, given: Sequence[Value | None]) -> tuple[list[int], Value]:
    """The axes that have indices, and these side by side: [..., how many]."""
    named = [axis for axis, each in enumerate(given) if each is not None]
    indices = [cast(op, given[axis], INT64) for axis in named]
    shape = indices[0]
    for each in indices[1:]:
        shape = op.Add(shape, op.Mul(each, np.int64(0)))
    target = op.Shape(shape)
    same = all(
        dimensions(each) == dimensions(shape) and None not in dimensions(each) for each in indices
    )
    columns = [op.Unsqueeze(each if same else op.Expand(each, target), [-1]) for each in indices]
    return named, op.Concat(*columns, axis=-1) if len(columns) > 1 else columns[0]


def first_of_all(count: int, named: Sequence[int]) -> list[int]:
    return [*named, *(axis for axis in range(count) if axis not in named)]


@importer("index", "_unsafe_index", doc="https://numpy.org/doc/stable/user/basics.indexing.html")
def index(node: ImportedCall, op: Op, x: Value, indices: list[Value | None]) -> Value:
    """Indexed axes that stand together stay where they are; others come first."""
    given = as_places(node, op, indices)
    named = [axis for axis, each in enumerate(given) if each is not None]
    if not named:
        return x
    if len(named) == 1:
        return op.Gather(x, given[named[0]], axis=named[0])
    named, places = side_by_side(op, x, given)
    count, new = rank(x), rank(places) - 1
    y = op.GatherND(axes.transpose(op, x, first_of_all(count, named)), places)
    if named != list(range(named[0], named[-1] + 1)) or named[0] == 0:
        return y
    order = [*range(new, new + named[0]), *range(new), *range(new + named[0], rank(y))]
    return op.Transpose(y, perm=order)


@importer("gather", doc=f"{TORCH}.gather", unused="sparse_grad")
def gather(node: ImportedCall, op: Op, x: Value, dim: int, index: Value) -> Value:
    """The index may be smaller than the input in other axes."""
    axis = node.axis(dim, x)
    return op.GatherElements(_cut(op, x, index, axis), index, axis=axis)


def _cut(op: Op, x: Value, index: Value, axis: int) -> Value:
    """As far as an index reaches, but whole along one axis."""
    named = [a for a in range(rank(x)) if a != axis and dimensions(x)[a] != dimensions(index)[a]]
    if not named:
        return x
    ends = axes.vector(op, index, [(a,) for a in named])
    return op.Slice(x, [0] * len(named), ends, np.asarray(named, np.int64))


@importer("take_along_dim", doc=f"{TORCH}.take_along_dim")
def take_along_dim(node: ImportedCall, op: Op, x: Value, index: Value, *, dim: int) -> Value:
    if dim is None:
        return op.GatherElements(op.Reshape(x, [-1]), op.Reshape(index, [-1]), axis=0)
    axis = node.axis(dim, x)
    others = [a for a in range(rank(x)) if a != axis]

    def broadcast(a: Value, b: Value) -> Value:
        if all(dimensions(a)[i] == dimensions(b)[i] for i in others):
            return a
        shape = op.Shape(op.Mul(_ones(op, a, axis), _ones(op, b, axis)))
        mask = np.asarray([i == axis for i in range(rank(a))])
        return op.Expand(a, op.Where(mask, op.Shape(a), shape))

    return op.GatherElements(broadcast(x, index), broadcast(index, x), axis=axis)


def _ones(op: Op, x: Value, axis: int) -> Value:
    """Ones in a tensor's shape, but of size 1 along an axis."""
    mask = np.asarray([i == axis for i in range(rank(x))])
    return op.Expand(np.int64(1), op.Where(mask, np.int64(1), op.Shape(x)))


@importer("masked_select", doc=f"{TORCH}.masked_select")
def masked_select(node: ImportedCall, op: Op, x: Value, mask: Value) -> Value:
    if dimensions(x) != dimensions(mask):
        both = op.And(mask, op.Expand(np.asarray(True), op.Shape(x)))
        x = op.Expand(x, op.Shape(both))
        mask = both
    return op.Compress(op.Reshape(x, [-1]), op.Reshape(mask, [-1]), axis=0)


@importer("nonzero", "argwhere", doc=f"{TORCH}.nonzero")
def nonzero(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.Transpose(op.NonZero(x), perm=[1, 0])


@importer("nonzero_numpy", doc=f"{TORCH}.nonzero")
def nonzero_numpy(node: ImportedCall, op: Op, x: Value) -> list[Value]:
    node.several = True
    places = op.NonZero(x)
    return [op.Gather(places, np.int64(axis), axis=0) for axis in range(rank(x))]


@importer("one_hot", doc=f"{TORCH}.nn.functional.one_hot")
def one_hot(node: ImportedCall, op: Op, x: Value, *, num_classes: int) -> Value:
    if num_classes == -1:
        top = op.Add(op.ReduceMax(op.Reshape(x, [-1]), [0], keepdims=1), np.int64(1))
        return op.OneHot(x, op.Squeeze(top, [0]), np.asarray([0, 1], np.int64), axis=-1)
    return op.OneHot(x, np.int64(num_classes), np.asarray([0, 1], np.int64), axis=-1)


@importer("tril", "triu", doc=f"{TORCH}.tril")
def tril(node: ImportedCall, op: Op, x: Value, *, diagonal: int) -> Value:
    upper = int(node.type == "triu")
    plain = wide(op, x)
    return cast(op, op.Trilu(plain, sizes.scalar(op, diagonal or 0), upper=upper), dtypes.of(x))


@importer("diagonal", "diagonal_copy", "linalg_diagonal", doc=f"{TORCH}.diagonal")
def diagonal_of(
    node: ImportedCall, op: Op, x: Value, *, offset: int, dim1: int, dim2: int
) -> Value:
    first = 0 if dim1 is None else dim1
    second = 1 if dim2 is None else dim2
    a, b = node.axis(first, x), node.axis(second, x)
    places = diagonal_places(known(x, a), known(x, b), offset or 0)
    order = [a, b, *(axis for axis in range(rank(x)) if axis not in (a, b))]
    y = op.GatherND(axes.transpose(op, x, order), places)
    return axes.transpose(op, y, [*range(1, rank(y)), 0])


def diagonal_places(rows: int, columns: int, offset: int) -> np.ndarray:
    """The places of a diagonal, [n, 2]."""
    places = [(i, i + offset) for i in range(rows) if 0 <= i + offset < columns]
    return np.asarray(places, np.int64).reshape(-1, 2)


@importer("diag", doc=f"{TORCH}.diag")
def diag(node: ImportedCall, op: Op, x: Value, *, diagonal: int) -> Value:
    offset = diagonal or 0
    if rank(x) == 1:
        return diag_embed(node, op, x, offset=offset, dim1=-2, dim2=-1)
    return diagonal_of(node, op, x, offset=offset, dim1=0, dim2=1)


@importer("diag_embed", doc=f"{TORCH}.diag_embed")
def diag_embed(node: ImportedCall, op: Op, x: Value, *, offset: int, dim1: int, dim2: int) -> Value:
    count, length = rank(x) + 1, known(x, -1)
    size = length + abs(offset)
    mask = np.eye(size, k=offset)
    before = max(offset, 0)
    wide_ = op.Pad(
        x,
        np.asarray(
            [0] * (count - 2) + [before] + [0] * (count - 2) + [size - length - before], np.int64
        ),
    )
    y = op.Where(mask.astype(bool), op.Unsqueeze(wide_, [-2]), like(x, 0))
    a, b = dim1 % count, dim2 % count
    order = list(range(count - 2))
    for place, axis in sorted([(a, count - 2), (b, count - 1)]):
        order.insert(place, axis)
    return axes.transpose(op, y, order)
