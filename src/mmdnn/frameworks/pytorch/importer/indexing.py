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


def _indices(node: ImportedCall, op: Op, given: Sequence[Value | None]) -> list[Value | None]:
    """Truth values as the places where they are."""
    found: list[Value | None] = []
    for each in given:
        if each is not None and dtypes.of(each) in {BOOL, ir.DataType.UINT8}:
            places = op.NonZero(cast(op, each, BOOL))
            found += [op.Gather(places, np.int64(i), axis=0) for i in range(rank(each))]
        else:
            found.append(each)
    return found


def _places(op: Op, x: Value, given: Sequence[Value | None]) -> tuple[list[int], Value]:
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


def _order(count: int, named: Sequence[int]) -> list[int]:
    return [*named, *(axis for axis in range(count) if axis not in named)]


@importer("index", "_unsafe_index", doc="https://numpy.org/doc/stable/user/basics.indexing.html")
def index(node: ImportedCall, op: Op, x: Value, indices: list[Value | None]) -> Value:
    """Indexed axes that stand together stay where they are; others come first."""
    given = _indices(node, op, indices)
    named = [axis for axis, each in enumerate(given) if each is not None]
    if not named:
        return x
    if len(named) == 1:
        return op.Gather(x, given[named[0]], axis=named[0])
    named, places = _places(op, x, given)
    count, new = rank(x), rank(places) - 1
    y = op.GatherND(axes.transpose(op, x, _order(count, named)), places)
    if named != list(range(named[0], named[-1] + 1)) or named[0] == 0:
        return y
    order = [*range(new, new + named[0]), *range(new), *range(new + named[0], rank(y))]
    return op.Transpose(y, perm=order)


@importer(
    "index_put",
    "_index_put_impl",
    "_unsafe_index_put",
    doc=f"{TORCH}.Tensor.index_put_",
    unused="unsafe",
)
def index_put(
    node: ImportedCall,
    op: Op,
    x: Value,
    indices: list[Value | None],
    values: Value,
    *,
    accumulate: bool,
) -> Value:
    mask = indices[0]
    one_mask = len(indices) == 1 and mask is not None and dtypes.of(mask) == BOOL
    if mask is not None and one_mask and rank(values) == 0 and not accumulate:
        for _ in range(rank(x) - rank(mask)):
            mask = op.Unsqueeze(mask, [-1])
        return op.Where(mask, cast(op, values, dtypes.of(x)), x)
    given = _indices(node, op, indices)
    if all(each is None for each in given):
        return op.Expand(
            cast(op, values, dtypes.of(x)), axes.vector(op, x, [(a,) for a in range(rank(x))])
        )
    named, places = _places(op, x, given)
    order = _order(rank(x), named)
    base = axes.transpose(op, x, order)
    rest = list(range(len(named), rank(x)))
    target = [op.Shape(places, start=0, end=-1)]
    if rest:
        target.append(op.Shape(base, start=len(named)))
    shape = op.Concat(*target, axis=0) if len(target) > 1 else target[0]
    together = named == list(range(named[0], named[-1] + 1)) and named[0] != 0
    new = rank(places) - 1
    values = cast(op, values, dtypes.of(x))
    if together and rank(values) > 1:
        whole = axes.at_least(op, values, new + len(rest))
        lead = named[0]
        back = [*range(lead, lead + new), *range(lead), *range(lead + new, new + len(rest))]
        values = op.Transpose(whole, perm=back)
    updates = op.Expand(values, shape)
    y = op.ScatterND(base, places, updates, reduction="add" if accumulate else None)
    return axes.transpose(op, y, [order.index(axis) for axis in range(rank(x))])


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


_REDUCTIONS = {
    "add": "add",
    "multiply": "mul",
    "sum": "add",
    "prod": "mul",
    "amax": "max",
    "amin": "min",
}


@importer("scatter", "scatter_add", "scatter_reduce", doc=f"{TORCH}.Tensor.scatter_")
def scatter(
    node: ImportedCall, op: Op, x: Value, dim: int, index: Value, *,
    src: Any, value: Any, reduce: str, include_self: bool,
) -> Value:  # fmt: skip
    axis = node.axis(dim, x)
    kind = dtypes.of(x)
    reduce = "add" if node.type == "scatter_add" else reduce
    if reduce is not None and reduce not in _REDUCTIONS:
        node.refuse(f"it reduces by {reduce}")
    if src is None:
        updates = op.Expand(
            cast(op, value, kind), axes.vector(op, index, [(a,) for a in range(rank(index))])
        )
    else:
        updates = _whole_cut(op, cast(op, src, kind), index)
    if reduce is not None and include_self is False:
        start = {"sum": 0, "prod": 1, "amax": _limit(kind, -1), "amin": _limit(kind, 1)}[reduce]
        neutral = op.Expand(
            like(x, start), axes.vector(op, index, [(a,) for a in range(rank(index))])
        )
        x = op.ScatterElements(x, index, neutral, axis=axis)
    how = _REDUCTIONS[reduce] if reduce is not None else None
    return op.ScatterElements(x, index, updates, axis=axis, reduction=how)


def _limit(kind: ir.DataType, sign: int) -> Any:
    if kind.is_floating_point():
        return sign * np.inf
    limits = np.iinfo(kind.numpy())
    return limits.max if sign > 0 else limits.min


def _whole_cut(op: Op, x: Value, index: Value) -> Value:
    named = [a for a in range(rank(x)) if dimensions(x)[a] != dimensions(index)[a]]
    if not named:
        return x
    ends = axes.vector(op, index, [(a,) for a in named])
    return op.Slice(x, [0] * len(named), ends, np.asarray(named, np.int64))


@importer("index_add", "index_copy", "index_fill", "index_reduce", doc=f"{TORCH}.Tensor.index_add_")
def index_add(
    node: ImportedCall, op: Op, x: Value, dim: int, index: Value, source: Any, *, alpha: Any
) -> Value:
    if node.type == "index_reduce":
        node.refuse("it reduces by a name")
    axis = node.axis(dim, x)
    order = [axis, *(a for a in range(rank(x)) if a != axis)]
    base = axes.transpose(op, x, order)
    index = op.Reshape(index, [-1])
    source = cast(op, source, dtypes.of(x))
    if not isinstance(source, ir.Value) or rank(source) == 0:
        source = op.Expand(source, op.Concat(op.Shape(index), op.Shape(base, start=1), axis=0))
    else:
        source = axes.transpose(op, source, order)
    if alpha not in (None, 1):
        source = op.Mul(source, like(x, alpha))
    how = "add" if node.type == "index_add" else None
    y = op.ScatterND(base, op.Unsqueeze(index, [-1]), source, reduction=how)
    return axes.transpose(op, y, [order.index(a) for a in range(rank(x))])


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


@importer("slice_scatter", doc=f"{TORCH}.slice_scatter")
def slice_scatter(
    node: ImportedCall,
    op: Op,
    x: Value,
    source: Value,
    *,
    dim: int,
    start: Any,
    end: Any,
    step: int,
) -> Value:
    axis = node.axis(dim or 0, x)
    whole = known(x, axis)
    places = np.arange(whole)[slice(start, None if end is None else end, step)]
    return _put_rows(op, x, source, axis, places)


def _put_rows(op: Op, x: Value, source: Value, axis: int, places: np.ndarray) -> Value:
    order = [axis, *(a for a in range(rank(x)) if a != axis)]
    base, rows = axes.transpose(op, x, order), axes.transpose(op, source, order)
    y = op.ScatterND(base, places.astype(np.int64)[:, None], cast(op, rows, dtypes.of(x)))
    return axes.transpose(op, y, [order.index(a) for a in range(rank(x))])


@importer("select_scatter", doc=f"{TORCH}.select_scatter")
def select_scatter(
    node: ImportedCall, op: Op, x: Value, source: Value, dim: int, index: int
) -> Value:
    axis = node.axis(dim, x)
    return _put_rows(
        op, x, op.Unsqueeze(source, [axis]), axis, np.asarray([index % known(x, axis)])
    )


@importer("masked_select", doc=f"{TORCH}.masked_select")
def masked_select(node: ImportedCall, op: Op, x: Value, mask: Value) -> Value:
    if dimensions(x) != dimensions(mask):
        both = op.And(mask, op.Expand(np.asarray(True), op.Shape(x)))
        x = op.Expand(x, op.Shape(both))
        mask = both
    return op.Compress(op.Reshape(x, [-1]), op.Reshape(mask, [-1]), axis=0)


@importer("masked_scatter", doc=f"{TORCH}.Tensor.masked_scatter_")
def masked_scatter(node: ImportedCall, op: Op, x: Value, mask: Value, source: Value) -> Value:
    """The n-th place that is marked gets the source's n-th element."""
    mask = op.And(mask, op.Expand(np.asarray(True), op.Shape(x)))
    flags = op.Reshape(op.Cast(mask, to=INT64), [-1])
    order = op.Sub(op.CumSum(flags, np.int64(0)), np.int64(1))
    taken = op.Gather(op.Reshape(source, [-1]), op.Max(order, np.int64(0)))
    return op.Where(mask, op.Reshape(taken, op.Shape(x)), x)


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
    rows, columns = known(x, a), known(x, b)
    offset = offset or 0
    places = [(i, i + offset) for i in range(rows) if 0 <= i + offset < columns]
    order = [a, b, *(axis for axis in range(rank(x)) if axis not in (a, b))]
    y = op.GatherND(axes.transpose(op, x, order), np.asarray(places, np.int64).reshape(-1, 2))
    return axes.transpose(op, y, [*range(1, rank(y)), 0])


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


@importer("unfold", doc=f"{TORCH}.Tensor.unfold")
def unfold(node: ImportedCall, op: Op, x: Value, dim: int, size: int, step: int) -> Value:
    if rank(x) == 0:
        return op.Reshape(x, [1])
    axis = node.axis(dim, x)
    starts = np.arange(0, known(x, axis) - size + 1, step)
    y = op.Gather(x, (starts[:, None] + np.arange(size)).astype(np.int64), axis=axis)
    return axes.moved(op, y, axis + 1, rank(y) - 1)


def _windows(size: int, kernel: int, dilation: int, pad: int, stride: int) -> np.ndarray:
    """The padded places that each position of a kernel sees: [kernel, windows]."""
    count = (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
    return np.arange(kernel)[:, None] * dilation + np.arange(count) * stride


@importer("im2col", doc=f"{TORCH}.nn.functional.unfold")
def im2col(
    node: ImportedCall,
    op: Op,
    x: Value,
    *,
    kernel_size: Any,
    dilation: Any,
    padding: Any,
    stride: Any,
) -> Value:
    alone = rank(x) == 3
    x = op.Unsqueeze(x, [0]) if alone else x
    said = [sizes.several(each, 2) for each in (kernel_size, dilation, padding, stride)]
    tables = [_windows(known(x, 2 + i), *(each[i] for each in said)) for i in range(2)]
    pads = [0, 0, *said[2], 0, 0, *said[2]]
    x = op.Pad(x, np.asarray(pads, np.int64)) if any(pads) else x
    x = op.Gather(op.Gather(x, tables[0], axis=2), tables[1], axis=4)
    x = op.Transpose(x, perm=[0, 1, 2, 4, 3, 5])
    y = axes.reshape(op, x, [(0,), (1, 2, 3), (4, 5)])
    return op.Squeeze(y, [0]) if alone else y


@importer("col2im", doc=f"{TORCH}.nn.functional.fold")
def col2im(
    node: ImportedCall, op: Op, x: Value, *, output_size: Any,
    kernel_size: Any, dilation: Any, padding: Any, stride: Any,
) -> Value:  # fmt: skip
    alone = rank(x) == 2
    x = op.Unsqueeze(x, [0]) if alone else x
    kernel, dilations, pads, strides = (
        sizes.several(each, 2) for each in (kernel_size, dilation, padding, stride)
    )
    image, block = np.asarray(output_size, np.int64), np.asarray(kernel, np.int64)
    y = op.Col2Im(x, image, block, dilations=dilations, pads=pads * 2, strides=strides)
    return op.Squeeze(y, [0]) if alone else y
