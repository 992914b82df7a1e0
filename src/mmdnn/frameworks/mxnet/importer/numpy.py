"""Operators of NumPy's interface that the older one lacks (src/operator/numpy)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array, cast, choose, named
from mmdnn.frameworks.mxnet.importer.ordering import take_diagonal
from mmdnn.frameworks.mxnet.importer.reduction import reduced
from mmdnn.frameworks.mxnet.importer.shapes import rank
from mmdnn.frameworks.mxnet.importer.table import API, Importing, importer

NP = f"{API}/np/generated/mxnet.np"


@importer("_npi_absolute", doc=f"{NP}.absolute.html")
def absolute(_node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Abs(x)


@importer("_npi_share_memory", "_npx_constraint_check", doc=f"{NP}.copy.html")
def refused(node: Importing, _op: Any, *_inputs: ir.Value) -> ir.Value:
    node.refuse("it is no function of its inputs' numbers")


@importer("cast_storage", doc=f"{NP}.copy.html")
def cast_storage(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    _ = node.p.stype
    return op.Identity(x)


@importer("_npi_einsum", doc=f"{NP}.einsum.html")
def einsum(node: Importing, op: Any, *inputs: ir.Value) -> ir.Value:
    _ = node.p.optimize
    return op.Einsum(*inputs, equation=node.p.subscripts)


@importer("_npi_tril", doc=f"{NP}.tril.html")
def tril(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Trilu(x, np.int64(node.p.k), upper=0)


@importer("_npi_nan_to_num", doc=f"{NP}.nan_to_num.html")
def nan_to_num(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    p = node.p
    _ = p.copy
    limits = np.finfo((x.dtype or ir.DataType.FLOAT).numpy())
    most = limits.max if p.posinf is None else p.posinf
    least = limits.min if p.neginf is None else p.neginf
    x = choose(op, op.IsNaN(x), array(p.nan, x), x)
    x = choose(op, op.IsInf(x, detect_negative=0), array(most, x), x)
    return choose(op, op.IsInf(x, detect_positive=0), array(least, x), x)


@importer("_npi_average", doc=f"{NP}.average.html")
def average(node: Importing, op: Any, x: ir.Value, *weights: ir.Value) -> ir.Value:
    p = node.p
    if p.weighted or p.returned or weights:
        node.refuse("weights")
    _ = p.axis
    return reduced(node, op, x, lambda axes, keep: op.ReduceMean(x, axes, keepdims=keep), keep=0)


@importer("_np_trace", doc=f"{NP}.trace.html")
def trace(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    p = node.p
    diagonal = take_diagonal(node, op, x, p.offset, (p.axis1, p.axis2))
    return op.ReduceSum(diagonal, [-1], keepdims=0)


@importer("_np_atleast_1d", "_np_atleast_2d", "_np_atleast_3d", doc=f"{NP}.atleast_1d.html")
def at_least(node: Importing, op: Any, *inputs: ir.Value) -> list[ir.Value]:
    """Axes of size 1 in front; of three, the last of them behind."""
    wanted = int(node.type[-2])
    made = []
    for x in inputs:
        missing = wanted - rank(x)
        axes = list(range(missing))
        if wanted == 3 and missing > 0:
            axes = {1: [2], 2: [0, 2], 3: [0, 1, 2]}[missing]
        made.append(op.Unsqueeze(x, axes) if missing > 0 else op.Identity(x))
    return made


@importer("_npi_column_stack", doc=f"{NP}.column_stack.html")
def column_stack(_node: Importing, op: Any, *inputs: ir.Value) -> ir.Value:
    return op.Concat(*(op.Unsqueeze(x, [1]) if rank(x) == 1 else x for x in inputs), axis=1)


@importer("_npi_dstack", doc=f"{NP}.dstack.html")
def dstack(_node: Importing, op: Any, *inputs: ir.Value) -> ir.Value:
    axes: dict[int, list[int]] = {0: [0, 1, 2], 1: [0, 2], 2: [2]}
    parts = [op.Unsqueeze(x, axes[rank(x)]) if rank(x) < 3 else x for x in inputs]
    return op.Concat(*parts, axis=2)


@importer("_npi_diff", doc=f"{NP}.diff.html")
def diff(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    axis = node.axis(node.p.axis, x)
    for _ in range(node.p.n):
        later = op.Slice(x, [1], [np.iinfo(np.int64).max], [axis])
        x = op.Sub(later, op.Slice(x, [0], [-1], [axis]))
    return x


@importer("_npi_indices", doc=f"{NP}.indices.html")
def indices(node: Importing, op: Any) -> ir.Value:
    dtype = (named(node.p.dtype) or ir.DataType.INT32).numpy()
    return op.Identity(op.builder.constant(np.indices(node.p.dimensions).astype(dtype)))


@importer("_npi_where_scalar2", doc=f"{NP}.where.html")
def where_scalars(node: Importing, op: Any, condition: ir.Value) -> ir.Value:
    true = condition
    if condition.dtype != ir.DataType.BOOL:
        true = op.Not(op.Equal(condition, array(0, condition)))
    return choose(op, true, np.float32(node.p.x), np.float32(node.p.y))


_BITS = {"and": "BitwiseAnd", "or": "BitwiseOr", "xor": "BitwiseXor"}


@importer(*(f"_npi_bitwise_{name}" for name in _BITS), doc=f"{NP}.bitwise_xor.html")
def bitwise(node: Importing, op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
    name = node.type.rpartition("_")[2]
    if a.dtype == b.dtype == ir.DataType.BOOL:
        return getattr(op, name.capitalize())(a, b)
    return getattr(op, _BITS[name])(a, cast(op, b, a.dtype))


@importer(*(f"_npi_bitwise_{name}_scalar" for name in _BITS), doc=f"{NP}.bitwise_xor.html")
def bitwise_scalar(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    name = node.type.removesuffix("_scalar").rpartition("_")[2]
    _ = node.p.is_int
    if x.dtype is None or x.dtype.is_floating_point():
        node.refuse("bits of a floating-point number")
    return getattr(op, _BITS[name])(x, array(node.p.scalar, x))
