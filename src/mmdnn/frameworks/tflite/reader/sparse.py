"""Sparse tensors, made dense when they are read.

A tensor's axes, and behind them those of blocks, are stored in an order of their own; each level is dense or
has, as in compressed sparse rows, where the entries of each row begin and which they are
(tensorflow/lite/kernels/internal/utils/sparsity_format_converter.cc).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tflite.reader.flatbuffers import Buffer, Table
from mmdnn.tensors import references

_SEGMENTS = {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"}


def dense(
    buffer: Buffer,
    table: Table,
    path: Path,
    where: tuple[int, int],
    dtype: ir.DataType,
    shape: tuple[int, ...],
    name: str,
) -> ir.TensorProtocol:
    """A tensor whose zeros the file does not hold.

    Raises:
        FormatError: What is said of its places does not fit it.
    """
    order, blocks = table["traversal_order"].tolist(), table["block_map"].tolist()
    count = len(shape) + len(blocks)
    levels = list(table["dim_metadata"])
    if sorted(order) != list(range(count)) or len(levels) != count or dtype.itemsize < 1:
        raise buffer.spoilt(f"the order of the axes of '{name}' is {order}")
    if sorted({*blocks}) != sorted(blocks) or not all(0 <= axis < len(shape) for axis in blocks):
        raise buffer.spoilt(f"the blocks of '{name}' are {blocks}")
    coordinates = np.zeros((1, count), np.int64)
    rows = np.zeros(1, np.int64)
    for axis, level in zip(order, levels, strict=True):
        coordinates, rows = _level(buffer, level, axis, coordinates, rows, math.prod(shape))
    sizes = [_size(level) for _axis, level in sorted(zip(order, levels, strict=True), key=_first)]
    flat = _places(coordinates, shape, blocks, sizes)
    start, length = where
    if length != len(flat) * dtype.itemsize or (len(flat) and not _inside(flat, shape)):
        raise buffer.spoilt(f"'{name}' has {length} bytes for {len(flat)} numbers")
    held = references.external(path, start, length, dtype, (len(flat),), name)

    def spread(numbers: np.ndarray) -> np.ndarray:
        found = np.zeros(math.prod(shape), numbers.dtype)
        found[np.ravel_multi_index(tuple(flat.T), shape)] = numbers
        return found.reshape(shape)

    return references.lazy(held, spread, shape=shape)


def _first(pair: tuple[int, Table]) -> int:
    return pair[0]


def _size(level: Table) -> int:
    """The size of a dense level; a block's always is."""
    size: int = level["dense_size"]
    return size


def _level(
    buffer: Buffer, level: Table, axis: int, coordinates: np.ndarray, rows: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """The entries of a level below each entry of those before it."""
    if level["format"] == 0:
        size = level["dense_size"]
        if size < 1 or len(rows) * size > most:
            raise buffer.spoilt(f"a sparse tensor has a level of {size} entries")
        places = np.tile(np.arange(size), len(rows))
        parents = np.repeat(np.arange(len(rows)), size)
        below = rows[parents] * size + places
    else:
        segments, indices = _vector(level, "array_segments"), _vector(level, "array_indices")
        fits = len(segments) > int(rows.max(initial=-1)) + 1 and bool(
            (np.diff(segments) >= 0).all()
        )
        if not fits or segments[0] != 0 or segments[-1] != len(indices) or len(indices) > most:
            raise buffer.spoilt("the entries of a sparse tensor are not where it says")
        counts = np.diff(segments)[rows]
        parents = np.repeat(np.arange(len(rows)), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        below = segments[rows][parents] + within
        places = indices[below]
    coordinates = coordinates[parents]
    coordinates[:, axis] = places
    return coordinates, below


def _vector(level: Table, name: str) -> np.ndarray:
    kind = _SEGMENTS.get(level[f"{name}_type"], "")
    table = level.union(name, kind) if kind else None
    values = np.zeros(0, np.int64) if table is None else table["values"]
    return np.asarray(values, np.int64)


def _places(
    coordinates: np.ndarray, shape: tuple[int, ...], blocks: list[int], sizes: list[int]
) -> np.ndarray:
    """Places in the tensor, those inside blocks added to where the blocks begin."""
    found = coordinates[:, : len(shape)].copy()
    for number, axis in enumerate(blocks):
        level = len(shape) + number
        found[:, axis] = found[:, axis] * sizes[level] + coordinates[:, level]
    return found


def _inside(places: np.ndarray, shape: tuple[int, ...]) -> bool:
    return bool((places >= 0).all() and (places < np.asarray(shape)).all())
