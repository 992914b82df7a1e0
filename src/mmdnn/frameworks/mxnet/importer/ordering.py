"""Operators that put elements in another order, or take a diagonal (src/operator/tensor/matrix_op.cc)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import NN
from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.shapes import (
    Size,
    known,
    rank,
    reshape,
    transpose,
)
from mmdnn.frameworks.mxnet.importer.table import Importing, importer


@importer("transpose", "_np_transpose", doc=f"{NN}.transpose")
def transpose_(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    axes = [node.axis(axis, x) for axis in node.p.axes or ()]
    return transpose(op, x, axes or range(rank(x))[::-1])


@importer("SwapAxis", doc=f"{NN}.swapaxes")
def swap_axes(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return _swapped(op, x, node.axis(node.p.dim1, x), node.axis(node.p.dim2, x))


def _swapped(op: Any, x: ir.Value, a: int, b: int) -> ir.Value:
    order = list(range(rank(x)))
    order[a], order[b] = b, a
    return transpose(op, x, order)


@importer("_np_moveaxis", doc=f"{NN}.moveaxis")
def move_axis(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    source = [node.axis(axis, x) for axis in node.p.source]
    target = [node.axis(axis, x) for axis in node.p.destination]
    order = [axis for axis in range(rank(x)) if axis not in source]
    for place, axis in sorted(zip(target, source, strict=True)):
        order.insert(place, axis)
    return transpose(op, x, order)


@importer("depth_to_space", doc=f"{NN}.depth_to_space")
def depth_to_space(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.DepthToSpace(x, blocksize=node.p.block_size, mode="DCR")


@importer("space_to_depth", doc=f"{NN}.space_to_depth")
def space_to_depth(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.SpaceToDepth(x, blocksize=node.p.block_size)


@importer("reverse", "_npi_flip", doc=f"{NN}.reverse")
def reverse(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    axes = [node.axis(axis, x) for axis in node.p.axis or range(rank(x))]
    lowest = np.iinfo(np.int64).min
    count = len(axes)
    return op.Slice(x, [-1] * count, [lowest] * count, axes, [-1] * count)


@importer("diag", "_np_diag", doc=f"{NN}.diag")
def diagonal(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """A matrix from a diagonal, or the diagonal of two axes, last."""
    k = node.p.k
    legacy = node.type == "diag"
    axes = (node.p.axis1, node.p.axis2) if legacy else (0, 1)
    if rank(x) == 1:
        return _from_diagonal(op, x, k)
    return take_diagonal(node, op, x, k, axes)


def _from_diagonal(op: Any, x: ir.Value, k: int) -> ir.Value:
    n = known(x, 0)
    rows = np.arange(n) + max(-k, 0)
    places = np.stack([rows, rows + k], 1).astype(np.int64)
    side = n + abs(k)
    zeros = op.Expand(array(0, x), np.asarray([side, side], np.int64))
    return op.ScatterND(zeros, places, x)


def take_diagonal(node: Importing, op: Any, x: ir.Value, k: int, axes: Sequence[int]) -> ir.Value:
    """The k-th diagonal of two axes, as the last axis."""
    a, b = (node.axis(axis, x) for axis in axes)
    rows, columns = known(x, a), known(x, b)
    start, stop = max(-k, 0), min(rows, columns - k)
    places = np.arange(start, stop)
    rest = [axis for axis in range(rank(x)) if axis not in {a, b}]
    merged = reshape(op, transpose(op, x, [*rest, a, b]), _merged(len(rest)))
    return op.Gather(merged, (places * columns + places + k).astype(np.int64), axis=len(rest))


def _merged(count: int) -> list[Size]:
    return [*((axis,) for axis in range(count)), (count, count + 1)]


@importer("_np_diagonal", doc=f"{NN}.diagonal")
def numpy_diagonal(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    return take_diagonal(node, op, x, node.p.offset, (node.p.axis1, node.p.axis2))


@importer("_np_roll", doc=f"{NN}.roll")
def roll(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """Elements shifted round along axes, or of the flattened array."""
    shifts, axes = list(node.p.shift or ()), node.p.axis
    if axes is None:
        y = _rolled(op, reshape(op, x, [tuple(range(rank(x)))]), shifts[0], 0)
        return op.Reshape(y, op.Shape(x))
    shifts = shifts * len(axes) if len(shifts) == 1 else shifts
    for shift, axis in zip(shifts, axes, strict=True):
        x = _rolled(op, x, shift, node.axis(axis, x))
    return x


def _rolled(op: Any, x: ir.Value, shift: int, axis: int) -> ir.Value:
    shift %= known(x, axis)
    parts = [known(x, axis) - shift, shift]
    if not shift:
        return x
    first, last = op.Split(x, np.asarray(parts, np.int64), axis=axis, outputs=2)
    return op.Concat(last, first, axis=axis)
