"""Tensors made from nothing. What is not initialised is zeros here; a network cannot depend on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import dtypes, sizes
from mmdnn.frameworks.pytorch.importer.dtypes import DOUBLE, FLOAT, INT64, cast, like
from mmdnn.frameworks.pytorch.importer.table import TORCH, ImportedCall, Value, importer
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, dimensions, known, rank

MOST = 1 << 16
"""Numbers that are written down at most."""


def filled(op: Op, target: list[Any], value: Any, dtype: ir.DataType) -> Value:
    """A tensor of one number."""
    number = cast(op, value, dtype)
    if not target:
        return op.Identity(number)
    if not any(isinstance(n, ir.Value) for n in (*target, value)) and np.prod(target) <= MOST:
        return op.Identity(np.full(target, number, dtype.numpy()))
    return op.Expand(number, sizes.vector(op, target))


_FILLS = {"zeros": 0, "ones": 1, "empty": 0}


@importer("zeros", "ones", "empty", doc=f"{TORCH}.zeros")
def zeros(node: ImportedCall, op: Op, size: list[Any], *, dtype: ir.DataType) -> Value:
    return filled(op, size, _FILLS[node.type], dtype or FLOAT)


@importer(
    "new_zeros",
    "new_ones",
    "new_empty",
    "new_empty_strided",
    doc=f"{TORCH}.Tensor.new_zeros",
    unused="stride",
)
def new_zeros(
    node: ImportedCall, op: Op, x: Value, size: list[Any], *, dtype: ir.DataType
) -> Value:
    return filled(op, size, int(node.type == "new_ones"), dtype or dtypes.of(x))


@importer("empty_strided", doc=f"{TORCH}.empty_strided", unused="stride")
def empty_strided(node: ImportedCall, op: Op, size: list[Any], *, dtype: ir.DataType) -> Value:
    return filled(op, size, 0, dtype or FLOAT)


@importer("full", doc=f"{TORCH}.full")
def full(node: ImportedCall, op: Op, size: list[Any], value: Any, *, dtype: ir.DataType) -> Value:
    return filled(op, size, value, dtype or dtypes.of(value))


@importer("new_full", doc=f"{TORCH}.Tensor.new_full")
def new_full(
    node: ImportedCall, op: Op, x: Value, size: list[Any], value: Any, *, dtype: ir.DataType
) -> Value:
    return filled(op, size, value, dtype or dtypes.of(x))


@importer("zeros_like", "ones_like", "empty_like", "full_like", doc=f"{TORCH}.zeros_like")
def zeros_like(
    node: ImportedCall, op: Op, x: Value, *, fill_value: Any, dtype: ir.DataType
) -> Value:
    target = [sizes.size(op, x, axis) for axis in range(rank(x))]
    value = int(node.type == "ones_like") if fill_value is None else fill_value
    return filled(op, target, value, dtype or dtypes.of(x))


@importer("zero", "fill", doc=f"{TORCH}.Tensor.fill_")
def fill(node: ImportedCall, op: Op, x: Value, value: Any = 0) -> Value:
    target = [sizes.size(op, x, axis) for axis in range(rank(x))]
    return filled(op, target, value, dtypes.of(x))


@importer("copy", doc=f"{TORCH}.Tensor.copy_")
def copy(node: ImportedCall, op: Op, x: Value, source: Value) -> Value:
    y = cast(op, source, dtypes.of(x))
    if dimensions(y) == dimensions(x):
        return op.Identity(y) if y is source else y
    return op.Expand(y, axes.vector(op, x, [(axis,) for axis in range(rank(x))]))


@importer("scalar_tensor", "tensor", doc=f"{TORCH}.tensor")
def scalar_tensor(node: ImportedCall, op: Op, value: Any, *, dtype: ir.DataType) -> Value:
    return op.Identity(cast(op, value, dtype or dtypes.of(value)))


@importer("arange", doc=f"{TORCH}.arange")
def arange(
    node: ImportedCall, op: Op, *, start: Any, end: Any, step: Any, dtype: ir.DataType
) -> Value:
    start, step = 0 if start is None else start, 1 if step is None else step
    kind = dtype or (
        FLOAT
        if any(
            isinstance(n, float) or dtypes.is_float(n)
            for n in (start, end, step)
            if isinstance(n, (float, ir.Value))
        )
        else INT64
    )
    if not any(isinstance(n, ir.Value) for n in (start, end, step)):
        found = start + np.arange(max(int(np.ceil((end - start) / step)), 0)) * step
        return op.Identity(found.astype(kind.numpy()))
    wide = INT64 if not kind.is_floating_point() else DOUBLE
    items = (cast(op, n, wide) for n in (start, end, step))
    return cast(op, op.Range(*items), kind)


@importer("linspace", "logspace", doc=f"{TORCH}.linspace")
def linspace(
    node: ImportedCall, op: Op, start: Any, end: Any, steps: int, *, base: float, dtype: ir.DataType
) -> Value:
    kind = (dtype or FLOAT).numpy()
    found = np.linspace(start, end, steps)
    found = base**found if node.type == "logspace" else found
    return op.Identity(found.astype(kind))


@importer("eye", doc=f"{TORCH}.eye")
def eye(node: ImportedCall, op: Op, n: int, *, m: int, dtype: ir.DataType) -> Value:
    return op.Identity(np.eye(n, m, dtype=(dtype or FLOAT).numpy()))


@importer("tril_indices", "triu_indices", doc=f"{TORCH}.tril_indices")
def tril_indices(
    node: ImportedCall, op: Op, row: int, col: int, *, offset: int, dtype: ir.DataType
) -> Value:
    make = np.tril_indices if node.type == "tril_indices" else np.triu_indices
    return op.Identity(np.stack(make(row, offset or 0, col)).astype((dtype or INT64).numpy()))


@importer("complex", "view_as_complex", "view_as_real", "polar", doc=f"{TORCH}.complex")
def complex_(node: ImportedCall, op: Op, x: Value) -> Value:
    node.refuse("complex numbers are not read here")


@importer("vander", doc=f"{TORCH}.vander")
def vander(node: ImportedCall, op: Op, x: Value, *, N: int, increasing: bool) -> Value:
    count = known(x, 0) if N is None else N
    powers = np.arange(count)[:: 1 if increasing else -1]
    return op.Pow(op.Unsqueeze(x, [1]), like(x, powers))


@importer(
    "_assert_scalar",
    "_assert_async",
    "sym_constrain_range",
    "sym_constrain_range_for_size",
    "_assert_tensor",
    doc=TORCH,
)
def assertion(node: ImportedCall, op: Op, *args: Any) -> list[Any]:
    """What the program takes for granted."""
    return []
