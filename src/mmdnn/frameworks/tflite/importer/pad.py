"""Paddings; that of a quantised tensor is with what stands for 0."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.tflite import _schema
from mmdnn.frameworks.tflite.importer.table import DOC, ImportedNode, Value, importer
from mmdnn.ir.builder import Op
from mmdnn.ir.folding import int64


@importer("PAD", "PADV2", doc=DOC)
def pad(node: ImportedNode, op: Op, x: Value, paddings: Value, value: Value | None = None) -> Value:
    return op.Pad(x, _onnx(op, paddings), value)


@importer("MIRROR_PAD", doc=DOC)
def mirror_pad(node: ImportedNode, op: Op, x: Value, paddings: Value, *, mode: int) -> Value:
    """SYMMETRIC repeats the edge, which ONNX does not: it is done axis by axis."""
    if _schema.MIRRORS[mode] == "REFLECT":
        return op.Pad(x, _onnx(op, paddings), mode="reflect")
    for axis, (before, behind) in enumerate(node.numbers(paddings, "its padding")):
        parts = []
        if before:
            parts.append(op.Slice(x, [int(before) - 1], [np.iinfo(np.int64).min], [axis], [-1]))
        parts.append(x)
        if behind:
            parts.append(op.Slice(x, [-1], [-1 - int(behind)], [axis], [-1]))
        x = op.Concat(*parts, axis=axis) if len(parts) > 1 else x
    return x


def _onnx(op: Op, paddings: Value) -> Value | np.ndarray:
    """Pairs [axes, 2] as all that is in front and then all that is behind."""
    pairs = int64(op, paddings)
    if isinstance(pairs, np.ndarray):
        return np.ascontiguousarray(pairs.reshape(-1, 2).T).reshape(-1)
    return op.Reshape(op.Transpose(pairs, perm=[1, 0]), [-1])
