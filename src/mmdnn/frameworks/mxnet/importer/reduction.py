"""Reductions (src/operator/tensor/broadcast_reduce_op*.cc, NumPy's in src/operator/numpy).

Reducing every axis gives an array of one number, (1,); NumPy's give a scalar.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.comparison import truth
from mmdnn.frameworks.mxnet.importer.dtypes import array, cast, choose, named
from mmdnn.frameworks.mxnet.importer.table import NN, NP, ImportedNode, importer
from mmdnn.ir.axes import along, reshape
from mmdnn.ir.builder import Op, rank

Axes = list[int]


def _axes(node: ImportedNode, x: ir.Value) -> Axes:
    """The axes to reduce: all where none are named, the others with `exclude`."""
    said = node.p.axis
    said = (said,) if isinstance(said, int) else said
    axes = sorted({node.axis(axis, x) for axis in said or ()})
    exclude = node.has("exclude") and node.p.exclude
    if not said:
        return list(range(rank(x)))
    return [axis for axis in range(rank(x)) if axis not in axes] if exclude else axes


def reduced(
    node: ImportedNode,
    op: Op,
    x: ir.Value,
    reduce: Callable[[Axes, int], ir.Value],
    keep: int | None = None,
) -> ir.Value:
    """Call `reduce` with axes and whether to keep them, and give the result MXNet's shape."""
    axes, keep = _axes(node, x), bool(node.p.keepdims if keep is None else keep)
    if not axes:
        return op.Identity(x)
    y = reduce(axes, int(keep))
    whole = len(axes) == rank(x) and not keep and not node.numpy
    return op.Reshape(y, [1]) if whole else y


_REDUCTIONS = {name: f"Reduce{name.capitalize()}" for name in ("sum", "mean", "max", "min", "prod")}


@importer(*_REDUCTIONS, doc=f"{NN}.sum")
def reduction(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    made = getattr(op, _REDUCTIONS[node.type])
    return reduced(node, op, x, lambda axes, keep: made(x, axes, keepdims=keep))


@importer("nansum", "nanprod", doc=f"{NN}.nansum")
def without_nan(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    neutral = array(node.type == "nanprod", x)
    x = choose(op, op.IsNaN(x), neutral, x)
    made = op.ReduceProd if node.type == "nanprod" else op.ReduceSum
    return reduced(node, op, x, lambda axes, keep: made(x, axes, keepdims=keep))


@importer("_square_sum", doc=f"{NN}.sum")
def square_sum(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    return reduced(node, op, x, lambda axes, keep: op.ReduceSumSquare(x, axes, keepdims=keep))


@importer("norm", doc=f"{NN}.norm")
def norm(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """The 1- or 2-norm of a vector; over two axes of a matrix, the largest column sum or Frobenius'."""
    p = node.p
    if p.ord not in {1, 2}:
        node.unfit(f"a norm of order {p.ord}")
    made = op.ReduceL1 if p.ord == 1 else op.ReduceL2
    y = reduced(node, op, x, lambda axes, keep: made(x, axes, keepdims=keep))
    return cast(op, y, named(p.out_dtype))


_NUMPY = {
    **{f"_np_{name}": onnx for name, onnx in _REDUCTIONS.items() if name != "mean"},
    "_npi_mean": "ReduceMean",
    "_np_any": "ReduceMax",
    "_np_all": "ReduceMin",
}


@importer(*_NUMPY, doc=f"{NN}.sum")
def numpy_reduction(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    if node.has("initial") and node.p.initial is not None:
        node.refuse(f"initial {node.p.initial}")
    dtype = named(node.p.dtype) if node.has("dtype") else None
    if node.type in {"_np_any", "_np_all"}:
        x, dtype = op.Cast(truth(op, x), to=ir.DataType.INT32), ir.DataType.BOOL
    elif node.type == "_npi_mean" and not (x.dtype or ir.DataType.FLOAT).is_floating_point():
        x = op.Cast(x, to=ir.DataType.FLOAT)
    elif dtype is not None:
        x = cast(op, x, dtype)
    made = getattr(op, _NUMPY[node.type])
    y = reduced(node, op, x, lambda axes, keep: made(x, axes, keepdims=keep))
    return cast(op, y, dtype)


@importer("_npi_var", "_npi_std", doc=f"{NN}.var")
def variance(node: ImportedNode, op: Op, x: ir.Value, *, ddof: int, dtype: str | None) -> ir.Value:
    if ddof:
        node.refuse(f"ddof {ddof}")
    x = cast(op, x, named(dtype))

    def spread(axes: Axes, keep: int) -> ir.Value:
        centred = op.Sub(x, op.ReduceMean(x, axes, keepdims=1))
        found = op.ReduceMean(op.Mul(centred, centred), axes, keepdims=keep)
        return op.Sqrt(found) if node.type == "_npi_std" else found

    return reduced(node, op, x, spread)


@importer("argmax", "argmin", "_npi_argmax", "_npi_argmin", doc=f"{NN}.argmax")
def arg_extreme(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """The first place of the largest (or smallest); as a number of the input's type."""
    p = node.p
    made = op.ArgMax if node.type.endswith("argmax") else op.ArgMin
    count, keep = rank(x), bool(p.keepdims)
    if p.axis is None:
        y = made(reshape(op, x, [tuple(range(count))]), axis=0, keepdims=1)
        if keep:
            y = op.Reshape(y, [1] * count)
        elif node.numpy:
            y = op.Reshape(y, np.zeros(0, np.int64))
    else:
        y = made(x, axis=node.axis(p.axis, x), keepdims=int(keep))
        if count == 1 and not keep and not node.numpy:
            y = op.Reshape(y, [1])
    return y if node.type.startswith("_npi") else cast(op, y, x.dtype)


@importer("argmax_channel", doc=f"{NN}.argmax_channel")
def argmax_channel(_node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """Over axis 1."""
    return cast(op, op.ArgMax(x, axis=1, keepdims=0), x.dtype)


@importer("_np_cumsum", doc=f"{NN}.cumsum")
def cumsum(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    x, axis = along(node, op, cast(op, x, named(node.p.dtype)), node.p.axis)
    return op.CumSum(x, np.int64(axis))


@importer("_npi_average", doc=f"{NP}.average.html", unused="axis")
def average(node: ImportedNode, op: Op, x: ir.Value, *weights: ir.Value) -> ir.Value:
    p = node.p
    if p.weighted or p.returned or weights:
        node.refuse("weights")
    return reduced(node, op, x, lambda axes, keep: op.ReduceMean(x, axes, keepdims=keep), keep=0)
