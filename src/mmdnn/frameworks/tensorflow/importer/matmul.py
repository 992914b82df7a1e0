"""Products of matrices."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.importer.convolution import permuted
from mmdnn.frameworks.tensorflow.importer.table import (
    RAW,
    ImportedNode,
    Value,
    as_type,
    importer,
    is_float,
)
from mmdnn.ir.axes import reshape
from mmdnn.ir.builder import Op, known, rank


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


@importer("MatrixBandPart", doc=f"{RAW}/MatrixBandPart")
def matrix_band_part(node: ImportedNode, op: Op, x: Value, lower: Value, upper: Value) -> Value:
    """What is near the diagonal; a negative number takes all of its side."""
    below, above = node.ints(lower, "its band")[0], node.ints(upper, "its band")[0]
    narrow = x.dtype in {ir.DataType.INT32, ir.DataType.FLOAT16}
    wide = (
        op.Cast(x, to=ir.DataType.INT64 if not is_float(x) else ir.DataType.FLOAT) if narrow else x
    )
    if below >= 0:
        wide = op.Trilu(wide, np.int64(-below), upper=1)
    if above >= 0:
        wide = op.Trilu(wide, np.int64(above), upper=0)
    return as_type(op, wide, x.dtype)


def _diagonal(rows: int, columns: int, k: int = 0) -> np.ndarray:
    return np.eye(rows, columns, k, dtype=bool)


@importer("Diag", "MatrixDiag", doc=f"{RAW}/MatrixDiag")
def matrix_diag(node: ImportedNode, op: Op, x: Value) -> Value:
    """A matrix with a vector as its diagonal."""
    if node.type == "Diag" and rank(x) != 1:
        node.refuse(f"it has {rank(x)} axes")
    size = known(x, rank(x) - 1)
    return op.Where(_diagonal(size, size), op.Unsqueeze(x, [-1]), node.constant(0, x))


@importer("MatrixDiagV2", "MatrixDiagV3", doc=f"{RAW}/MatrixDiagV3", unused="align")
def matrix_diag_v3(
    node: ImportedNode, op: Op, x: Value, k: Value, rows: Value, columns: Value, padding: Value
) -> Value:
    places = node.ints(k, "its diagonals")
    if len(set(places)) != 1:
        node.refuse(f"it has the diagonals {places}")
    place, size = places[0], known(x, rank(x) - 1)
    least = size + max(-place, 0), size + max(place, 0)
    said = [node.ints(each)[0] for each in (rows, columns)]
    least = (max(least),) * 2 if said == [-1, -1] else least
    shape = [a if a >= 0 else b for a, b in zip(said, least, strict=True)]
    axis = -1 if place >= 0 else -2
    missing = shape[0 if place >= 0 else 1] - size
    if missing > 0:
        pads = np.zeros((2, rank(x)), np.int64)
        pads[1, -1] = missing
        x = op.Pad(x, pads.reshape(-1))
    mask = _diagonal(shape[0], shape[1], place)
    return op.Where(mask, op.Unsqueeze(x, [axis]), padding)


@importer("DiagPart", "MatrixDiagPart", doc=f"{RAW}/MatrixDiagPart")
def matrix_diag_part(node: ImportedNode, op: Op, x: Value) -> Value:
    if node.type == "DiagPart" and rank(x) != 2:
        node.refuse(f"it has {rank(x)} axes")
    return _part(op, x, 0)


@importer("MatrixDiagPartV2", "MatrixDiagPartV3", doc=f"{RAW}/MatrixDiagPartV3", unused="align")
def matrix_diag_part_v3(node: ImportedNode, op: Op, x: Value, k: Value, padding: Value) -> Value:
    places = node.ints(k, "its diagonals")
    if len(set(places)) != 1:
        node.refuse(f"it takes the diagonals {places}")
    return _part(op, x, places[0])


def _part(op: Op, x: Value, k: int) -> Value:
    axes = rank(x)
    rows, columns = known(x, axes - 2), known(x, axes - 1)
    index = np.flatnonzero(_diagonal(rows, columns, k).reshape(-1))
    return op.Gather(
        reshape(op, x, [*((a,) for a in range(axes - 2)), rows * columns]), index, axis=-1
    )


@importer("MatrixSetDiag", doc=f"{RAW}/MatrixSetDiag")
def matrix_set_diag(node: ImportedNode, op: Op, x: Value, diagonal: Value) -> Value:
    return _set(op, x, diagonal, 0)


@importer("MatrixSetDiagV2", "MatrixSetDiagV3", doc=f"{RAW}/MatrixSetDiagV3", unused="align")
def matrix_set_diag_v3(node: ImportedNode, op: Op, x: Value, diagonal: Value, k: Value) -> Value:
    places = node.ints(k, "its diagonals")
    if len(set(places)) != 1:
        node.refuse(f"it sets the diagonals {places}")
    return _set(op, x, diagonal, places[0])


def _set(op: Op, x: Value, diagonal: Value, k: int) -> Value:
    axes = rank(x)
    rows, columns = known(x, axes - 2), known(x, axes - 1)
    by_row = k >= 0
    missing = (rows if by_row else columns) - known(diagonal, axes - 2)
    if missing:
        pads = np.zeros((2, axes - 1), np.int64)
        pads[1, -1] = missing
        diagonal = op.Pad(diagonal, pads.reshape(-1))
    mask = _diagonal(rows, columns, k)
    return op.Where(mask, op.Unsqueeze(diagonal, [-1 if by_row else -2]), x)
