"""Complex numbers, as their two parts, and Fourier transforms, as products with sines and cosines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmdnn.frameworks.tensorflow.importer.table import RAW, Complex, ImportedNode, Value, importer
from mmdnn.ir.axes import moved
from mmdnn.ir.builder import Op, known, rank

MOST = 1 << 13
"""Elements that are transformed at once, at most."""


@importer("Complex", doc=f"{RAW}/Complex")
def complex_(node: ImportedNode, op: Op, real: Value, imaginary: Value) -> Complex:
    return Complex(real, imaginary)


@importer("Real", doc=f"{RAW}/Real")
def real(node: ImportedNode, op: Op, x: Any) -> Value:
    found: Value = x.real
    return found


@importer("Imag", doc=f"{RAW}/Imag")
def imaginary(node: ImportedNode, op: Op, x: Any) -> Value:
    found: Value = x.imaginary
    return found


@importer("ComplexAbs", doc=f"{RAW}/ComplexAbs")
def complex_abs(node: ImportedNode, op: Op, x: Any) -> Value:
    return op.Sqrt(op.Add(op.Mul(x.real, x.real), op.Mul(x.imaginary, x.imaginary)))


@importer("Conj", doc=f"{RAW}/Conj")
def conjugate(node: ImportedNode, op: Op, x: Any) -> Complex:
    return Complex(x.real, op.Neg(x.imaginary))


def _waves(node: ImportedNode, size: int) -> np.ndarray:
    """What each bin takes of each element."""
    if size > MOST:
        node.refuse(f"it transforms {size} elements")
    places = np.arange(size)
    return np.asarray(np.exp(-2j * np.pi * (np.outer(places, places) % size) / size))


def _transformed(op: Op, x: Complex, waves: np.ndarray, axis: int) -> Complex:
    """Along an axis: waves is [elements, bins]."""
    last = rank(x.real) - 1
    parts = [moved(op, part, axis, last) for part in (x.real, x.imaginary)]
    cosines, sines = (np.ascontiguousarray(m.astype(np.float32)) for m in (waves.real, waves.imag))
    a, b = (op.MatMul(part, cosines) for part in parts)
    c, d = (op.MatMul(part, sines) for part in parts)
    both = op.Sub(a, d), op.Add(c, b)
    return Complex(*(moved(op, part, last, axis) for part in both))


def _axes(node: ImportedNode) -> list[int]:
    """Counted from the end: as many as the operator's name says."""
    return [-1, -2, -3][: int(node.type[-2])] if node.type.endswith("D") else [-1]


@importer("FFT", "FFT2D", "FFT3D", "IFFT", "IFFT2D", "IFFT3D", doc=f"{RAW}/FFT")
def fft(node: ImportedNode, op: Op, x: Any) -> Complex:
    found: Complex = x
    for axis in _axes(node):
        place = rank(x.real) + axis
        size = known(x.real, place)
        waves = _waves(node, size)
        found = _transformed(
            op, found, waves.conj() / size if node.type[0] == "I" else waves, place
        )
    return found


def fitted(op: Op, x: Value, sizes: Sequence[int]) -> Value:
    """The last axes cut, or with zeros behind."""
    for axis, size in enumerate(sizes, rank(x) - len(sizes)):
        before = known(x, axis)
        if before > size:
            x = op.Slice(x, [0], [size], [axis])
        elif before < size:
            pads = np.zeros((2, rank(x)), np.int64)
            pads[1, axis] = size - before
            x = op.Pad(x, pads.reshape(-1))
    return x


@importer("RFFT", doc=f"{RAW}/RFFT")
def rfft(node: ImportedNode, op: Op, x: Value, length: Value) -> Complex:
    size = node.ints(length, "its length")[0]
    x = fitted(op, x, [size])
    waves = _waves(node, size)[:, : size // 2 + 1]
    parts = (np.ascontiguousarray(m.astype(np.float32)) for m in (waves.real, waves.imag))
    return Complex(*(op.MatMul(x, part) for part in parts))


@importer("IRFFT", doc=f"{RAW}/IRFFT")
def irfft(node: ImportedNode, op: Op, x: Any, length: Value) -> Value:
    """The bins above the middle are the conjugates of those below."""
    size = node.ints(length, "its length")[0]
    bins = size // 2 + 1
    parts = [fitted(op, part, [bins]) for part in (x.real, x.imaginary)]
    waves = _waves(node, size).conj()[:bins] / size
    twice = np.full((bins, 1), 2.0)
    twice[0] = 1
    if size % 2 == 0:
        twice[-1] = 1
    waves = waves * twice
    matrices = (np.ascontiguousarray(m.astype(np.float32)) for m in (waves.real, -waves.imag))
    return op.Add(*(op.MatMul(part, matrix) for part, matrix in zip(parts, matrices, strict=True)))
