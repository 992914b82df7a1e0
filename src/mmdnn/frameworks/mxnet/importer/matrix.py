"""Products of matrices (src/operator/tensor/dot.cc, la_op.cc, contrib/krprod.cc, transformer.cc)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import NN
from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.ordering import take_diagonal
from mmdnn.frameworks.mxnet.importer.shapes import (
    Size,
    joined,
    known,
    moved,
    product,
    rank,
    reshape,
    transpose,
    vector,
)
from mmdnn.frameworks.mxnet.importer.table import Importing, importer


@importer("dot", doc=f"{NN}.dot")
def dot(node: Importing, op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
    """The last axis of a with the first of b. A transposed one is rotated: its first axis goes last."""
    p = node.p
    _ = p.forward_stype
    if rank(a) == rank(b) == 1:
        return op.Reshape(op.MatMul(a, b), [1])
    a = moved(op, a, 0, rank(a) - 1) if p.transpose_a and rank(a) > 1 else a
    b = moved(op, b, rank(b) - 1, 0) if p.transpose_b and rank(b) > 1 else b
    return contracted(op, a, b)


def contracted(op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
    """The last axis of a with the first of b, the other axes in their order."""
    if rank(b) <= 2:
        return op.MatMul(a, b)
    left, right = rank(a) - 1, rank(b) - 1
    flat = reshape(op, b, [(0,), tuple(range(1, rank(b)))])
    y = op.MatMul(a, flat)
    sizes = [*(vector(op, a, [(axis,)]) for axis in range(left))]
    sizes += [vector(op, b, [(axis + 1,)]) for axis in range(right)]
    y = op.Reshape(y, joined(op, sizes))
    y.shape = ir.Shape([*list(a.shape or ())[:-1], *list(b.shape or ())[1:]])
    return y


@importer("_np_dot", doc=f"{NN}.dot")
def numpy_dot(_node: Importing, op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
    """The last axis of a with the last but one of b; a scalar multiplies."""
    if not rank(a) or not rank(b):
        return op.Mul(a, b)
    return contracted(op, a, moved(op, b, rank(b) - 2, 0) if rank(b) > 1 else b)


@importer("_npi_matmul", doc=f"{NN}.dot")
def matmul(_node: Importing, op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
    return op.MatMul(a, b)


@importer("_npi_tensordot_int_axes", doc=f"{NN}.dot")
def tensordot_count(node: Importing, op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
    count = node.p.axes
    axes = list(range(rank(a) - count, rank(a))), list(range(count))
    return _tensordot(op, a, b, *axes)


@importer("_npi_tensordot", doc=f"{NN}.dot")
def tensordot(node: Importing, op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
    p = node.p
    left = [node.axis(axis, a) for axis in p.a_axes_summed]
    return _tensordot(op, a, b, left, [node.axis(axis, b) for axis in p.b_axes_summed])


def _tensordot(op: Any, a: ir.Value, b: ir.Value, left: list[int], right: list[int]) -> ir.Value:
    rest = [axis for axis in range(rank(a)) if axis not in left]
    a = transpose(op, a, [*rest, *left])
    a = reshape(op, a, [*((i,) for i in range(len(rest))), tuple(range(len(rest), rank(a)))])
    b = transpose(op, b, [*right, *(axis for axis in range(rank(b)) if axis not in right)])
    kept: list[Size] = [(i,) for i in range(len(right), rank(b))]
    return contracted(op, a, reshape(op, b, [tuple(range(len(right))), *kept]))


def _turned(op: Any, x: ir.Value, wanted: bool) -> ir.Value:
    """The last two axes exchanged."""
    count = rank(x)
    order = [*range(count - 2), count - 1, count - 2]
    return transpose(op, x, order) if wanted else x


@importer("batch_dot", doc=f"{NN}.batch_dot")
def batch_dot(node: Importing, op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
    p = node.p
    _ = p.forward_stype
    return op.MatMul(_turned(op, a, p.transpose_a), _turned(op, b, p.transpose_b))


def _scaled(op: Any, x: ir.Value, factor: float) -> ir.Value:
    return x if factor == 1 else op.Mul(x, array(factor, x))


def _matrices(node: Importing, op: Any, *values: ir.Value) -> list[ir.Value]:
    """With the axis of the rows as the last but one."""
    axis = node.p.axis
    return [moved(op, v, node.axis(axis, v), rank(v) - 2) for v in values]


@importer("_linalg_gemm", doc=f"{NN}.linalg.gemm")
def gemm(node: Importing, op: Any, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    p = node.p
    left, right, more = _matrices(node, op, a, b, c)
    y = op.MatMul(_turned(op, left, p.transpose_a), _turned(op, right, p.transpose_b))
    y = op.Add(_scaled(op, y, p.alpha), _scaled(op, more, p.beta))
    return moved(op, y, rank(y) - 2, node.axis(p.axis, y))


@importer("_linalg_gemm2", doc=f"{NN}.linalg.gemm2")
def gemm2(node: Importing, op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
    p = node.p
    left, right = _matrices(node, op, a, b)
    y = op.MatMul(_turned(op, left, p.transpose_a), _turned(op, right, p.transpose_b))
    return moved(op, _scaled(op, y, p.alpha), rank(y) - 2, node.axis(p.axis, y))


@importer("_linalg_syrk", doc=f"{NN}.linalg.syrk")
def syrk(node: Importing, op: Any, a: ir.Value) -> ir.Value:
    p = node.p
    other = _turned(op, a, True)
    y = op.MatMul(other, a) if p.transpose else op.MatMul(a, other)
    return _scaled(op, y, p.alpha)


@importer("_linalg_trmm", doc=f"{NN}.linalg.trmm")
def trmm(node: Importing, op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
    """A triangle times a matrix; the other half of the triangle is not read."""
    p = node.p
    triangle = _turned(op, op.Trilu(a, upper=int(not p.lower)), p.transpose)
    y = op.MatMul(b, triangle) if p.rightside else op.MatMul(triangle, b)
    return _scaled(op, y, p.alpha)


@importer("_linalg_det", doc=f"{NN}.linalg.det")
def determinant(node: Importing, op: Any, a: ir.Value) -> ir.Value:
    y = op.Det(a)
    return op.Reshape(y, [1]) if rank(a) == 2 and not node.numpy else y


@importer("_linalg_sumlogdiag", doc=f"{NN}.linalg.sumlogdiag")
def sumlogdiag(node: Importing, op: Any, a: ir.Value) -> ir.Value:
    diagonal = take_diagonal(node, op, a, 0, (-2, -1))
    y = op.ReduceSum(op.Log(diagonal), [-1], keepdims=0)
    return op.Reshape(y, [1]) if rank(a) == 2 else y


@importer("_linalg_extractdiag", doc=f"{NN}.linalg.extractdiag")
def extractdiag(node: Importing, op: Any, a: ir.Value) -> ir.Value:
    return take_diagonal(node, op, a, node.p.offset, (-2, -1))


@importer("_linalg_makediag", doc=f"{NN}.linalg.makediag")
def makediag(node: Importing, op: Any, a: ir.Value) -> ir.Value:
    """Each vector as a diagonal: times a selection of places."""
    offset, n = node.p.offset, known(a, rank(a) - 1)
    side = n + abs(offset)
    places = np.zeros((n, side, side))
    rows = np.arange(n) + max(-offset, 0)
    places[np.arange(n), rows, rows + offset] = 1
    flat = op.MatMul(a, array(places.reshape(n, -1), a))
    kept: list[Size] = [(i,) for i in range(rank(a) - 1)]
    return reshape(op, flat, [*kept, side, side])


@importer("khatri_rao", doc=f"{NN}.khatri_rao")
def khatri_rao(_node: Importing, op: Any, *matrices: ir.Value) -> ir.Value:
    """The products of columns, every row with every row."""
    y = matrices[0]
    for other in matrices[1:]:
        wide = op.Mul(op.Unsqueeze(y, [1]), op.Unsqueeze(other, [0]))
        y = reshape(op, wide, [(0, 1), (2,)])
    return y


def _heads(node: Importing, op: Any, x: ir.Value, parts: int) -> list[ir.Value]:
    """[T, N, heads * parts * D] as `parts` values [N * heads, T, D]."""
    heads = node.p.heads
    size = known(x, 2) // (heads * parts)
    x = reshape(op, x, [(0,), (1,), heads, parts, size])
    x = transpose(op, x, [3, 1, 2, 0, 4])
    made = op.Split(x, axis=0, num_outputs=parts, outputs=parts) if parts > 1 else [x]
    each = [op.Squeeze(part, [0]) for part in made]
    return [reshape(op, part, [(0, 1), (2,), (3,)]) for part in each]


def _scores(op: Any, q: ir.Value, k: ir.Value) -> ir.Value:
    scale = 1 / math.sqrt(known(q, 2))
    return op.MatMul(op.Mul(q, array(scale, q)), op.Transpose(k, perm=[0, 2, 1]))


def _attended(node: Importing, op: Any, v: ir.Value, attention: ir.Value) -> ir.Value:
    """[N * heads, T, S] times [N * heads, S, D] as [T, N, heads * D]."""
    heads, size = node.p.heads, known(v, 2)
    y = op.MatMul(attention, v)
    batch = product(y, [0])
    first: Size = -1 if batch is None else batch // heads
    y = transpose(op, reshape(op, y, [first, heads, (1,), size]), [2, 0, 1, 3])
    return reshape(op, y, [(0,), (1,), (2, 3)])


@importer("_contrib_interleaved_matmul_selfatt_qk", doc=f"{NN}.contrib")
def selfatt_qk(node: Importing, op: Any, qkv: ir.Value) -> ir.Value:
    q, k, _ = _heads(node, op, qkv, 3)
    return _scores(op, q, k)


@importer("_contrib_interleaved_matmul_selfatt_valatt", doc=f"{NN}.contrib")
def selfatt_valatt(node: Importing, op: Any, qkv: ir.Value, attention: ir.Value) -> ir.Value:
    return _attended(node, op, _heads(node, op, qkv, 3)[2], attention)


@importer("_contrib_interleaved_matmul_encdec_qk", doc=f"{NN}.contrib")
def encdec_qk(node: Importing, op: Any, q: ir.Value, kv: ir.Value) -> ir.Value:
    return _scores(op, _heads(node, op, q, 1)[0], _heads(node, op, kv, 2)[0])


@importer("_contrib_interleaved_matmul_encdec_valatt", doc=f"{NN}.contrib")
def encdec_valatt(node: Importing, op: Any, kv: ir.Value, attention: ir.Value) -> ir.Value:
    return _attended(node, op, _heads(node, op, kv, 2)[1], attention)


def _triangle(node: Importing, side: int) -> np.ndarray:
    """Places of a triangle's elements in the flattened matrix."""
    rows, columns = np.indices((side, side))
    lower, offset = node.p.lower, node.p.offset
    # an offset of the other sign chooses the other triangle, as MXNet has it
    inside = columns - rows >= offset if offset > 0 else columns - rows <= offset
    if offset == 0:
        inside = columns <= rows if lower else columns >= rows
    return np.flatnonzero(inside)


@importer("_linalg_extracttrian", doc=f"{NN}.linalg.extracttrian")
def extracttrian(node: Importing, op: Any, a: ir.Value) -> ir.Value:
    count = rank(a)
    flat = reshape(op, a, [*((i,) for i in range(count - 2)), (count - 2, count - 1)])
    return op.Gather(flat, _triangle(node, known(a, count - 1)), axis=count - 2)


@importer("_linalg_maketrian", doc=f"{NN}.linalg.maketrian")
def maketrian(node: Importing, op: Any, a: ir.Value) -> ir.Value:
    count, length = rank(a), known(a, rank(a) - 1)
    offset = abs(node.p.offset)
    side = int((math.isqrt(8 * length + 1) - 1) // 2) + offset
    places = _triangle(node, side)
    if len(places) != length:
        node.unfit(f"{length} numbers make no triangle")
    spread = np.zeros((length, side * side))
    spread[np.arange(length), places] = 1
    kept: list[Size] = [(i,) for i in range(count - 1)]
    return reshape(op, op.MatMul(a, array(spread, a)), [*kept, side, side])


@importer("_linalg_slogdet", doc=f"{NN}.linalg.slogdet")
def slogdet(node: Importing, op: Any, a: ir.Value) -> tuple[ir.Value, ir.Value]:
    y = op.Det(a)
    y = op.Reshape(y, [1]) if rank(a) == 2 and not node.numpy else y
    return op.Sign(y), op.Log(op.Abs(y))
