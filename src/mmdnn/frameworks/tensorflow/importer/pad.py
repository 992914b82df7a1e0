"""Padding."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.tensorflow.importer.table import RAW, ImportedNode, Value, importer
from mmdnn.ir.builder import Op
from mmdnn.ir.folding import int64


def pads(op: Op, paddings: Value) -> Value | np.ndarray:
    """Rows of before and after, as ONNX wants them: all in front, then all behind."""
    found = int64(op, paddings)
    if isinstance(found, np.ndarray):
        return np.ascontiguousarray(found.T).reshape(-1)
    return op.Reshape(op.Transpose(found, perm=[1, 0]), [-1])


@importer("Pad", doc=f"{RAW}/Pad")
def pad(node: ImportedNode, op: Op, x: Value, paddings: Value) -> Value:
    return op.Pad(x, pads(op, paddings))


@importer("PadV2", doc=f"{RAW}/PadV2")
def pad_v2(node: ImportedNode, op: Op, x: Value, paddings: Value, value: Value) -> Value:
    return op.Pad(x, pads(op, paddings), value)


@importer("MirrorPad", doc=f"{RAW}/MirrorPad")
def mirror_pad(node: ImportedNode, op: Op, x: Value, paddings: Value, *, mode: str) -> Value:
    if mode == "REFLECT":
        return op.Pad(x, pads(op, paddings), mode="reflect")
    rows = node.numbers(paddings, "its paddings")
    for axis, (before, after) in enumerate(rows.astype(int)):
        parts = [x]
        if before:
            parts.insert(0, op.Slice(x, [before - 1], [np.iinfo(np.int64).min], [axis], [-1]))
        if after:
            parts.append(op.Slice(x, [-1], [-after - 1], [axis], [-1]))
        x = op.Concat(*parts, axis=axis) if len(parts) > 1 else x
    return x
