"""Losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import dtypes
from mmdnn.frameworks.pytorch.importer.dtypes import like
from mmdnn.frameworks.pytorch.importer.table import NN, ImportedCall, Value, importer
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, known, rank

F = f"{NN}.functional"
_REDUCTIONS = ("none", "mean", "sum")


def reduced(op: Op, x: Value, reduction: int) -> Value:
    """Of all elements the mean or the sum, or these as they are."""
    if reduction == 0:
        return x
    return op[f"Reduce{'Mean' if reduction == 1 else 'Sum'}"](x, list(range(rank(x))), keepdims=0)


@importer("mse_loss", "l1_loss", doc=f"{F}.mse_loss")
def mse_loss(node: ImportedCall, op: Op, x: Value, target: Value, *, reduction: int) -> Value:
    gap = op.Sub(x, target)
    return reduced(op, op.Mul(gap, gap) if node.type == "mse_loss" else op.Abs(gap), reduction)


@importer("smooth_l1_loss", "huber_loss", doc=f"{F}.smooth_l1_loss")
def smooth_l1_loss(
    node: ImportedCall,
    op: Op,
    x: Value,
    target: Value,
    *,
    reduction: int,
    beta: float,
    delta: float,
) -> Value:
    limit = beta if node.type == "smooth_l1_loss" else delta
    gap = op.Abs(op.Sub(x, target))
    if limit == 0:
        return reduced(op, gap, reduction)
    near = op.Mul(op.Mul(gap, gap), like(x, 0.5))
    far = op.Mul(op.Sub(gap, like(x, limit / 2)), like(x, limit))
    found = op.Where(op.Less(gap, like(x, limit)), near, far)
    return reduced(
        op, op.Div(found, like(x, limit)) if node.type == "smooth_l1_loss" else found, reduction
    )


@importer("binary_cross_entropy", doc=f"{F}.binary_cross_entropy")
def binary_cross_entropy(
    node: ImportedCall, op: Op, x: Value, target: Value, weight: Value, *, reduction: int
) -> Value:
    """Logarithms are -100 at least."""
    one = like(x, 1)
    yes, no = (op.Max(op.Log(p), like(x, -100)) for p in (x, op.Sub(one, x)))
    found = op.Neg(op.Add(op.Mul(target, yes), op.Mul(op.Sub(one, target), no)))
    return reduced(op, found if weight is None else op.Mul(found, weight), reduction)


@importer("binary_cross_entropy_with_logits", doc=f"{F}.binary_cross_entropy_with_logits")
def with_logits(
    node: ImportedCall,
    op: Op,
    x: Value,
    target: Value,
    weight: Value,
    pos_weight: Value,
    *,
    reduction: int,
) -> Value:
    one = like(x, 1)
    spread = op.Softplus(op.Neg(x))
    if pos_weight is not None:
        more = op.Add(op.Mul(op.Sub(pos_weight, one), target), one)
        spread = op.Mul(spread, more)
    found = op.Add(op.Mul(op.Sub(one, target), x), spread)
    return reduced(op, found if weight is None else op.Mul(found, weight), reduction)


@importer("kl_div", doc=f"{F}.kl_div")
def kl_div(
    node: ImportedCall, op: Op, x: Value, target: Value, *, reduction: int, log_target: bool
) -> Value:
    if log_target:
        return reduced(op, op.Mul(op.Exp(target), op.Sub(target, x)), reduction)
    zero = like(target, 0)
    entropy = op.Where(op.Equal(target, zero), zero, op.Mul(target, op.Log(target)))
    return reduced(op, op.Sub(entropy, op.Mul(target, x)), reduction)


def _likelihood(
    op: Op, logs: Value, target: Value, weight: Value | None, reduction: int, ignored: int
) -> Value:
    said = {"reduction": _REDUCTIONS[reduction], "ignore_index": ignored}
    if rank(logs) == 1:
        logs, target = op.Unsqueeze(logs, [0]), op.Unsqueeze(target, [0])
        found = op.NegativeLogLikelihoodLoss(logs, target, weight, **said)
        return op.Squeeze(found, [0]) if reduction == 0 else found
    return op.NegativeLogLikelihoodLoss(logs, target, weight, **said)


@importer("nll_loss", "nll_loss_nd", "nll_loss2d", doc=f"{F}.nll_loss")
def nll_loss(
    node: ImportedCall,
    op: Op,
    logs: Value,
    target: Value,
    weight: Value,
    *,
    reduction: int,
    ignore_index: int,
) -> Value:
    return _likelihood(op, logs, target, weight, reduction, ignore_index)


@importer("nll_loss_forward", "nll_loss2d_forward", doc=f"{F}.nll_loss")
def nll_loss_forward(
    node: ImportedCall,
    op: Op,
    logs: Value,
    target: Value,
    weight: Value,
    *,
    reduction: int,
    ignore_index: int,
) -> list[Any]:
    return [_likelihood(op, logs, target, weight, reduction, ignore_index), None]


@importer("cross_entropy_loss", doc=f"{F}.cross_entropy")
def cross_entropy(
    node: ImportedCall, op: Op, x: Value, target: Value, weight: Value, *,
    reduction: int, ignore_index: int, label_smoothing: float,
) -> Value:  # fmt: skip
    axis = 1 if rank(x) > 1 else 0
    logs = op.LogSoftmax(x, axis=axis)
    if not dtypes.is_float(target):
        if not label_smoothing:
            return _likelihood(op, logs, target, weight, reduction, ignore_index)
        return _smoothed(node, op, logs, target, weight, (reduction, ignore_index, label_smoothing))
    classes = known(x, axis)
    if label_smoothing:
        kept = op.Mul(target, like(x, 1 - label_smoothing))
        target = op.Add(kept, like(x, label_smoothing / classes))
    if weight is not None:
        logs = op.Mul(
            logs, op.Unsqueeze(weight, list(range(1, rank(x) - axis))) if rank(x) > 2 else weight
        )
    found = op.Neg(op.ReduceSum(op.Mul(logs, target), [axis], keepdims=0))
    if reduction != 1:
        return reduced(op, found, reduction)
    count = axes.size(op, x, [a for a in range(rank(x)) if a != axis])
    total = op.ReduceSum(found, list(range(rank(found))), keepdims=0)
    return op.Div(
        total,
        op.Squeeze(
            dtypes.cast(op, count, dtypes.of(x))
            if isinstance(count, ir.Value)
            else count.astype(dtypes.of(x).numpy()),
            [0],
        ),
    )


def _smoothed(
    node: ImportedCall, op: Op, logs: Value, target: Value, weight: Value | None,
    said: tuple[int, int, float],
) -> Value:  # fmt: skip
    """A part of each class's likelihood beside the target's; ignored targets give 0."""
    reduction, ignored, smoothing = said
    axis = 1 if rank(logs) > 1 else 0
    classes = known(logs, axis)
    each = logs
    if weight is not None:
        each = op.Mul(
            logs, op.Unsqueeze(weight, list(range(1, rank(logs) - 1))) if rank(logs) > 2 else weight
        )
    valid = op.Not(op.Equal(target, np.int64(ignored)))
    mask = op.Cast(valid, to=dtypes.of(logs))
    spread = op.Mul(op.Neg(op.ReduceSum(each, [axis], keepdims=0)), mask)
    plain = _likelihood(op, logs, target, weight, 0, ignored)
    found = op.Add(
        op.Mul(plain, like(logs, 1 - smoothing)), op.Mul(spread, like(logs, smoothing / classes))
    )
    if reduction != 1:
        return reduced(op, found, reduction)
    counted = mask
    if weight is not None:
        safe = op.Where(valid, target, np.int64(0))
        counted = op.Mul(op.Gather(weight, safe), mask)
    dims = list(range(rank(found)))
    return op.Div(op.ReduceSum(found, dims, keepdims=0), op.ReduceSum(counted, dims, keepdims=0))
