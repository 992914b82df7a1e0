"""Attention: a causal mask begins at the top left; a row that may attend to nothing gives 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import dtypes
from mmdnn.frameworks.pytorch.importer.dtypes import like
from mmdnn.frameworks.pytorch.importer.table import NN, ImportedCall, Value, importer
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, known, rank


@importer("scaled_dot_product_attention", doc=f"{NN}.functional.scaled_dot_product_attention")
def attention(
    node: ImportedCall, op: Op, q: Value, k: Value, v: Value, mask: Value | None, *,
    dropout_p: float, is_causal: bool, scale: float, enable_gqa: bool,
) -> Value:  # fmt: skip
    if dropout_p:
        node.refuse("it drops at random")
    count = rank(q)
    if enable_gqa:
        k, v = (_repeated(op, x, known(q, -3)) for x in (k, v))
    factor = 1 / math.sqrt(known(q, -1)) if scale is None else scale
    turned = op.Transpose(k, perm=[*range(rank(k) - 2), rank(k) - 1, rank(k) - 2])
    scores = op.Mul(op.MatMul(q, turned), like(q, factor))
    empty = False
    if is_causal:
        mask = _causal(op, scores)
    if mask is not None and dtypes.of(mask) == dtypes.BOOL:
        scores = op.Where(mask, scores, like(scores, -np.inf))
        empty = not is_causal
    elif mask is not None:
        scores = op.Add(scores, dtypes.cast(op, mask, dtypes.of(scores)))
        empty = True
    weights = op.Softmax(scores, axis=count - 1)
    if empty:
        weights = op.Where(op.IsNaN(weights), like(weights, 0), weights)
    return op.MatMul(weights, v)


def _causal(op: Op, scores: Value) -> Value:
    """True where a step may attend to another: [L, S]."""
    rows, columns = scores.shape[-2], scores.shape[-1]  # type: ignore[index]
    if isinstance(rows, int) and isinstance(columns, int):
        return op.builder.constant(np.tri(rows, columns, dtype=bool))
    target = axes.vector(op, scores, [(rank(scores) - 2,), (rank(scores) - 1,)])
    ones = op.Expand(np.int64(1), target)
    return op.Cast(op.Trilu(ones, upper=0), to=ir.DataType.BOOL)


def _repeated(op: Op, x: Value, heads: int) -> Value:
    """Each head as often as queries share it."""
    axis = rank(x) - 3
    each = heads // known(x, axis)
    if each == 1:
        return x
    wide = op.Unsqueeze(x, [axis + 1])
    repeats = np.ones(rank(x) + 1, np.int64)
    repeats[axis + 1] = each
    kept: list[Any] = [(a,) for a in range(axis)]
    rest = [(a,) for a in range(axis + 2, rank(x) + 1)]
    return axes.reshape(op, op.Tile(wide, repeats), [*kept, (axis, axis + 1), *rest])
