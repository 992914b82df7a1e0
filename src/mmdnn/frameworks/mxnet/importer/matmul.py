"""Products of matrices, and dense layers (src/operator/tensor/dot.cc, la_op.cc, nn/fully_connected.cc)."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import check_filters
from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.table import NN, NP, ImportedNode, importer
from mmdnn.ir.axes import (
    Size,
    flat,
    joined,
    moved,
    reshape,
    transpose,
    vector,
)
from mmdnn.ir.builder import Op, known, rank
from mmdnn.tensors import references


@importer("dot", doc=f"{NN}.dot", unused="forward_stype")
def dot(node: ImportedNode, op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
    """The last axis of a with the first of b. A transposed one is rotated: its first axis goes last."""
    p = node.p
    if rank(a) == rank(b) == 1:
        return op.Reshape(op.MatMul(a, b), [1])
    a = moved(op, a, 0, rank(a) - 1) if p.transpose_a and rank(a) > 1 else a
    b = moved(op, b, rank(b) - 1, 0) if p.transpose_b and rank(b) > 1 else b
    return contracted(op, a, b)


def contracted(op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
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
def numpy_dot(_node: ImportedNode, op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
    """The last axis of a with the last but one of b; a scalar multiplies."""
    if not rank(a) or not rank(b):
        return op.Mul(a, b)
    return contracted(op, a, moved(op, b, rank(b) - 2, 0) if rank(b) > 1 else b)


@importer("_npi_matmul", doc=f"{NN}.dot")
def matmul(_node: ImportedNode, op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
    return op.MatMul(a, b)


@importer("_npi_tensordot_int_axes", doc=f"{NN}.dot")
def tensordot_count(node: ImportedNode, op: Op, a: ir.Value, b: ir.Value, *, axes: int) -> ir.Value:
    return _tensordot(op, a, b, list(range(rank(a) - axes, rank(a))), list(range(axes)))


@importer("_npi_tensordot", doc=f"{NN}.dot")
def tensordot(node: ImportedNode, op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
    p = node.p
    left = [node.axis(axis, a) for axis in p.a_axes_summed]
    return _tensordot(op, a, b, left, [node.axis(axis, b) for axis in p.b_axes_summed])


def _tensordot(op: Op, a: ir.Value, b: ir.Value, left: list[int], right: list[int]) -> ir.Value:
    rest = [axis for axis in range(rank(a)) if axis not in left]
    a = transpose(op, a, [*rest, *left])
    a = reshape(op, a, [*((i,) for i in range(len(rest))), tuple(range(len(rest), rank(a)))])
    b = transpose(op, b, [*right, *(axis for axis in range(rank(b)) if axis not in right)])
    kept: list[Size] = [(i,) for i in range(len(right), rank(b))]
    return contracted(op, a, reshape(op, b, [tuple(range(len(right))), *kept]))


def turned(op: Op, x: ir.Value, wanted: bool = True) -> ir.Value:
    """The last two axes exchanged."""
    count = rank(x)
    order = [*range(count - 2), count - 1, count - 2]
    return transpose(op, x, order) if wanted else x


@importer("batch_dot", doc=f"{NN}.batch_dot", unused="forward_stype")
def batch_dot(node: ImportedNode, op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
    p = node.p
    return op.MatMul(turned(op, a, p.transpose_a), turned(op, b, p.transpose_b))


def scaled(op: Op, x: ir.Value, factor: float) -> ir.Value:
    return x if factor == 1 else op.Mul(x, array(factor, x))


@importer("_linalg_gemm", doc=f"{NN}.linalg.gemm")
def gemm(node: ImportedNode, op: Op, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    return _product(node, op, a, b, c)


def _product(node: ImportedNode, op: Op, *values: ir.Value) -> ir.Value:
    """Of two matrices, and a third one added."""
    p = node.p
    left, right, *more = (moved(op, v, node.axis(p.axis, v), rank(v) - 2) for v in values)
    y = op.MatMul(turned(op, left, p.transpose_a), turned(op, right, p.transpose_b))
    y = scaled(op, y, p.alpha)
    for each in more:
        y = op.Add(y, scaled(op, each, p.beta))
    return moved(op, y, rank(y) - 2, node.axis(p.axis, y))


@importer("_linalg_gemm2", doc=f"{NN}.linalg.gemm2")
def gemm2(node: ImportedNode, op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
    return _product(node, op, a, b)


@importer("_linalg_det", doc=f"{NN}.linalg.det")
def determinant(node: ImportedNode, op: Op, a: ir.Value) -> ir.Value:
    y = op.Det(a)
    return op.Reshape(y, [1]) if rank(a) == 2 and not node.numpy else y


@importer("khatri_rao", doc=f"{NN}.khatri_rao")
def khatri_rao(_node: ImportedNode, op: Op, *matrices: ir.Value) -> ir.Value:
    """The products of columns, every row with every row."""
    y = matrices[0]
    for other in matrices[1:]:
        wide = op.Mul(op.Unsqueeze(y, [1]), op.Unsqueeze(other, [0]))
        y = reshape(op, wide, [(0, 1), (2,)])
    return y


@importer("FullyConnected", doc=f"{NN}.FullyConnected")
def fully_connected(
    node: ImportedNode, op: Op, x: ir.Value, weight: ir.Value, *bias: ir.Value
) -> ir.Value:
    """Over all axes but the first, or with `flatten` off over the last one."""
    p = node.p
    check_filters(node, weight, 0, p.num_hidden)
    bias = () if p.no_bias else bias
    return dense(node, op, x, weight, *bias, flatten=p.flatten)


def dense(
    node: ImportedNode, op: Op, x: ir.Value, weight: ir.Value, *bias: ir.Value, flatten: bool
) -> ir.Value:
    """X Wᵀ + b."""
    if flatten or rank(x) == 2:
        return op.Gemm(
            flat(op, x) if rank(x) > 1 else op.Unsqueeze(x, [1]), weight, *bias, transB=1
        )
    turned = transposed(node, op, weight)
    y = op.MatMul(x, turned)
    return op.Add(y, *bias) if bias else y


def transposed(node: ImportedNode, op: Op, weight: ir.Value) -> ir.Value:
    """A matrix with its axes exchanged, as a parameter where it is one."""
    if weight.const_value is None:
        return op.Transpose(weight, perm=[1, 0])
    shape = (known(weight, 1), known(weight, 0))
    made = node.graph.changed(weight, "T", references.transpose, shape)
    assert made is not None
    return made


@importer("_npi_einsum", doc=f"{NP}.einsum.html", unused="optimize")
def einsum(node: ImportedNode, op: Op, *inputs: ir.Value, subscripts: str) -> ir.Value:
    return op.Einsum(*inputs, equation=subscripts)
