"""Padding; negative amounts cut off."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import sizes
from mmdnn.frameworks.pytorch.importer.dtypes import like
from mmdnn.frameworks.pytorch.importer.table import NN, ImportedCall, Value, importer
from mmdnn.ir.builder import Op, rank

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def padded(op: Op, x: Value, pad: list[Any], mode: str, value: Any = None) -> Value:
    """Pairs for axes from the last one on."""
    count = rank(x)
    before: list[Any] = [0] * count
    after: list[Any] = [0] * count
    for place in range(len(pad) // 2):
        before[count - 1 - place], after[count - 1 - place] = pad[2 * place], pad[2 * place + 1]
    plain = [n for n in (*before, *after) if not isinstance(n, ir.Value)]
    if mode == "wrap" and any(n < 0 for n in plain):
        x = op.Pad(x, _vector(op, [min(n, 0) for n in (*before, *after)]))
        before, after = [max(n, 0) for n in before], [max(n, 0) for n in after]
    if mode == "wrap":
        return _wrapped(op, x, before, after)
    if not any(plain) and len(plain) == 2 * count:
        return op.Identity(x)
    fill = like(x, value) if value else None
    return op.Pad(x, _vector(op, [*before, *after]), fill, mode=mode)


def _vector(op: Op, items: list[Any]) -> Any:
    return sizes.vector(op, items)


def _wrapped(op: Op, x: Value, before: list[int], after: list[int]) -> Value:
    """Each axis between its own end and its own beginning."""
    for axis, (front, behind) in enumerate(zip(before, after, strict=True)):
        parts = [x]
        if front:
            parts.insert(0, op.Slice(x, [-front], [np.iinfo(np.int64).max], [axis]))
        if behind:
            parts.append(op.Slice(x, [0], [behind], [axis]))
        x = op.Concat(*parts, axis=axis) if len(parts) > 1 else x
    return x


@importer("pad", doc=f"{NN}.functional.pad")
def pad(node: ImportedCall, op: Op, x: Value, pad: list[Any], *, mode: str, value: Any) -> Value:
    if mode not in _MODES:
        node.refuse(f"its mode is {mode}")
    return padded(op, x, pad, _MODES[mode], value)


@importer("constant_pad_nd", doc=f"{NN}.functional.pad")
def constant_pad(node: ImportedCall, op: Op, x: Value, pad: list[Any], *, value: Any) -> Value:
    return padded(op, x, pad, "constant", value)


@importer("reflection_pad1d", "reflection_pad2d", "reflection_pad3d", doc=f"{NN}.functional.pad")
def reflection_pad(node: ImportedCall, op: Op, x: Value, pad: list[Any]) -> Value:
    return padded(op, x, pad, "reflect")


@importer("replication_pad1d", "replication_pad2d", "replication_pad3d", doc=f"{NN}.functional.pad")
def replication_pad(node: ImportedCall, op: Op, x: Value, pad: list[Any]) -> Value:
    return padded(op, x, pad, "edge")
