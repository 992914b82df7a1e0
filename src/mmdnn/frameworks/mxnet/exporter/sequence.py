"""Operators along sequences of given lengths."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer


@exporter("ReverseSequence", doc="ReverseSequence")
def reverse_sequence(
    node: ExportedNode, mx: Writer, x: Array, lengths: Array, *, time_axis: int, batch_axis: int
) -> Array:
    """MXNet has time first, then the batch."""
    if {time_axis, batch_axis} != {0, 1}:
        node.refuse("its axes")
    x = x if time_axis == 0 else mx.SwapAxis(x, dim1=0, dim2=1)
    counts = mx.cast(lengths, x.dtype or ir.DataType.FLOAT)
    y = mx.SequenceReverse(x, counts, use_sequence_length=True)
    return y if time_axis == 0 else mx.SwapAxis(y, dim1=0, dim2=1)
