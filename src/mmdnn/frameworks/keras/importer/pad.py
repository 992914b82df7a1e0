"""Padding and cropping."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmdnn.frameworks.keras.importer.layout import spatial
from mmdnn.frameworks.keras.importer.table import LAYERS, OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, rank

RESHAPING = f"{LAYERS}/reshaping_layers"
_MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}


def _sides(node: ImportedNode, said: Any, count: int) -> list[tuple[int, int]]:
    """In front and behind, for each axis: one number for all, one for each axis, or pairs."""
    if isinstance(said, int):
        return [(said, said)] * count
    if count == 1 and len(said) == 2 and isinstance(said[0], int):
        return [(said[0], said[1])]
    if node.config.get("keras1") and count == 2 and len(said) == 4:
        return [(said[0], said[1]), (said[2], said[3])]
    pairs = [(each, each) if isinstance(each, int) else (each[0], each[1]) for each in said]
    if len(pairs) != count:
        node.unfit(f"{said} are not {count} paddings")
    return pairs


@importer("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", doc=RESHAPING)
def zero_padding(node: ImportedNode, op: Op, x: Value, *, padding: Any, data_format: str) -> Value:
    axes = spatial(data_format, x)
    pairs = dict(zip(axes, _sides(node, padding, len(axes)), strict=True))
    return padded(op, x, [pairs.get(axis, (0, 0)) for axis in range(rank(x))])


def padded(op: Op, x: Value, pairs: list[tuple[int, int]], value: Any = None) -> Value:
    """A tensor with a constant, 0 unless said, in front and behind of each axis."""
    pads = [pair[0] for pair in pairs] + [pair[1] for pair in pairs]
    return op.Pad(x, pads) if value is None else op.Pad(x, pads, value)


@importer("Cropping1D", "Cropping2D", "Cropping3D", doc=RESHAPING)
def cropping(node: ImportedNode, op: Op, x: Value, *, cropping: Any, data_format: str) -> Value:
    axes = spatial(data_format, x)
    pairs = _sides(node, cropping, len(axes))
    most = np.iinfo(np.int64).max
    ends = [-end if end else most for _, end in pairs]
    return op.Slice(x, [start for start, _ in pairs], ends, axes)


@importer("ops.Pad", doc=f"{OPS}/numpy")
def pad(
    node: ImportedNode, op: Op, x: Value, *, pad_width: Any, mode: str, constant_values: Any
) -> Value:
    pairs = pad_width if isinstance(pad_width, list) else [pad_width] * rank(x)
    pairs = [(each, each) if isinstance(each, int) else tuple(each) for each in pairs]
    pairs = pairs * rank(x) if len(pairs) == 1 else pairs
    return by_mode(node, op, x, pairs, mode, constant_values)


def by_mode(
    node: ImportedNode, op: Op, x: Value, pairs: list[tuple[int, int]], mode: str, value: Any
) -> Value:
    """A tensor padded with a constant, or with what is in it."""
    kind = x.dtype.numpy() if x.dtype is not None else np.float32
    if mode == "symmetric":
        return _symmetric(op, x, pairs)
    if mode not in _MODES:
        node.refuse(f"its mode is {mode}")
    if mode == "constant":
        return padded(op, x, pairs, None if value is None else np.asarray(value, kind))
    pads = [pair[0] for pair in pairs] + [pair[1] for pair in pairs]
    return op.Pad(x, pads, mode=_MODES[mode])


def _symmetric(op: Op, x: Value, pairs: list[tuple[int, int]]) -> Value:
    """Mirrored, the edges twice."""
    least = np.iinfo(np.int64).min
    for axis, (before, after) in enumerate(pairs):
        parts = [x]
        if before:
            parts.insert(0, op.Slice(x, [before - 1], [least], [axis], [-1]))
        if after:
            parts.append(op.Slice(x, [-1], [-after - 1], [axis], [-1]))
        x = op.Concat(*parts, axis=axis) if len(parts) > 1 else x
    return x
