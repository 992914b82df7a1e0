"""Operators along sequences of given lengths (src/operator/sequence_*.cc)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array, cast, choose
from mmdnn.frameworks.mxnet.importer.indexing import FARTHEST, INT, size_of
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir.axes import transpose
from mmdnn.ir.builder import Op, dimensions, rank


def _lengths(op: Op, length: ir.Value, axes: list[int]) -> ir.Value:
    return op.Unsqueeze(cast(op, length, INT), axes)


def _places(op: Op, x: ir.Value, axis: int) -> ir.Value | np.ndarray:
    """0, 1, ... along the first axes, shaped to broadcast over axes 0 and 1."""
    dim = dimensions(x)[axis]
    numbers: Any = (
        np.arange(dim, dtype=np.int64)
        if isinstance(dim, int)
        else op.Range(np.int64(0), size_of(op, x, axis), np.int64(1))
    )
    if isinstance(numbers, np.ndarray):
        return numbers[:, None] if axis == 0 else numbers[None]
    return op.Unsqueeze(numbers, [1 - axis])


def _inside(op: Op, x: ir.Value, length: ir.Value, axis: int) -> ir.Value:
    """Which places lie before each sequence's length, over all axes of x."""
    inside = op.Less(_places(op, x, axis), _lengths(op, length, [axis]))
    return op.Unsqueeze(inside, list(range(2, rank(x)))) if rank(x) > 2 else inside


@importer("SequenceMask", doc=f"{NN}.SequenceMask")
def sequence_mask(node: ImportedNode, op: Op, x: ir.Value, *length: ir.Value) -> ir.Value:
    """Places after each sequence's length are given a value."""
    p = node.p
    if not p.use_sequence_length:
        return op.Identity(x)
    return choose(op, _inside(op, x, length[0], p.axis), x, array(p.value, x))


@importer("SequenceLast", doc=f"{NN}.SequenceLast")
def sequence_last(node: ImportedNode, op: Op, x: ir.Value, *length: ir.Value) -> ir.Value:
    p = node.p
    axis = p.axis
    if not p.use_sequence_length:
        return op.Gather(x, np.int64(-1), axis=axis)
    last = op.Sub(cast(op, length[0], INT), np.int64(1))
    batch_first = transpose(op, x, [1, 0, *range(2, rank(x))]) if axis == 0 else x
    return op.GatherND(batch_first, op.Unsqueeze(last, [1]), batch_dims=1)


@importer("SequenceReverse", doc=f"{NN}.SequenceReverse")
def sequence_reverse(node: ImportedNode, op: Op, x: ir.Value, *length: ir.Value) -> ir.Value:
    """Along the first axis, each sequence within its length."""
    if node.p.axis != 0:
        node.unfit("the sequence's axis can only be 0")
    if not node.p.use_sequence_length:
        return op.Slice(x, [-1], [FARTHEST.min], [0], [-1])
    return op.ReverseSequence(x, cast(op, length[0], INT), time_axis=0, batch_axis=1)
