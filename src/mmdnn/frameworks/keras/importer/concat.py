"""Joining and splitting."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from mmdnn.frameworks.keras.importer.elementwise import MERGING, together
from mmdnn.frameworks.keras.importer.table import OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank


@importer("Concatenate", doc=f"{MERGING}/concatenate")
def concatenate(node: ImportedNode, op: Op, *inputs: Value, axis: int) -> Value:
    """Masks are joined too, and one that is not there counts everywhere."""
    y = op.Concat(*inputs, axis=int(axis))
    found = [node.graph.masks.get(value) for value in inputs]
    if any(mask is not None for mask in found) and rank(y) > 2:
        node.graph.masks[y] = _mask(node, op, inputs, found, int(axis) % rank(y))
    return y


def _mask(
    node: ImportedNode, op: Op, inputs: Any, found: list[Value | None], axis: int
) -> Value | None:
    if axis == 1:
        parts = [
            mask if mask is not None else _ones(op, x)
            for x, mask in zip(inputs, found, strict=True)
        ]
        return op.Concat(*parts, axis=1)
    known_ones = [mask for mask in found if mask is not None]
    every = known_ones[0]
    for mask in known_ones[1:]:
        every = op.And(every, mask)
    return every


def _ones(op: Op, x: Value) -> Value:
    return op.Expand(np.ones((1, 1), bool), op.Shape(x, start=0, end=2))


@importer("ops.Concatenate", doc=f"{OPS}/numpy")
def concatenate_operation(node: ImportedNode, op: Op, xs: list[Any], *, axis: int) -> Value:
    return op.Concat(*together(node, op, *xs), axis=int(axis))


@importer("ops.Stack", doc=f"{OPS}/numpy")
def stack(node: ImportedNode, op: Op, xs: list[Any], *, axis: int) -> Value:
    values = together(node, op, *xs)
    return op.Concat(*(op.Unsqueeze(x, [axis]) for x in values), axis=axis)


@importer("ops.Hstack", "ops.Vstack", doc=f"{OPS}/numpy")
def hstack(node: ImportedNode, op: Op, xs: list[Any]) -> Value:
    values = together(node, op, *xs)
    level = rank(values[0])
    if node.layer.type == "ops.Hstack":
        return op.Concat(*values, axis=0 if level == 1 else 1)
    rows = [op.Unsqueeze(x, [0]) if level == 1 else x for x in values]
    return op.Concat(*rows, axis=0)


@importer("ops.Split", doc=f"{OPS}/numpy")
def split(
    node: ImportedNode, op: Op, x: Value, *, indices_or_sections: Any, axis: int
) -> list[Value]:
    size = known(x, node.axis(axis, x))
    if isinstance(indices_or_sections, int):
        counts = [size // indices_or_sections] * indices_or_sections
    else:
        edges = [0, *indices_or_sections, size]
        counts = [after - before for before, after in pairwise(edges)]
    return list(op.outputs(len(counts)).Split(x, counts, axis=axis))


@importer("ops.Unstack", doc=f"{OPS}/core", unused="num")
def unstack(node: ImportedNode, op: Op, x: Value, *, axis: int) -> list[Value]:
    size = known(x, node.axis(axis, x))
    parts = op.outputs(size).Split(x, [1] * size, axis=axis)
    return [op.Squeeze(part, [axis]) for part in parts]
