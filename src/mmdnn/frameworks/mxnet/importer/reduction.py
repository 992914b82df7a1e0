"""Reductions (src/operator/tensor/broadcast_reduce_op*.cc, NumPy's in src/operator/numpy).

Reducing every axis gives an array of one number, (1,); NumPy's give a scalar.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import NN
from mmdnn.frameworks.mxnet.importer.dtypes import array, cast, choose, named
from mmdnn.frameworks.mxnet.importer.shapes import rank, reshape
from mmdnn.frameworks.mxnet.importer.table import Importing, importer

Axes = list[int]


def _axes(node: Importing, x: ir.Value) -> Axes:
    """The axes to reduce: all where none are named, the others with `exclude`."""
    schema = node.node.schema
    said = node.p.axis
    said = (said,) if isinstance(said, int) else said
    axes = sorted({node.axis(axis, x) for axis in said or ()})
    exclude = bool(schema and "exclude" in schema.params and node.p.exclude)
    if not said:
        return list(range(rank(x)))
    return [axis for axis in range(rank(x)) if axis not in axes] if exclude else axes


def reduced(
    node: Importing,
    op: Any,
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


_REDUCTIONS = {
    "sum": "ReduceSum",
    "mean": "ReduceMean",
    "max": "ReduceMax",
    "min": "ReduceMin",
    "prod": "ReduceProd",
}


@importer(*_REDUCTIONS, doc=f"{NN}.sum")
def reduction(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    made = getattr(op, _REDUCTIONS[node.type])
    return reduced(node, op, x, lambda axes, keep: made(x, axes, keepdims=keep))


@importer("nansum", "nanprod", doc=f"{NN}.nansum")
def without_nan(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    neutral = array(node.type == "nanprod", x)
    x = choose(op, op.IsNaN(x), neutral, x)
    made = op.ReduceProd if node.type == "nanprod" else op.ReduceSum
    return reduced(node, op, x, lambda axes, keep: made(x, axes, keepdims=keep))


@importer("_square_sum", doc=f"{NN}.sum")
def square_sum(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return reduced(node, op, x, lambda axes, keep: op.ReduceSumSquare(x, axes, keepdims=keep))


@importer("norm", doc=f"{NN}.norm")
def norm(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """The 1- or 2-norm of a vector; over two axes of a matrix, the largest column sum or Frobenius'."""
    p = node.p
    if p.ord not in {1, 2}:
        node.unfit(f"a norm of order {p.ord}")
    made = op.ReduceL1 if p.ord == 1 else op.ReduceL2
    y = reduced(node, op, x, lambda axes, keep: made(x, axes, keepdims=keep))
    return cast(op, y, named(p.out_dtype))


_NUMPY = {
    "_np_sum": "ReduceSum",
    "_npi_mean": "ReduceMean",
    "_np_prod": "ReduceProd",
    "_np_max": "ReduceMax",
    "_np_min": "ReduceMin",
    "_np_any": "ReduceMax",
    "_np_all": "ReduceMin",
}


@importer(*_NUMPY, doc=f"{NN}.sum")
def numpy_reduction(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    schema = node.node.schema
    if schema and "initial" in schema.params and node.p.initial is not None:
        node.refuse(f"initial {node.p.initial}")
    dtype = named(node.p.dtype) if schema and "dtype" in schema.params else None
    if node.type in {"_np_any", "_np_all"}:
        true = x if x.dtype == ir.DataType.BOOL else op.Not(op.Equal(x, array(0, x)))
        x, dtype = op.Cast(true, to=ir.DataType.INT32), ir.DataType.BOOL
    elif node.type == "_npi_mean" and not (x.dtype or ir.DataType.FLOAT).is_floating_point():
        x = op.Cast(x, to=ir.DataType.FLOAT)
    elif dtype is not None:
        x = cast(op, x, dtype)
    made = getattr(op, _NUMPY[node.type])
    y = reduced(node, op, x, lambda axes, keep: made(x, axes, keepdims=keep))
    return cast(op, y, dtype)


@importer("_npi_var", "_npi_std", doc=f"{NN}.var")
def variance(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    p = node.p
    if p.ddof:
        node.refuse(f"ddof {p.ddof}")
    x = cast(op, x, named(p.dtype))

    def spread(axes: Axes, keep: int) -> ir.Value:
        centred = op.Sub(x, op.ReduceMean(x, axes, keepdims=1))
        found = op.ReduceMean(op.Mul(centred, centred), axes, keepdims=keep)
        return op.Sqrt(found) if node.type == "_npi_std" else found

    return reduced(node, op, x, spread)


@importer("argmax", "argmin", "_npi_argmax", "_npi_argmin", doc=f"{NN}.argmax")
def arg_extreme(node: Importing, op: Any, x: ir.Value) -> ir.Value:
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
def argmax_channel(_node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """Over axis 1."""
    return cast(op, op.ArgMax(x, axis=1, keepdims=0), x.dtype)


@importer("topk", doc=f"{NN}.topk")
def topk(node: Importing, op: Any, x: ir.Value) -> Any:
    """The k largest or smallest: values, places, both, or a mask of where they are."""
    p = node.p
    dtype = named(p.dtype)
    flattened = p.axis is None
    y = reshape(op, x, [tuple(range(rank(x)))]) if flattened else x
    axis = 0 if flattened else node.axis(p.axis, x)
    values, places = _sorted(op, y, axis, p.k, not p.is_ascend)
    if p.ret_typ == "mask":
        zeros = op.Sub(y, y)
        ones = op.Add(op.Sub(values, values), array(1, x))
        mask = op.ScatterElements(zeros, places, ones, axis=axis)
        return op.Reshape(mask, op.Shape(x)) if flattened else mask
    if p.ret_typ == "indices":
        return cast(op, places, dtype)
    return values if p.ret_typ == "value" else (values, cast(op, places, dtype))


def _sorted(op: Any, x: ir.Value, axis: int, k: int, largest: bool) -> tuple[ir.Value, ir.Value]:
    size = op.Shape(x, start=axis, end=axis + 1) if k <= 0 else np.asarray([k], np.int64)
    dims = list(x.shape or ())
    if k <= 0 and isinstance(dims[axis], int):
        size = np.asarray([dims[axis]], np.int64)
    made: tuple[ir.Value, ir.Value] = op.TopK(x, size, axis=axis, largest=int(largest), outputs=2)
    return made


@importer("sort", doc=f"{NN}.sort")
def sort(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return _ordered(node, op, x)[0]


@importer("argsort", doc=f"{NN}.argsort")
def argsort(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return cast(op, _ordered(node, op, x)[1], named(node.p.dtype))


def _ordered(node: Importing, op: Any, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    p = node.p
    flattened = p.axis is None
    y = reshape(op, x, [tuple(range(rank(x)))]) if flattened else x
    axis = 0 if flattened else node.axis(p.axis, x)
    return _sorted(op, y, axis, 0, not p.is_ascend)


@importer("_np_cumsum", doc=f"{NN}.cumsum")
def cumsum(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    p = node.p
    x = cast(op, x, named(p.dtype))
    if p.axis is None:
        return op.CumSum(reshape(op, x, [tuple(range(rank(x)))]), np.int64(0))
    return op.CumSum(x, np.int64(node.axis(p.axis, x)))


@importer("pick", doc=f"{NN}.pick")
def pick(node: Importing, op: Any, x: ir.Value, index: ir.Value) -> ir.Value:
    """One element along an axis for each place; places beyond it are clipped or go round."""
    p = node.p
    axis = node.axis(-1 if p.axis is None else p.axis, x)
    if p.axis is None:
        node.refuse("no axis")
    from mmdnn.frameworks.mxnet.importer.indexing import bounded

    places = bounded(op, index, x, axis, p.mode)
    if rank(index) == rank(x) - 1:
        places = op.Unsqueeze(places, [axis])
    y = op.GatherElements(x, places, axis=axis)
    if p.keepdims:
        return y
    y = op.Squeeze(y, [axis])
    return op.Reshape(y, [1]) if rank(x) == 1 and not node.numpy else y
