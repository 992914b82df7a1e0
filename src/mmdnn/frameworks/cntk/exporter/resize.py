"""Resizing: copies are gathered, mixtures are products with a matrix, for each axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from mmdnn.frameworks.cntk.exporter.matmul import along
from mmdnn.frameworks.cntk.exporter.operand import Operand, sizes
from mmdnn.frameworks.cntk.exporter.selection import chosen, repeated_elements
from mmdnn.frameworks.cntk.exporter.table import ExportedNode, exporter
from mmdnn.frameworks.cntk.exporter.writer import Writer
from mmdnn.frameworks.cntk.graph import FREE

Place = Callable[[float, float, int, int], float]

PLACES: dict[str, Place] = {
    "half_pixel": lambda i, scale, size, new: (i + 0.5) / scale - 0.5,
    "pytorch_half_pixel": lambda i, scale, size, new: (i + 0.5) / scale - 0.5 if new > 1 else 0.0,
    "asymmetric": lambda i, scale, size, new: i / scale,
    "align_corners": lambda i, scale, size, new: i * (size - 1) / (new - 1) if new > 1 else 0.0,
    "half_pixel_symmetric": lambda i, scale, size, new: (
        size / 2 * (1 - new / (scale * size)) + (i + 0.5) / scale - 0.5
    ),
}
"""Where an element of the result lies in the input."""

NEAREST: dict[str, Callable[[float], int]] = {
    "round_prefer_floor": lambda x: math.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: math.floor(x + 0.5),
    "floor": math.floor,
    "ceil": math.ceil,
}


@exporter(
    "Resize",
    doc="https://onnx.ai/onnx/operators/onnx__Resize.html",
    unused="extrapolation_value",
)
def resize(
    node: ExportedNode,
    cntk: Writer,
    x: Operand,
    roi: Operand | None = None,
    scales: Operand | None = None,
    wanted: Operand | None = None,
    *,
    mode: str,
    coordinate_transformation_mode: str,
    nearest_mode: str,
    cubic_coeff_a: float,
    exclude_outside: int,
    antialias: int,
    keep_aspect_ratio_policy: str,
    axes: list[int] | None = None,
) -> Operand:
    if antialias:
        node.refuse("it smooths what it makes smaller")
    if keep_aspect_ratio_policy != "stretch":
        node.refuse("its sizes keep the ratio of height and width")
    if coordinate_transformation_mode not in PLACES:
        node.refuse(f"its coordinates are {coordinate_transformation_mode}")
    nearest, spread = NEAREST[nearest_mode], PLACES[coordinate_transformation_mode]
    found = sizes(node.output.shape)
    if found is None:
        node.refuse("the size of its output is open")
    given = scales.numbers() if scales is not None else None
    plain = mode == "nearest" and _is_plain(coordinate_transformation_mode, nearest_mode)
    cubic = partial(_cubic, a=cubic_coeff_a, outside=exclude_outside)
    for place, axis in enumerate(range(x.rank) if axes is None else axes):
        position = node.front(axis, x.rank)
        new, size = found[position], x.dims[position]
        scale = float(given.reshape(-1)[place]) if given is not None and given.size else None
        if scale == 1 or _stays(node, position, scale) or (size == new != FREE):
            continue
        if not isinstance(size, int) or FREE in (size, new):
            x = _copied(node, cntk, x, position, scale if plain else None)
            continue
        where = [spread(i, scale or new / size, size, new) for i in range(new)]
        if mode == "nearest":
            rows = np.clip([nearest(spot) for spot in where], 0, size - 1)
            x = chosen(cntk, x, position, np.asarray(rows))
        else:
            x = along(cntk, x, position, (_linear if mode == "linear" else cubic)(where, size))
    return x


def _stays(node: ExportedNode, position: int, scale: float | None) -> bool:
    """Whether an axis, maybe of open size, is to have the size that it has."""
    source, after = node.node.inputs[0], list(node.output.shape or ())
    before = list(source.shape or ()) if source is not None else []
    return scale is None and position < len(before) and before[position] == after[position]


def _copied(
    node: ExportedNode, cntk: Writer, x: Operand, position: int, scale: float | None
) -> Operand:
    """Each element of an axis of open size as often as a whole scale says."""
    if x.layout[position] is not None or scale is None or scale % 1:
        node.refuse("the size of its input is open")
    return repeated_elements(cntk, x, position, int(scale))


def _is_plain(kind: str, nearest_mode: str) -> bool:
    """Whether whole scales give each element as often as they say."""
    rounds = kind == "half_pixel" and nearest_mode.startswith("round")
    return rounds or (kind, nearest_mode) == ("asymmetric", "floor")


def _linear(where: list[float], size: int) -> np.ndarray:
    """A column for each element of the result: what it takes of the input's."""
    matrix = np.zeros((size, len(where)))
    for column, spot in enumerate(where):
        spot = min(max(spot, 0), size - 1)
        low = math.floor(spot)
        matrix[low, column] += 1 - (spot - low)
        matrix[min(low + 1, size - 1), column] += spot - low
    return matrix


def _cubic(where: list[float], size: int, a: float, outside: int) -> np.ndarray:
    matrix = np.zeros((size, len(where)))
    for column, spot in enumerate(where):
        low = math.floor(spot)
        parts = [(row, _weight(abs(spot - row), a)) for row in range(low - 1, low + 3)]
        if outside:
            parts = [(row, part if 0 <= row < size else 0.0) for row, part in parts]
            total = sum(part for _, part in parts)
            parts = [(row, part / total) for row, part in parts]
        for row, part in parts:
            matrix[min(max(row, 0), size - 1), column] += part
    return matrix


def _weight(gap: float, a: float) -> float:
    if gap <= 1:
        return (a + 2) * gap**3 - (a + 3) * gap**2 + 1
    return a * gap**3 - 5 * a * gap**2 + 8 * a * gap - 4 * a if gap < 2 else 0.0
