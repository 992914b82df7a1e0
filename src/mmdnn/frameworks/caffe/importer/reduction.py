"""Reduction and ArgMax (src/caffe/layers/reduction_layer.cpp, argmax_layer.cpp)."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import known, reshape
from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer
from mmdnn.ir.builder import Op, dimensions

REDUCTIONS = {1: "ReduceSum", 2: "ReduceL1", 3: "ReduceSumSquare", 4: "ReduceMean"}
"""ReductionParameter.ReductionOp: SUM, ASUM, SUMSQ, MEAN."""


@importer("Reduction")
def reduction(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """All axes from `axis` on go."""
    p = layer.param()
    axes = list(range(layer.axis(p.axis, x), len(dimensions(x))))
    y = op[REDUCTIONS[p.operation]](x, axes, keepdims=0)
    return y if p.coeff == 1 else op.Mul(y, p.coeff)


@importer("ArgMax")
def argmax(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """Where the largest numbers are; of equal ones the last comes first.

    With an axis, that axis shrinks to the `top_k` indices, or values. Without one, all axes after
    the first are searched as one, and the result is N,1,k (with values N,2,k) and further ones.
    """
    p = layer.param()
    dims = dimensions(x)
    if p.HasField("axis"):
        axis = layer.axis(p.axis, x)
        return _largest(layer, op, x, axis, p.top_k, values=p.out_max_val)
    flat = x if len(dims) == 2 else op.Flatten(x, axis=1)
    rows = [_largest(layer, op, flat, 1, p.top_k, values=False)]
    if p.out_max_val:
        rows.append(_largest(layer, op, flat, 1, p.top_k, values=True))
    ones = [1] * (max(len(dims), 3) - 3)
    rows = [reshape(op, row, [dims[0], 1, p.top_k, *ones]) for row in rows]
    return op.Concat(*rows, axis=1) if len(rows) > 1 else rows[0]


def _largest(
    layer: ImportedLayer, op: Op, x: ir.Value, axis: int, count: int, *, values: bool
) -> ir.Value:
    """The `count` largest along an axis, as their values or as their indices in float32."""
    if count == 1 and values:
        return op.ReduceMax(x, [axis])
    if count == 1:
        index = op.ArgMax(x, axis=axis, select_last_index=1)
        return op.Cast(index, to=ir.DataType.FLOAT)
    size = known(x, axis)
    if not 1 <= count <= size:
        layer.unfit(f"top_k {count} is not from 1 to {size}")
    if values:
        return op.outputs(2).TopK(x, [count], axis=axis)[0]
    backwards = op.Slice(x, [-1], [-size - 1], [axis], [-1])
    _, places = op.outputs(2).TopK(backwards, [count], axis=axis)
    return op.Cast(op.Sub([size - 1], places), to=ir.DataType.FLOAT)
