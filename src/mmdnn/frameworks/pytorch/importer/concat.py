"""Joining and splitting."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmdnn.frameworks.pytorch.importer import dtypes, sizes
from mmdnn.frameworks.pytorch.importer.table import TORCH, ImportedCall, Value, importer
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, dimensions, known, rank


def _common(op: Op, tensors: list[Value]) -> list[Any]:
    kind = dtypes.common(tensors)
    return [dtypes.cast(op, x, kind) for x in tensors]


@importer("cat", "concat", "concatenate", doc=f"{TORCH}.cat")
def cat(node: ImportedCall, op: Op, tensors: list[Value], *, dim: int) -> Value:
    """One-dimensional tensors without elements are skipped."""
    together = _common(op, tensors)
    kept = [x for x in together if dimensions(x) != (0,)] or together[:1]
    return (
        op.Concat(*kept, axis=node.axis(dim or 0, kept[0]))
        if len(kept) > 1
        else op.Identity(kept[0])
    )


@importer("stack", doc=f"{TORCH}.stack")
def stack(node: ImportedCall, op: Op, tensors: list[Value], *, dim: int) -> Value:
    axis = (dim or 0) % (rank(tensors[0]) + 1)
    return op.Concat(*(op.Unsqueeze(x, [axis]) for x in _common(op, tensors)), axis=axis)


@importer("hstack", "vstack", "dstack", "column_stack", "row_stack", doc=f"{TORCH}.hstack")
def hstack(node: ImportedCall, op: Op, tensors: list[Value]) -> Value:
    tensors = _common(op, tensors)
    if node.type == "column_stack":
        columns = [op.Reshape(x, [-1, 1]) if rank(x) < 2 else x for x in tensors]
        return op.Concat(*columns, axis=1)
    if node.type == "dstack":
        return op.Concat(*(axes.at_least_three(op, x) for x in tensors), axis=2)
    least = 1 if node.type == "hstack" else 2
    tensors = [axes.at_least(op, x, least) for x in tensors]
    return op.Concat(*tensors, axis=1 if node.type == "hstack" and rank(tensors[0]) > 1 else 0)


def _parts(node: ImportedCall, op: Op, x: Value, axis: int, lengths: list[Any]) -> list[Value]:
    node.several = True
    if len(lengths) == 1:
        return [x]
    split = sizes.vector(op, lengths)
    return list(op.outputs(len(lengths)).Split(x, split, axis=axis))


@importer(
    "split",
    "unsafe_split",
    "split_with_sizes",
    "unsafe_split_with_sizes",
    "split_copy",
    "split_with_sizes_copy",
    doc=f"{TORCH}.split",
)
def split(node: ImportedCall, op: Op, x: Value, lengths: Any, *, dim: int) -> list[Value]:
    axis = node.axis(dim or 0, x)
    if not isinstance(lengths, list):
        whole = known(x, axis)
        lengths = [min(lengths, whole - start) for start in range(0, whole, lengths)] or [0]
    return _parts(node, op, x, axis, lengths)


@importer("chunk", "unsafe_chunk", doc=f"{TORCH}.chunk")
def chunk(node: ImportedCall, op: Op, x: Value, chunks: int, *, dim: int) -> list[Value]:
    """Parts of equal size, rounded up: there may be fewer than asked for."""
    axis = node.axis(dim or 0, x)
    whole = known(x, axis)
    length = -(-whole // chunks) or 1
    return _parts(node, op, x, axis, [min(length, whole - s) for s in range(0, whole, length)])


@importer("tensor_split", doc=f"{TORCH}.tensor_split")
def tensor_split(
    node: ImportedCall, op: Op, x: Value, *, sections: int, indices: Any, dim: int,
    tensor_indices_or_sections: Value,
) -> list[Value]:  # fmt: skip
    if tensor_indices_or_sections is not None:
        node.refuse("its places are computed")
    axis = node.axis(dim or 0, x)
    whole = known(x, axis)
    if indices is not None:
        ends = [*(min(i % whole if i < 0 else i, whole) for i in indices), whole]
        starts = [0, *ends[:-1]]
        return _parts(node, op, x, axis, [max(e - s, 0) for s, e in zip(starts, ends, strict=True)])
    more = whole % sections
    return _parts(node, op, x, axis, [whole // sections + (i < more) for i in range(sections)])


@importer("unbind", "unbind_copy", doc=f"{TORCH}.unbind")
def unbind(node: ImportedCall, op: Op, x: Value, *, dim: int) -> list[Value]:
    axis = node.axis(dim or 0, x)
    parts = _parts(node, op, x, axis, [1] * known(x, axis))
    return [op.Squeeze(part, [axis]) for part in parts]


@importer("meshgrid", doc=f"{TORCH}.meshgrid")
def meshgrid(node: ImportedCall, op: Op, tensors: list[Value], *, indexing: str) -> list[Value]:
    node.several = True
    tensors = [op.Reshape(x, [1]) if rank(x) == 0 else x for x in tensors]
    count = len(tensors)
    order = list(range(count))
    if indexing == "xy" and count > 1:
        order[0], order[1] = 1, 0
    lengths: list[Any] = [None] * count
    for x, place in zip(tensors, order, strict=True):
        lengths[place] = sizes.size(op, x, 0)
    target = sizes.vector(op, lengths)
    return [
        op.Expand(op.Unsqueeze(x, [axis for axis in range(count) if axis != place]), target)
        for x, place in zip(tensors, order, strict=True)
    ]


@importer("cartesian_prod", doc=f"{TORCH}.cartesian_prod")
def cartesian_prod(node: ImportedCall, op: Op, tensors: list[Value]) -> Value:
    if len(tensors) == 1:
        return op.Identity(tensors[0])
    grids = meshgrid(node, op, tensors, indexing="ij")
    node.several = False
    return op.Concat(*(op.Reshape(x, [-1, 1]) for x in grids), axis=1)


@importer("block_diag", doc=f"{TORCH}.block_diag")
def block_diag(node: ImportedCall, op: Op, tensors: list[Value]) -> Value:
    tensors = [axes.at_least(op, x, 2) for x in _common(op, tensors)]
    total, before, rows = sum(known(x, 1) for x in tensors), 0, []
    for x in tensors:
        width = known(x, 1)
        rows.append(op.Pad(x, np.asarray([0, before, 0, total - before - width], np.int64)))
        before += width
    return op.Concat(*rows, axis=0)
