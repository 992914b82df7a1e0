"""Normalization: batch, instance, layer, group, root mean square, local response."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import dtypes, sizes
from mmdnn.frameworks.pytorch.importer.dtypes import like
from mmdnn.frameworks.pytorch.importer.table import NN, ImportedCall, Value, importer
from mmdnn.ir.builder import Op, known, rank

F = f"{NN}.functional"


def _or(node: ImportedCall, x: Value, given: Value | None, count: int, value: float) -> Any:
    """A parameter, or a constant for one that there is not."""
    if given is not None:
        return given
    kind = (x.dtype or ir.DataType.FLOAT).numpy()
    make = lambda: node.graph.root.constant(np.full(count, value, kind))  # noqa: E731
    return node.graph.once(("filled", count, value, kind), make)


def batch_statistics(op: Op, x: Value) -> tuple[Value, Value]:
    """Mean and variance of each channel over the batch, [C]."""
    axes = [axis for axis in range(rank(x)) if axis != 1]
    mean = op.ReduceMean(x, axes, keepdims=1)
    gap = op.Sub(x, mean)
    variance = op.ReduceMean(op.Mul(gap, gap), axes, keepdims=0)
    return op.Squeeze(mean, axes), variance


@importer("batch_norm", doc=f"{F}.batch_norm", unused="momentum cudnn_enabled")
def batch_norm(
    node: ImportedCall, op: Op, x: Value, weight: Value, bias: Value, mean: Value, var: Value, *,
    training: bool, eps: float,
) -> Value:  # fmt: skip
    channels = known(x, 1)
    scale, shift = _or(node, x, weight, channels, 1), _or(node, x, bias, channels, 0)
    if training or mean is None:
        mean, var = batch_statistics(op, x)
    return op.BatchNormalization(x, scale, shift, mean, var, epsilon=float(eps))


@importer(
    "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "native_batch_norm",
    "_native_batch_norm_legit_functional", "_batch_norm_with_update", doc=f"{F}.batch_norm",
)  # fmt: skip
def native_batch_norm(
    node: ImportedCall, op: Op, x: Value, *,
    weight: Value, bias: Value, running_mean: Value, running_var: Value, training: bool,
    momentum: float, eps: float,
) -> list[Value]:  # fmt: skip
    trains = bool(training)
    y = batch_norm(node, op, x, weight, bias, running_mean, running_var, training=trains, eps=eps)
    if not training and running_mean is not None:
        return [y, running_mean, running_var]
    mean, variance = batch_statistics(op, x)
    found = [y, mean, op.Reciprocal(op.Sqrt(op.Add(variance, like(x, eps))))]
    if node.type != "_native_batch_norm_legit_functional":
        return found
    count = op.Cast(op.Div(op.Size(x), np.int64(known(x, 1))), to=dtypes.of(x))
    unbiased = op.Div(op.Mul(variance, count), op.Sub(count, like(x, 1)))
    for old, new in ((running_mean, mean), (running_var, unbiased)):
        kept = op.Mul(old, like(x, 1 - momentum))
        found.append(op.Add(kept, op.Mul(new, like(x, momentum))))
    return found


@importer("instance_norm", doc=f"{F}.instance_norm", unused="momentum cudnn_enabled")
def instance_norm(
    node: ImportedCall, op: Op, x: Value, weight: Value, bias: Value, mean: Value, var: Value, *,
    use_input_stats: bool, eps: float,
) -> Value:  # fmt: skip
    if not use_input_stats:
        return batch_norm(node, op, x, weight, bias, mean, var, training=False, eps=eps)
    channels = known(x, 1)
    scale, shift = _or(node, x, weight, channels, 1), _or(node, x, bias, channels, 0)
    return op.InstanceNormalization(x, scale, shift, epsilon=float(eps))


@importer("group_norm", doc=f"{F}.group_norm", unused="cudnn_enabled")
def group_norm(
    node: ImportedCall, op: Op, x: Value, num_groups: int, weight: Value, bias: Value, *, eps: float
) -> Value:
    channels = known(x, 1)
    scale, shift = _or(node, x, weight, channels, 1), _or(node, x, bias, channels, 0)
    return op.GroupNormalization(x, scale, shift, num_groups=num_groups, epsilon=float(eps))


@importer("native_group_norm", doc=f"{F}.group_norm", unused="N C HxW")
def native_group_norm(
    node: ImportedCall, op: Op, x: Value, weight: Value, bias: Value, *, group: int, eps: float
) -> list[Any]:
    return [group_norm(node, op, x, group, weight, bias, eps=eps), None, None]


@importer("layer_norm", doc=f"{F}.layer_norm", unused="cudnn_enable")
def layer_norm(
    node: ImportedCall,
    op: Op,
    x: Value,
    shape: list[int],
    weight: Value,
    bias: Value,
    *,
    eps: float,
) -> Value:
    if weight is None:
        kind = (x.dtype or ir.DataType.FLOAT).numpy()
        weight = op.builder.constant(np.ones(shape, kind))
    return op.LayerNormalization(x, weight, bias, axis=-len(shape), epsilon=float(eps))


@importer("native_layer_norm", doc=f"{F}.layer_norm")
def native_layer_norm(
    node: ImportedCall,
    op: Op,
    x: Value,
    shape: list[int],
    weight: Value,
    bias: Value,
    *,
    eps: float,
) -> list[Value]:
    axes = list(range(-len(shape), 0))
    mean = op.ReduceMean(x, axes, keepdims=1)
    gap = op.Sub(x, mean)
    variance = op.ReduceMean(op.Mul(gap, gap), axes, keepdims=1)
    factor = op.Reciprocal(op.Sqrt(op.Add(variance, like(x, eps))))
    return [layer_norm(node, op, x, shape, weight, bias, eps=eps), mean, factor]


@importer("rms_norm", "_fused_rms_norm", doc=f"{F}.rms_norm")
def rms_norm(
    node: ImportedCall, op: Op, x: Value, shape: list[int], weight: Value, *, eps: float
) -> Any:
    epsilon = np.finfo(dtypes.of(x).numpy()).eps if eps is None else eps
    axes = list(range(-len(shape), 0))
    mean = op.ReduceMean(op.Mul(x, x), axes, keepdims=1)
    factor = op.Reciprocal(op.Sqrt(op.Add(mean, like(x, epsilon))))
    y = op.Mul(x, factor)
    y = op.Mul(y, weight) if weight is not None else y
    return [y, factor] if node.type == "_fused_rms_norm" else y


@importer("_weight_norm", "_weight_norm_interface", doc=f"{NN}.utils.parametrizations.weight_norm")
def weight_norm(node: ImportedCall, op: Op, v: Value, g: Value, *, dim: int) -> Any:
    axes = list(range(rank(v)))
    if dim != -1:
        axes.remove(node.axis(dim, v))
    norm = op.ReduceL2(v, axes, keepdims=1) if axes else op.Abs(v)
    y = op.Mul(v, op.Div(g, norm))
    return [y, norm] if node.type == "_weight_norm_interface" else y


@importer(
    "linalg_vector_norm",
    "norm",
    "linalg_norm",
    doc="https://docs.pytorch.org/docs/stable/linalg.html",
)
def vector_norm(
    node: ImportedCall,
    op: Op,
    x: Value,
    order: Any = 2,
    *,
    dim: Any,
    keepdim: bool,
    dtype: ir.DataType | None,
) -> Value:
    x = dtypes.cast(op, x, dtype) if dtype is not None else x
    axes = sizes.axis_list(node, x, dim)
    said = {"keepdims": int(bool(keepdim))}
    if node.type == "linalg_norm" and len(axes) == 2 and order is not None:
        node.refuse(f"it is a matrix norm of order {order}")
    order = 2 if order is None or order == "fro" else float(order)
    if order == 2:
        return op.ReduceL2(x, axes, **said)
    size = op.Abs(x)
    if order == 1:
        return op.ReduceSum(size, axes, **said)
    if np.isinf(order):
        return op[f"Reduce{'Max' if order > 0 else 'Min'}"](size, axes, **said)
    if order == 0:
        return op.ReduceSum(op.Cast(op.Not(op.Equal(x, like(x, 0))), to=dtypes.of(x)), axes, **said)
    total = op.ReduceSum(op.Pow(size, like(x, order)), axes, **said)
    return op.Pow(total, like(x, 1 / order))


@importer("linalg_matrix_norm", doc="https://docs.pytorch.org/docs/stable/linalg.html")
def matrix_norm(
    node: ImportedCall, op: Op, x: Value, order: Any, *, dim: Any, keepdim: bool, dtype: ir.DataType
) -> Value:
    x = dtypes.cast(op, x, dtype) if dtype is not None else x
    rows, columns = sizes.axis_list(node, x, dim)
    if order == "fro":
        return op.ReduceL2(x, [rows, columns], keepdims=int(keepdim))
    if order not in (1, -1, float("inf"), -float("inf")):
        node.refuse(f"its order is {order}")
    first, second = (rows, columns) if abs(order) == 1 else (columns, rows)
    sums = op.ReduceSum(op.Abs(x), [first], keepdims=1)
    found = op[f"Reduce{'Max' if order > 0 else 'Min'}"](sums, [second], keepdims=1)
    return found if keepdim else op.Squeeze(found, [rows, columns])


@importer("renorm", doc="https://docs.pytorch.org/docs/stable/generated/torch.renorm.html")
def renorm(node: ImportedCall, op: Op, x: Value, p: Any, dim: int, maxnorm: Any) -> Value:
    axes = [axis for axis in range(rank(x)) if axis != node.axis(dim, x)]
    norm = vector_norm(node, op, x, p, dim=axes, keepdim=True, dtype=None)
    factor = op.Div(like(x, maxnorm), op.Add(norm, like(x, 1e-7)))
    return op.Mul(x, op.Where(op.Greater(norm, like(x, maxnorm)), factor, like(x, 1)))
