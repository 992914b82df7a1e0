"""Other shapes of the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import sizes
from mmdnn.frameworks.pytorch.importer.table import TORCH, ImportedCall, Number, Value, importer
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, dimensions, known, rank


@importer(
    "view",
    "reshape",
    "_unsafe_view",
    "reshape_copy",
    "view_copy",
    "_reshape_alias",
    doc=f"{TORCH}.reshape",
    unused="stride",
)
def reshape(node: ImportedCall, op: Op, x: Value, size: Any) -> Value:
    if isinstance(size, ir.DataType):
        node.refuse("it reads the bytes of numbers as those of another type")
    return sizes.reshaped(op, x, size)


@importer("view_as", "reshape_as", doc=f"{TORCH}.Tensor.view_as")
def reshape_as(node: ImportedCall, op: Op, x: Value, other: Value) -> Value:
    return sizes.reshaped(op, x, [sizes.size(op, other, axis) for axis in range(rank(other))])


@importer("flatten", "ravel", doc=f"{TORCH}.flatten")
def flatten(node: ImportedCall, op: Op, x: Value, *, start_dim: int, end_dim: int) -> Value:
    count = rank(x)
    if count == 0:
        return op.Reshape(x, [1])
    first = node.axis(start_dim or 0, x)
    last = node.axis(-1 if end_dim is None else end_dim, x)
    if first == 1 and last == count - 1 and count > 2:
        return op.Flatten(x, axis=1)
    kept = [(axis,) for axis in range(first)]
    behind = [(axis,) for axis in range(last + 1, count)]
    return axes.reshape(op, x, [*kept, tuple(range(first, last + 1)), *behind])


@importer("unflatten", doc=f"{TORCH}.unflatten")
def unflatten(node: ImportedCall, op: Op, x: Value, dim: int, size: Any) -> Value:
    axis = node.axis(dim, x)
    target = [sizes.size(op, x, i) for i in range(rank(x))]
    return sizes.reshaped(op, x, [*target[:axis], *size, *target[axis + 1 :]])


@importer("squeeze", "squeeze_copy", doc=f"{TORCH}.squeeze")
def squeeze(node: ImportedCall, op: Op, x: Value, *, dim: Any) -> Value:
    if rank(x) == 0:
        return x
    named = sizes.axis_list(node, x, dim) if dim is not None else range(rank(x))
    found = [axis for axis in named if dimensions(x)[axis] == 1]
    return op.Squeeze(x, found) if found else x


@importer("unsqueeze", "unsqueeze_copy", doc=f"{TORCH}.unsqueeze")
def unsqueeze(node: ImportedCall, op: Op, x: Value, dim: int) -> Value:
    return op.Unsqueeze(x, [dim % (rank(x) + 1)])


def transposed(node: ImportedCall, op: Op, x: Value, order: list[int]) -> Value:
    """Axes in another order; of a weight, by reference."""
    if order == list(range(len(order))):
        return x
    return node.graph.permuted(x, order) or op.Transpose(x, perm=order)


@importer("permute", "permute_copy", doc=f"{TORCH}.permute")
def permute(node: ImportedCall, op: Op, x: Value, dims: list[int]) -> Value:
    return transposed(node, op, x, [node.axis(d, x) for d in dims])


@importer("transpose", "swapaxes", "swapdims", "transpose_copy", doc=f"{TORCH}.transpose")
def transpose(node: ImportedCall, op: Op, x: Value, a: int, b: int) -> Value:
    order = list(range(rank(x)))
    if order:
        a, b = node.axis(a, x), node.axis(b, x)
        order[a], order[b] = order[b], order[a]
    return transposed(node, op, x, order)


@importer("t", "T", "numpy_T", "mT", "mH", "H", "adjoint", "t_copy", doc=f"{TORCH}.t")
def matrix_transpose(node: ImportedCall, op: Op, x: Value) -> Value:
    order = list(range(rank(x)))
    if node.type in {"T", "numpy_T"}:
        return transposed(node, op, x, order[::-1])
    return transposed(node, op, x, [*order[:-2], *order[-2:][::-1]])


@importer("movedim", "moveaxis", doc=f"{TORCH}.movedim")
def movedim(node: ImportedCall, op: Op, x: Value, source: Any, target: Any) -> Value:
    sources = [node.axis(d, x) for d in sizes.several(source, 1)]
    targets = [node.axis(d, x) for d in sizes.several(target, 1)]
    order = [axis for axis in range(rank(x)) if axis not in sources]
    for place, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(place, axis)
    return transposed(node, op, x, order)


@importer("expand", "broadcast_to", "expand_copy", doc=f"{TORCH}.Tensor.expand", unused="implicit")
def expand(node: ImportedCall, op: Op, x: Value, size: list[Any]) -> Value:
    dims = dimensions(x)
    lead = len(size) - len(dims)
    if all(s == -1 or s == d for s, d in zip(size[lead:], dims, strict=True)) and not lead:
        return x
    target = [1 if not isinstance(s, ir.Value) and s == -1 else s for s in size]
    return op.Expand(x, sizes.vector(op, target))


@importer("expand_as", doc=f"{TORCH}.Tensor.expand_as")
def expand_as(node: ImportedCall, op: Op, x: Value, other: Value) -> Value:
    return expand(node, op, x, [sizes.size(op, other, axis) for axis in range(rank(other))])


@importer("broadcast_tensors", doc=f"{TORCH}.broadcast_tensors")
def broadcast_tensors(node: ImportedCall, op: Op, tensors: list[Value]) -> list[Value]:
    node.several = True
    target: Any = op.Shape(tensors[0])
    whole = tensors[0]
    for x in tensors[1:]:
        ones = [op.Expand(np.int64(1), op.Shape(each)) for each in (whole, x)]
        whole = op.Mul(*ones)
        target = op.Shape(whole)
    return [op.Expand(x, target) for x in tensors]


@importer("repeat", "tile", doc=f"{TORCH}.Tensor.repeat")
def repeat(node: ImportedCall, op: Op, x: Value, repeats: list[Any]) -> Value:
    lead = len(repeats) - rank(x)
    if lead < 0:
        repeats = [1] * -lead + list(repeats)
    x = axes.at_least(op, x, len(repeats))
    return op.Tile(x, sizes.vector(op, repeats))


@importer("pixel_shuffle", doc=f"{TORCH}.nn.functional.pixel_shuffle")
def pixel_shuffle(node: ImportedCall, op: Op, x: Value, factor: int) -> Value:
    y, lead = _as_images(op, x)
    return _as_before(op, op.DepthToSpace(y, blocksize=factor, mode="CRD"), lead)


@importer("pixel_unshuffle", doc=f"{TORCH}.nn.functional.pixel_unshuffle")
def pixel_unshuffle(node: ImportedCall, op: Op, x: Value, factor: int) -> Value:
    count = rank(x)
    c, h, w = (known(x, axis) for axis in (-3, -2, -1))
    lead: list[Any] = [(axis,) for axis in range(count - 3)]
    y = axes.reshape(op, x, [*lead, c, h // factor, factor, w // factor, factor])
    at = count - 3
    order = [*range(at), at, at + 2, at + 4, at + 1, at + 3]
    y = op.Transpose(y, perm=order)
    return axes.reshape(op, y, [*lead, c * factor * factor, h // factor, w // factor])


@importer("channel_shuffle", "native_channel_shuffle", doc=f"{TORCH}.nn.functional.channel_shuffle")
def channel_shuffle(node: ImportedCall, op: Op, x: Value, groups: int) -> Value:
    rest: list[Any] = [(axis,) for axis in range(2, rank(x))]
    c = known(x, 1)
    y = axes.reshape(op, x, [(0,), groups, c // groups, *rest])
    y = op.Transpose(y, perm=[0, 2, 1, *range(3, rank(y))])
    return axes.reshape(op, y, [(0,), c, *((axis + 1,) for (axis,) in rest)])


def _as_images(op: Op, x: Value) -> tuple[Value, int]:
    lead = rank(x) - 3
    if lead == 1:
        return x, 1
    if lead == 0:
        return op.Unsqueeze(x, [0]), 0
    known(x, 0)
    return op.Reshape(x, [-1, *(known(x, axis) for axis in (-3, -2, -1))]), lead


def _as_before(op: Op, y: Value, lead: int) -> Value:
    return op.Squeeze(y, [0]) if lead == 0 else y


@importer("sym_size", "size", doc=f"{TORCH}.Tensor.size")
def sym_size(node: ImportedCall, op: Op, x: Value, *, dim: int) -> Any:
    if dim is None:
        node.several = True
        return [Number(sizes.size(op, x, axis)) for axis in range(rank(x))]
    return Number(sizes.size(op, x, node.axis(dim, x)))


@importer("sym_numel", "numel", doc=f"{TORCH}.numel")
def numel(node: ImportedCall, op: Op, x: Value) -> Any:
    total = axes.product(x, range(rank(x)))
    return Number(op.Size(x) if total is None else total)


@importer("atleast_1d", "atleast_2d", "atleast_3d", doc=f"{TORCH}.atleast_1d")
def at_least(node: ImportedCall, op: Op, x: Value) -> Value:
    axes_wanted = int(node.type[8])
    return axes.at_least_three(op, x) if axes_wanted == 3 else axes.at_least(op, x, axes_wanted)
