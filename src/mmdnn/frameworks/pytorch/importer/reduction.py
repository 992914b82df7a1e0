"""Reductions. Sums of integers and truth values are int64; variances divide by n - 1 by default."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import dtypes, sizes
from mmdnn.frameworks.pytorch.importer.comparison import truth
from mmdnn.frameworks.pytorch.importer.dtypes import cast, floating, like, wide
from mmdnn.frameworks.pytorch.importer.elementwise import arithmetic
from mmdnn.frameworks.pytorch.importer.table import TORCH, ImportedCall, Value, importer
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, dimensions, known, rank


def summed(op: Op, x: Value, dtype: ir.DataType | None) -> Value:
    """What sums of integers are made in."""
    if dtype is not None:
        return cast(op, x, dtype)
    return x if dtypes.category(dtypes.of(x)) >= 2 else cast(op, x, dtypes.INT64)


def _reduced(op: Op, type_: str, x: Value, dims: list[int], keepdim: Any) -> Value:
    return op[f"Reduce{type_}"](x, dims, keepdims=int(bool(keepdim))) if rank(x) else x


@importer("sum", "nansum", doc=f"{TORCH}.sum")
def sum_(
    node: ImportedCall, op: Op, x: Value, *, dim: Any, keepdim: bool, dtype: ir.DataType
) -> Value:
    x = summed(op, x, dtype)
    if node.type == "nansum" and dtypes.is_float(x):
        x = op.Where(op.IsNaN(x), like(x, 0), x)
    return _reduced(op, "Sum", x, sizes.axis_list(node, x, dim), keepdim)


@importer("mean", "nanmean", doc=f"{TORCH}.mean")
def mean(
    node: ImportedCall, op: Op, x: Value, *, dim: Any, keepdim: bool, dtype: ir.DataType
) -> Value:
    x = cast(op, x, dtype) if dtype is not None else x
    dims = sizes.axis_list(node, x, dim)
    if node.type == "nanmean":
        known_ = op.Cast(op.Not(op.IsNaN(x)), to=dtypes.of(x))
        total = _reduced(op, "Sum", op.Where(op.IsNaN(x), like(x, 0), x), dims, keepdim)
        return op.Div(total, _reduced(op, "Sum", known_, dims, keepdim))
    if any(dimensions(x)[axis] == 0 for axis in dims):
        return op.Div(_reduced(op, "Sum", x, dims, keepdim), like(x, 0))
    return _reduced(op, "Mean", x, dims, keepdim)


@importer("prod", doc=f"{TORCH}.prod")
def prod(
    node: ImportedCall, op: Op, x: Value, *, dim: Any, keepdim: bool, dtype: ir.DataType
) -> Value:
    x = summed(op, x, dtype)
    return _reduced(op, "Prod", x, sizes.axis_list(node, x, dim), keepdim)


def variance(
    op: Op, x: Value, dims: list[int], keepdim: Any, correction: Any
) -> tuple[Value, Value]:
    """Variance and mean over axes."""
    middle = op.ReduceMean(x, dims, keepdims=1)
    gap = op.Sub(x, middle)
    total = op.ReduceSum(op.Mul(gap, gap), dims, keepdims=int(bool(keepdim)))
    known_count = axes.product(x, dims)
    if known_count is None:
        count = op.Cast(op.Squeeze(axes.size(op, x, dims), [0]), to=dtypes.of(x))
        divisor: Any = op.Max(op.Sub(count, like(x, correction)), like(x, 0))
    else:
        divisor = like(x, max(known_count - correction, 0))
    return op.Div(total, divisor), middle if keepdim else op.Squeeze(middle, dims)


@importer("var", "std", "var_mean", "std_mean", doc=f"{TORCH}.var")
def var(
    node: ImportedCall,
    op: Op,
    x: Value,
    *,
    dim: Any,
    unbiased: bool,
    correction: Any,
    keepdim: bool,
) -> Any:
    if correction is None:
        correction = 0 if unbiased is False else 1
    spread, middle = variance(op, x, sizes.axis_list(node, x, dim), keepdim, correction)
    spread = op.Sqrt(spread) if node.type.startswith("std") else spread
    return [spread, middle] if node.type.endswith("_mean") else spread


def _largest(op: Op, x: Value, axis: int, keepdim: Any, *, least: bool) -> list[Value]:
    """The extreme along an axis, and where the first one is; NaN wins."""
    name = "Min" if least else "Max"
    plain = wide(op, x)
    if rank(x) == 0:
        return [x, op.Mul(op.Cast(plain, to=dtypes.INT64), np.int64(0))]
    said = {"keepdims": int(bool(keepdim))}
    found = cast(op, op[f"Reduce{name}"](plain, [axis], **said), dtypes.of(x))
    places = op[f"Arg{name}"](plain, axis=axis, **said)
    return [found, places]


@importer("max", "min", doc=f"{TORCH}.max")
def max_(node: ImportedCall, op: Op, x: Value, *, other: Value, dim: int, keepdim: bool) -> Any:
    least = node.type == "min"
    name = "Min" if least else "Max"
    if other is not None:
        return arithmetic(op, name, x, other)
    if dim is None:
        return cast(op, _reduced(op, name, wide(op, x), list(range(rank(x))), False), dtypes.of(x))
    return _largest(op, x, node.axis(dim, x) if rank(x) else 0, keepdim, least=least)


@importer("amax", "amin", doc=f"{TORCH}.amax")
def amax(node: ImportedCall, op: Op, x: Value, *, dim: Any, keepdim: bool) -> Value:
    name = "Max" if node.type == "amax" else "Min"
    found = _reduced(op, name, wide(op, x), sizes.axis_list(node, x, dim), keepdim)
    return cast(op, found, dtypes.of(x))


@importer("aminmax", doc=f"{TORCH}.aminmax")
def aminmax(node: ImportedCall, op: Op, x: Value, *, dim: Any, keepdim: bool) -> list[Value]:
    dims = sizes.axis_list(node, x, dim)
    return [_reduced(op, name, x, dims, keepdim) for name in ("Min", "Max")]


@importer("argmax", "argmin", doc=f"{TORCH}.argmax")
def argmax(node: ImportedCall, op: Op, x: Value, *, dim: Any, keepdim: bool) -> Value:
    least = node.type == "argmin"
    if dim is not None:
        return _largest(op, x, node.axis(dim, x), keepdim, least=least)[1]
    found = _largest(op, op.Reshape(x, [-1]), 0, False, least=least)[1]
    return op.Reshape(found, [1] * rank(x)) if keepdim else found


@importer("any", "all", doc=f"{TORCH}.any")
def any_(node: ImportedCall, op: Op, x: Value, *, dim: Any, keepdim: bool) -> Value:
    flags = op.Cast(truth(op, x), to=dtypes.INT32)
    dims = sizes.axis_list(node, x, dim)
    found = _reduced(op, "Max" if node.type == "any" else "Min", flags, dims, keepdim)
    return op.Cast(found, to=dtypes.BOOL)


@importer("logsumexp", doc=f"{TORCH}.logsumexp")
def logsumexp(node: ImportedCall, op: Op, x: Value, *, dim: Any, keepdim: bool) -> Value:
    return op.ReduceLogSumExp(floating(op, x), sizes.axis_list(node, x, dim), keepdims=int(keepdim))


@importer("cumsum", doc=f"{TORCH}.cumsum")
def cumsum(node: ImportedCall, op: Op, x: Value, *, dim: int, dtype: ir.DataType) -> Value:
    x = summed(op, x, dtype)
    return op.CumSum(x, np.int64(node.axis(dim, x))) if rank(x) else x


def _running(op: Op, x: Value, axis: int, step: Any, steps: int) -> Value:
    """What is combined of all elements up to each, by doubling the distance."""
    reach = 1
    while reach < steps:
        before = op.Slice(x, [0], [steps - reach], [axis])
        first = op.Slice(x, [0], [reach], [axis])
        rest = op.Slice(x, [reach], [steps], [axis])
        x = op.Concat(first, step(before, rest), axis=axis)
        reach *= 2
    return x


@importer("cumprod", doc=f"{TORCH}.cumprod")
def cumprod(node: ImportedCall, op: Op, x: Value, *, dim: int, dtype: ir.DataType) -> Value:
    x = summed(op, x, dtype)
    axis = node.axis(dim, x)
    return _running(op, x, axis, lambda a, b: op.Mul(a, b), known(x, axis))


@importer("logcumsumexp", doc=f"{TORCH}.logcumsumexp")
def logcumsumexp(node: ImportedCall, op: Op, x: Value, *, dim: int) -> Value:
    axis = node.axis(dim, x)

    def step(a: Value, b: Value) -> Value:
        top = op.Max(a, b)
        gap = op.Neg(op.Abs(op.Sub(a, b)))
        return op.Add(top, op.Log(op.Add(like(x, 1), op.Exp(gap))))

    return _running(op, x, axis, step, known(x, axis))


@importer("cummax", "cummin", doc=f"{TORCH}.cummax")
def cummax(node: ImportedCall, op: Op, x: Value, *, dim: int) -> list[Value]:
    """Of equal elements, the last one's place."""
    axis = node.axis(dim, x)
    steps = known(x, axis)
    more = "Max" if node.type == "cummax" else "Min"
    found = _running(op, x, axis, lambda a, b: op[more](a, b), steps)
    shape = [1] * rank(x)
    shape[axis] = steps
    places = np.arange(steps, dtype=np.int64).reshape(shape)
    marks = op.Where(op.Equal(x, found), places, np.int64(-1))
    return [found, _running(op, marks, axis, lambda a, b: op.Max(a, b), steps)]


@importer("dist", doc=f"{TORCH}.dist")
def dist(node: ImportedCall, op: Op, x: Value, y: Value, *, p: float) -> Value:
    if p != 2:
        node.refuse(f"its p is {p}")
    return op.ReduceL2(op.Sub(x, y), list(range(rank(x))), keepdims=0)


@importer("count_nonzero", doc=f"{TORCH}.count_nonzero")
def count_nonzero(node: ImportedCall, op: Op, x: Value, *, dim: Any) -> Value:
    counted = op.Cast(truth(op, x), to=dtypes.INT64)
    return _reduced(op, "Sum", counted, sizes.axis_list(node, x, dim), False)
