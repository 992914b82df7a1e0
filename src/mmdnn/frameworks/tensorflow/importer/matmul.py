"""Products of matrices."""

from __future__ import annotations

from mmdnn.frameworks.tensorflow.importer.convolution import permuted
from mmdnn.frameworks.tensorflow.importer.table import RAW, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, rank


def _turned(node: ImportedNode, op: Op, x: Value, turn: bool) -> Value:
    """A matrix, its last axes exchanged where that is said."""
    if not turn:
        return x
    axes = rank(x)
    return permuted(node, op, x, [*range(axes - 2), axes - 1, axes - 2])


@importer("MatMul", doc=f"{RAW}/MatMul")
def matmul(
    node: ImportedNode, op: Op, a: Value, b: Value, *, transpose_a: bool, transpose_b: bool
) -> Value:
    return op.MatMul(_turned(node, op, a, transpose_a), _turned(node, op, b, transpose_b))


@importer("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", doc=f"{RAW}/BatchMatMulV2")
def batch_matmul(
    node: ImportedNode, op: Op, a: Value, b: Value, *, adj_x: bool, adj_y: bool
) -> Value:
    return op.MatMul(_turned(node, op, a, adj_x), _turned(node, op, b, adj_y))


@importer("SparseMatMul", doc=f"{RAW}/SparseMatMul", unused="a_is_sparse b_is_sparse")
def sparse_matmul(
    node: ImportedNode, op: Op, a: Value, b: Value, *, transpose_a: bool, transpose_b: bool
) -> Value:
    return op.MatMul(_turned(node, op, a, transpose_a), _turned(node, op, b, transpose_b))


@importer("Einsum", doc=f"{RAW}/Einsum", unused="N")
def einsum(node: ImportedNode, op: Op, *inputs: Value, equation: str) -> Value:
    return op.Einsum(*inputs, equation=equation.replace(" ", ""))
