"""Layers that end a network for training: they read a label, on which their output does not depend."""

from __future__ import annotations

from mmdnn.frameworks.mxnet._schema import LABELS
from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode
from mmdnn.frameworks.mxnet.exporter.writer import Writer


def output_layer(node: ExportedNode, mx: Writer, x: Array, axis: int = -1) -> Array | None:
    """The source's own output layer, over an axis; None where it had none."""
    if node.source_type not in LABELS:
        return None
    params: dict[str, bool | None] = {}
    if node.source_type == "SoftmaxOutput":
        rank = len(x.shape or ())
        if rank != 2 and axis not in {1, -1, rank - 1}:
            return None
        params["multi_output"] = True if axis == 1 and rank != 2 else None
        params["preserve_shape"] = True if axis != 1 and rank != 2 else None
    return mx.make(node.source_type, x, mx.label(), **params)
