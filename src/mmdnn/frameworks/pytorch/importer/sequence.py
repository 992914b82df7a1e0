"""Sequences of several lengths, packed: here they stay padded, beside their lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmdnn.frameworks.pytorch.importer.dtypes import INT64, like
from mmdnn.frameworks.pytorch.importer.table import NN, ImportedCall, Number, Value, importer
from mmdnn.ir.builder import Op, rank

RNN = f"{NN}.utils.rnn"


class Packed:
    """Packed sequences.

    Attributes:
        padded: [T, N, ...].
        lengths: [N].
    """

    def __init__(self, padded: Value, lengths: Value) -> None:
        self.padded = padded
        self.lengths = lengths


def _steps(op: Op, x: Value, axis: int) -> Value:
    return op.Range(
        np.int64(0), op.Squeeze(op.Shape(x, start=axis, end=axis + 1), [0]), np.int64(1)
    )


@importer("_pack_padded_sequence", doc=f"{RNN}.pack_padded_sequence")
def pack(node: ImportedCall, op: Op, x: Value, lengths: Value, *, batch_first: bool) -> list[Any]:
    """And how many sequences there are at each step."""
    x = op.Transpose(x, perm=[1, 0, *range(2, rank(x))]) if batch_first else x
    lengths = op.Cast(lengths, to=INT64)
    longest = op.ReduceMax(lengths, [0], keepdims=1)
    x = op.Slice(x, [0], longest, [0])
    longer = op.Greater(op.Unsqueeze(lengths, [0]), op.Unsqueeze(_steps(op, x, 0), [1]))
    counts = op.ReduceSum(op.Cast(longer, to=INT64), [1], keepdims=0)
    return [Number(Packed(x, lengths)), counts]


@importer("_pad_packed_sequence", doc=f"{RNN}.pad_packed_sequence", unused="batch_sizes")
def unpack(
    node: ImportedCall,
    op: Op,
    data: Packed,
    *,
    batch_first: bool,
    padding_value: Any,
    total_length: int,
) -> list[Value]:
    x = data.padded
    inside = op.Less(op.Unsqueeze(_steps(op, x, 0), [1]), op.Unsqueeze(data.lengths, [0]))
    mask = op.Unsqueeze(inside, list(range(2, rank(x))))
    y = op.Where(mask, x, like(x, padding_value))
    if total_length is not None and total_length != -1:
        missing = op.Sub(np.asarray([total_length], np.int64), op.Shape(x, start=0, end=1))
        zeros = np.zeros(rank(x), np.int64)
        y = op.Pad(y, op.Concat(zeros, missing, zeros[1:], axis=0), like(x, padding_value))
    y = op.Transpose(y, perm=[1, 0, *range(2, rank(y))]) if batch_first else y
    return [y, op.Identity(data.lengths)]
