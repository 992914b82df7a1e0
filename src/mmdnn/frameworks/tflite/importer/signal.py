"""Fourier transforms (tensorflow/lite/kernels/rfft2d.cc); complex numbers are pairs, in an axis behind."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.tflite.importer.table import DOC, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank


@importer("RFFT2D", doc=DOC)
def rfft_2d(node: ImportedNode, op: Op, x: Value, length: Value) -> Value:
    """Rows and columns are cut, or filled with zeros, to the lengths; half of the columns are given."""
    if rank(x) < 2:
        x = op.Unsqueeze(x, [0])
    for axis, wanted in zip(
        (rank(x) - 2, rank(x) - 1), node.ints(length, "its lengths"), strict=True
    ):
        size = known(x, axis)
        if size > wanted:
            x = op.Slice(x, [0], [wanted], [axis])
        elif size < wanted:
            pads = np.zeros((2, rank(x)), np.int64)
            pads[1, axis] = wanted - size
            x = op.Pad(x, pads.reshape(-1))
    rows, columns = (known(x, rank(x) - place) for place in (2, 1))
    across = np.fft.rfft(np.eye(columns), axis=0)
    real, imaginary = (op.MatMul(x, _matrix(part.T)) for part in (across.real, across.imag))
    if rows > 1:
        down = np.fft.fft(np.eye(rows), axis=0)
        c, s = _matrix(down.real), _matrix(down.imag)
        real, imaginary = (
            op.Sub(op.MatMul(c, real), op.MatMul(s, imaginary)),
            op.Add(op.MatMul(c, imaginary), op.MatMul(s, real)),
        )
    parts = (op.Unsqueeze(part, [rank(part)]) for part in (real, imaginary))
    return op.Concat(*parts, axis=-1)


def _matrix(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float32)


@importer("COMPLEX_ABS", doc=DOC)
def complex_abs(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.ReduceL2(x, [-1], keepdims=0)


@importer("REAL", "IMAG", doc=DOC)
def part(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Gather(x, np.int64(0 if node.type == "REAL" else 1), axis=rank(x) - 1)
