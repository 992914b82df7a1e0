"""Reductions over axes; over none they are the identity."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.importer.table import (
    RAW,
    ImportedNode,
    Value,
    as_type,
    importer,
    is_float,
)
from mmdnn.ir.builder import Op
from mmdnn.ir.folding import vector
from mmdnn.ir.values import ints

_REDUCTIONS = {
    "Sum": "ReduceSum", "Mean": "ReduceMean", "Max": "ReduceMax", "Min": "ReduceMin", "Prod": "ReduceProd",
}  # fmt: skip


def _reduced(op: Op, onnx: str, x: Value, axes: Value, keep: bool) -> Value:
    known = ints(axes)
    if known is not None and not known:
        return x
    return op[onnx](
        x, vector(op, axes), keepdims=int(keep), noop_with_empty_axes=None if known else 1
    )


@importer(*_REDUCTIONS, doc=f"{RAW}/Sum")
def reduce(node: ImportedNode, op: Op, x: Value, axes: Value, *, keep_dims: bool) -> Value:
    """The mean of integers is truncated."""
    if node.type == "Mean" and not is_float(x):
        total = _reduced(op, "ReduceSum", x, axes, keep_dims)
        count = op.Div(op.Size(x), op.Max(op.Size(total), [1]))
        return op.Div(total, op.Cast(op.Reshape(count, np.zeros(0, np.int64)), to=x.dtype))
    return _reduced(op, _REDUCTIONS[node.type], x, axes, keep_dims)


@importer("All", "Any", doc=f"{RAW}/All")
def truth(node: ImportedNode, op: Op, x: Value, axes: Value, *, keep_dims: bool) -> Value:
    onnx = "ReduceMin" if node.type == "All" else "ReduceMax"
    return _reduced(op, onnx, x, axes, keep_dims)


@importer("EuclideanNorm", doc=f"{RAW}/EuclideanNorm")
def euclidean_norm(node: ImportedNode, op: Op, x: Value, axes: Value, *, keep_dims: bool) -> Value:
    return op.Sqrt(_reduced(op, "ReduceSum", op.Mul(x, x), axes, keep_dims))


@importer("L2Loss", doc=f"{RAW}/L2Loss")
def l2_loss(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Mul(op.ReduceSumSquare(x, keepdims=0), node.constant(0.5, x))


@importer("ArgMax", "ArgMin", doc=f"{RAW}/ArgMax")
def arg(node: ImportedNode, op: Op, x: Value, axis: Value, *, output_type: ir.DataType) -> Value:
    place = node.axis(node.ints(axis, "its axis")[0], x)
    found = op[node.type](x, axis=place, keepdims=0)
    return as_type(op, found, output_type or ir.DataType.INT64)


@importer("Cumsum", doc=f"{RAW}/Cumsum")
def cumsum(
    node: ImportedNode, op: Op, x: Value, axis: Value, *, exclusive: bool, reverse: bool
) -> Value:
    return op.CumSum(
        x, np.int64(node.ints(axis, "its axis")[0]), exclusive=int(exclusive), reverse=int(reverse)
    )
