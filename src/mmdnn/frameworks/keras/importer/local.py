"""Layers that have weights of their own at each place, in the three forms that Keras stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmdnn.frameworks.keras.importer.activation import activated
from mmdnn.frameworks.keras.importer.layout import FIRST, several, spatial
from mmdnn.frameworks.keras.importer.table import LAYERS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank


@importer("LocallyConnected1D", "LocallyConnected2D", doc=f"{LAYERS}/convolution_layers")
def locally_connected(
    node: ImportedNode, op: Op, x: Value, *, activation: Any, use_bias: bool, kernel_size: Any,
    strides: Any, padding: str, data_format: str, filters: int, implementation: int,
) -> Value:  # fmt: skip
    """One matrix from all inputs to all outputs, which is zero but for the windows."""
    axes = spatial(data_format, x)
    sizes = [known(x, axis) for axis in axes]
    channels = known(x, 1 if data_format == FIRST else rank(x) - 1)
    size, step = several(node, kernel_size, len(axes)), several(node, strides, len(axes))
    counts, windows = _windows(sizes, size, step, padding)
    if padding == "same" and implementation == 1:
        node.refuse("its padding is same")
    first = data_format == FIRST
    inputs = (channels, *sizes) if first else (*sizes, channels)
    outputs = (filters, *counts) if first else (*counts, filters)

    def matrix(array: np.ndarray) -> np.ndarray:
        pairs = _pairs(windows, sizes, channels, filters, first=first)
        shape = (int(np.prod(inputs)), int(np.prod(outputs)))
        if implementation == 2:
            kept = np.zeros(shape, array.dtype)
            kept[pairs[:, 1], pairs[:, 0]] = 1
            return np.asarray(kept * array.reshape(shape))
        found = np.zeros(shape, array.dtype)
        if implementation == 3:
            pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
            found[pairs[:, 1], pairs[:, 0]] = array
        else:
            found[pairs[:, 1], pairs[:, 0]] = array.reshape(-1)
        return found

    shape = (int(np.prod(inputs)), int(np.prod(outputs)))
    kernel = node.sure(node.graph.changed(node.weight("kernel"), "matrix", matrix, shape))
    y = op.Reshape(op.MatMul(op.Flatten(x, axis=1), kernel), [-1, *outputs])
    if use_bias:
        bias = node.weight("bias")  # as it lies: Keras reshapes it, too
        y = op.Add(y, node.sure(node.graph.reshaped(bias, outputs)))
    return activated(node, op, y, activation)


def _windows(
    sizes: Sequence[int], size: Sequence[int], step: Sequence[int], padding: str
) -> tuple[list[int], list[list[list[tuple[int, int]]]]]:
    """How many windows there are on each axis, and of each the (place in it, place in the picture)."""
    counts, found = [], []
    for n, k, s in zip(sizes, size, step, strict=True):
        count = -(-n // s) if padding == "same" else (n - k) // s + 1
        before = max((count - 1) * s + k - n, 0) // 2 if padding == "same" else 0
        if padding == "same":
            before = k // 2
        counts.append(count)
        rows = [
            [(j, i * s - before + j) for j in range(k) if 0 <= i * s - before + j < n]
            for i in range(count)
        ]
        found.append(rows)
    return counts, found


def _pairs(
    windows: list[list[list[tuple[int, int]]]],
    sizes: Sequence[int],
    channels: int,
    filters: int,
    *,
    first: bool,
) -> np.ndarray:
    """(output, input) of each weight, as the weights of the first form lie: place, window, filter."""
    grids = np.meshgrid(*(np.arange(len(rows)) for rows in windows), indexing="ij")
    places = np.stack([grid.reshape(-1) for grid in grids], axis=1)
    counts = [len(rows) for rows in windows]
    found = []
    for number, place in enumerate(places):
        rows = [windows[axis][i] for axis, i in enumerate(place)]
        inner = np.meshgrid(*([at for _, at in row] for row in rows), indexing="ij")
        flat = np.ravel_multi_index([part.reshape(-1) for part in inner], sizes)
        if first:
            reads = (np.arange(channels)[:, None] * int(np.prod(sizes)) + flat[None]).reshape(-1)
            writes = np.arange(filters) * int(np.prod(counts)) + number
        else:
            reads = (flat[:, None] * channels + np.arange(channels)[None]).reshape(-1)
            writes = number * filters + np.arange(filters)
        found.append(np.stack(np.broadcast_arrays(writes[None], reads[:, None]), -1).reshape(-1, 2))
    return np.concatenate(found)
