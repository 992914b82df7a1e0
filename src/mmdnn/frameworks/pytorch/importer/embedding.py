"""Bags of embeddings: sums, means or maxima of rows; an empty bag is 0, a padding entry does not count."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmdnn.frameworks.pytorch.importer import dtypes
from mmdnn.frameworks.pytorch.importer.dtypes import INT64, like
from mmdnn.frameworks.pytorch.importer.table import NN, ImportedCall, Value, importer
from mmdnn.ir.builder import Op, known


@importer(
    "embedding_bag", "_embedding_bag", "_embedding_bag_forward_only", doc=f"{NN}.EmbeddingBag"
)
def embedding_bag(
    node: ImportedCall, op: Op, weight: Value, indices: Value, offsets: Value, *,
    mode: int, per_sample_weights: Value, include_last_offset: bool, padding_idx: int,
) -> list[Any]:  # fmt: skip
    indices, offsets = node.integers(indices), node.integers(offsets)
    bags = op.Shape(offsets)
    if include_last_offset:
        bags = op.Sub(bags, np.asarray([1], np.int64))
        offsets = op.Slice(offsets, [0], [-1], [0])
    count = op.Squeeze(op.Shape(indices), [0])
    steps = op.Unsqueeze(op.Range(np.int64(0), count, np.int64(1)), [1])
    begun = op.LessOrEqual(op.Unsqueeze(op.Cast(offsets, to=INT64), [0]), steps)
    bag = op.Sub(op.ReduceSum(op.Cast(begun, to=INT64), [1], keepdims=1), np.int64(1))
    rows = op.Gather(weight, indices)
    width = np.asarray([known(weight, 1)], np.int64)
    counted = op.Expand(like(weight, 1), op.Shape(indices))
    if padding_idx is not None and padding_idx >= 0:
        valid = op.Not(op.Equal(op.Cast(indices, to=INT64), np.int64(padding_idx)))
        counted = op.Cast(valid, to=dtypes.of(weight))
        if mode == 2:
            node.refuse("padding entries among maxima")
    if mode == 2:
        low = op.Expand(like(weight, -np.inf), op.Concat(bags, width, axis=0))
        found = op.ScatterND(low, bag, rows, reduction="max")
        found = op.Where(op.Equal(found, like(weight, -np.inf)), like(weight, 0), found)
        return [found, None, None, None]
    factors = counted if per_sample_weights is None else op.Mul(counted, per_sample_weights)
    zeros = op.Expand(like(weight, 0), op.Concat(bags, width, axis=0))
    found = op.ScatterND(zeros, bag, op.Mul(rows, op.Unsqueeze(factors, [1])), reduction="add")
    if mode == 1:
        totals = op.ScatterND(op.Expand(like(weight, 0), bags), bag, counted, reduction="add")
        found = op.Div(found, op.Unsqueeze(op.Max(totals, like(weight, 1)), [1]))
    return [found, None, None, None]
