"""Batches of sequences in the IR: [batch, time, ...], padded at the end, with their lengths.

ONNX has no sequences of varying lengths inside a batch; what there is of them stands in metadata of
values that are inputs or outputs of the graph:

    x          float [batch, time, 3]     mmdnn.axes = "batch time", mmdnn.lengths = "x.lengths"
    x.lengths  int64 [batch]              1 .. time

A graph has the input `x.lengths` only where something depends on it. Frames beyond a sequence's
length may hold anything, in inputs and in outputs.
"""

from __future__ import annotations

import onnx_ir as ir

AXES = "mmdnn.axes"
"""Metadata of a value: what its first axes are, "batch time" or "batch"; absent: nothing is said."""

LENGTHS = "mmdnn.lengths"
"""Metadata of a value with a time axis: the name of the value that holds its lengths."""

BATCH, TIME = "batch", "time"


def lengths_name(name: str) -> str:
    """The name of the value with the lengths of another value's sequences."""
    return f"{name}.lengths"


def describe(value: ir.Value, axes: tuple[str, ...], lengths: str | None = None) -> None:
    """Say of a graph's input or output what its first axes are.

    Args:
        value: The value.
        axes: `BATCH`, or `BATCH` and `TIME`.
        lengths: The name of the value that holds its lengths, if there is one.
    """
    value.metadata_props[AXES] = " ".join(axes)
    if lengths is not None:
        value.metadata_props[LENGTHS] = lengths


def axes_of(value: ir.Value) -> tuple[str, ...]:
    """What a value's first axes are said to be; () where nothing is said."""
    return tuple(value.metadata_props.get(AXES, "").split())


def lengths_of(value: ir.Value) -> str | None:
    """The name of the value that holds a value's lengths, where there is one."""
    return value.metadata_props.get(LENGTHS)
