"""Products of matrices (Source/ComputationNetworkLib/LinearAlgebraNodes.h, TimesNodeBase)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.importer.operand import Operand, sizes, union, widen
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.ir.builder import Op

_SINGLE = ir.DataType.FLOAT


@importer("Times", doc=f"{API}/cntk.ops#times")
def times(f: ImportedFunction, op: Op, w: Operand, x: Operand) -> Operand:
    """X (..., *contracted) with w (*contracted, *kept); `outputRank` of w's axes are kept."""
    f.has("inferInputRankToMap") and f.get("inferInputRankToMap", int)
    kept = min(f.get("outputRank", int), w.rank)
    contracted = w.rank - kept
    shape = sizes(w)
    summed = _together(x, shape[0]) if (contracted, kept) == (1, 1) else shape[:contracted]
    return _product(f, op, w, x, summed, shape[contracted:])


def _together(x: Operand, size: int) -> tuple[int, ...]:
    """The last axes of an operand that are so many numbers together, as CNTK 1's matrices take them."""
    if x.shape[-1:] != (size,):
        for count in range(2, x.rank + 1):
            last = tuple(dim for dim in x.shape[-count:] if isinstance(dim, int))
            if len(last) == count and math.prod(last) == size:
                return last
    return (size,)


@importer("TransposeTimes", doc=f"{API}/cntk.ops#times_transpose")
def transpose_times(f: ImportedFunction, op: Op, w: Operand, x: Operand) -> Operand:
    """X (..., contracted) with w (kept, contracted); a vector w gives one number."""
    if f.get("outputRank", int) != 1 or w.rank > 2:
        f.refuse("it keeps more than one axis")
    shape = sizes(w)
    kept, contracted = shape if len(shape) == 2 else (1, *shape)
    turned = _transposed(f, op, w, (contracted, kept))
    return _product(f, op, turned, x, (contracted,), (kept,))


def _transposed(f: ImportedFunction, op: Op, w: Operand, shape: tuple[int, int]) -> Operand:
    if w.rank == 1:
        return Operand(op.Unsqueeze(w.value, [w.leading + 1]), w.axes)
    made = f.changed(w, "transposed", np.transpose, shape)
    if made is not None:
        return made
    order = [*range(w.leading), w.leading + 1, w.leading]
    return Operand(op.Transpose(w.value, perm=order), w.axes)


def _product(
    f: ImportedFunction,
    op: Op,
    w: Operand,
    x: Operand,
    contracted: tuple[int, ...],
    kept: tuple[int, ...],
) -> Operand:
    """The product, both operands brought to matrices and back; of half numbers, summed as single."""
    count = len(contracted)
    mapped = x.shape[: x.rank - count]
    if x.rank < count or tuple(x.shape[x.rank - count :]) != contracted:
        f.unfit(f"{list(x.shape)} cannot be multiplied with {list(sizes(w))}")
    matrix = f.reshaped(w, (math.prod(contracted), math.prod(kept)))
    axes = union([w, x])
    left = x
    if count != 1:
        left = Operand(_flattened(op, x, len(mapped), contracted), x.axes)
    half = x.value.dtype == ir.DataType.FLOAT16
    if half:
        left, matrix = (Operand(op.Cast(v.value, to=_SINGLE), v.axes) for v in (left, matrix))
    made = (
        _batched(op, left, matrix, axes, mapped) if w.axes else op.MatMul(left.value, matrix.value)
    )
    made = op.Cast(made, to=ir.DataType.FLOAT16) if half else made
    if len(kept) != 1:
        shape = [0] * (len(axes) + len(mapped))
        made = op.Reshape(made, [*shape, *kept]) if shape or kept else op.Squeeze(made)
    return Operand(made, axes)


def _flattened(op: Op, x: Operand, mapped: int, contracted: tuple[int, ...]) -> ir.Value:
    """The last axes of an operand as one."""
    kept = x.leading + mapped
    return (
        op.Flatten(x.value)
        if kept == 1 and contracted
        else op.Reshape(x.value, [*[0] * kept, math.prod(contracted)])
    )


def _batched(
    op: Op, x: Operand, w: Operand, axes: tuple[Any, ...], mapped: tuple[Any, ...]
) -> ir.Value:
    """A product of two operands that both differ from sample to sample."""
    rank = max(x.rank, 2)
    left = widen(op, x, axes, rank) if x.axes else x.value
    if not x.axes and x.rank == 1:
        left = op.Unsqueeze(left, [0])
    made = op.MatMul(left, widen(op, w, axes, rank))
    return op.Squeeze(made, [len(axes)]) if not mapped else made
