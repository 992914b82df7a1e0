"""Reductions, and where the extremes are (tensorflow/lite/kernels/reduce.cc, arg_min_max.cc)."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tflite import _schema
from mmdnn.frameworks.tflite.importer.table import (
    DOC,
    ImportedNode,
    Value,
    as_type,
    importer,
    is_float,
)
from mmdnn.ir import axes as sizes
from mmdnn.ir.builder import Op, rank
from mmdnn.ir.folding import vector

_PLAIN = {
    "SUM": "ReduceSum",
    "REDUCE_PROD": "ReduceProd",
    "REDUCE_MAX": "ReduceMax",
    "REDUCE_MIN": "ReduceMin",
}


@importer("MEAN", *_PLAIN, doc=DOC)
def reduce(node: ImportedNode, op: Op, x: Value, axes: Value, *, keep_dims: bool) -> Value:
    """No axes at all leave it as it is; a mean of integers is cut off."""
    said = vector(op, axes)
    if isinstance(said, np.ndarray) and not len(said):
        return op.Identity(x)
    keep = {"keepdims": int(keep_dims), "noop_with_empty_axes": 1}
    if node.type != "MEAN":
        return op[_PLAIN[node.type]](x, said, **keep)
    if is_float(x):
        return op.ReduceMean(x, said, **keep)
    places = [node.axis(axis, x) for axis in node.ints(axes, "its axes")]
    count = sizes.size(op, x, sorted(set(places)))
    total = op.ReduceSum(op.Cast(x, to=ir.DataType.INT64), said, **keep)
    return op.Cast(op.Div(total, count), to=x.dtype)


@importer("REDUCE_ANY", "REDUCE_ALL", doc=DOC)
def any_or_all(node: ImportedNode, op: Op, x: Value, axes: Value, *, keep_dims: bool) -> Value:
    kind = "ReduceMax" if node.type == "REDUCE_ANY" else "ReduceMin"
    numbers = op.Cast(x, to=ir.DataType.INT32)
    said = vector(op, axes)
    found = op[kind](numbers, said, keepdims=int(keep_dims), noop_with_empty_axes=1)
    return op.Cast(found, to=ir.DataType.BOOL)


@importer("ARG_MAX", "ARG_MIN", doc=DOC)
def arg(node: ImportedNode, op: Op, x: Value, axis: Value) -> Value:
    """The first of equal ones."""
    name = "output_type"
    kind = _schema.TYPES.get(node.parameter(name))
    place = node.axis(node.ints(axis, "its axis")[0], x)
    found = op["ArgMax" if node.type == "ARG_MAX" else "ArgMin"](x, axis=place, keepdims=0)
    return as_type(op, found, node.results[0].dtype or kind)


@importer("CUMSUM", doc=DOC)
def cumsum(
    node: ImportedNode, op: Op, x: Value, axis: Value, *, exclusive: bool, reverse: bool
) -> Value:
    place = np.int64(node.axis(node.ints(axis, "its axis")[0], x)) if rank(x) else np.int64(0)
    return op.CumSum(x, place, exclusive=int(exclusive), reverse=int(reverse))
