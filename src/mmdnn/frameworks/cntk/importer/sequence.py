"""Operators along sequences (Source/ComputationNetworkLib/SequenceReshapeNodes.cpp, RecurrentNodes.h).

A sequence axis is the second one, padded at the end; what depends on where a sequence ends reads the
axis's lengths. What ONNX has no operator for is a local function, `mmdnn.cntk::PastValue` and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk._matching import Bound
from mmdnn.frameworks.cntk._order import DELAYS
from mmdnn.frameworks.cntk.graph import BATCH, Axis, Shape
from mmdnn.frameworks.cntk.importer import frames
from mmdnn.frameworks.cntk.importer.operand import Operand, sizes
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, block, importer
from mmdnn.frameworks.cntk.importer.windows import by_axis
from mmdnn.ir.builder import Op


def _local(
    f: ImportedFunction,
    name: str,
    inputs: Sequence[ir.Value],
    body: Callable[..., ir.Value | list[ir.Value]],
    **attributes: Any,
) -> tuple[ir.Value, ...]:
    return f.builder.function(name, list(inputs), attributes, body)


def _lengths(f: ImportedFunction, x: Operand) -> ir.Value:
    if x.sequence is None:
        f.refuse("it has no sequence")
    return f.graph.lengths(x.sequence)


def _delayed(f: ImportedFunction, x: Operand, initial: Operand) -> int:
    if x.sequence is None or x.leading != 2:
        f.refuse("it has no sequence to look back or ahead in")
    if initial.sequence is not None:
        f.refuse("its initial state is a sequence")
    count = f.get("offset", int)
    if count < 1:
        f.refuse(f"it is off by {count} frames")
    return count


@importer("PastValue", doc=f"{API}/cntk.sequence#past_value")
def past_value(f: ImportedFunction, op: Op, x: Operand, initial: Operand) -> Operand:
    """The frame so many before; the initial state for the first ones."""
    count, each = _delayed(f, x, initial), bool(initial.axes)

    def body(op: Op, x: ir.Value, initial: ir.Value) -> ir.Value:
        return frames.past(op, x, initial, count, each=each)

    values = [x.value, initial.value]
    (made,) = _local(f, "PastValue", values, body, offset=count, each=int(each))
    return Operand(made, x.axes)


@importer("FutureValue", doc=f"{API}/cntk.sequence#future_value")
def future_value(f: ImportedFunction, op: Op, x: Operand, initial: Operand) -> Operand:
    """The frame so many after; the initial state for the last ones of each sequence."""
    count, each = _delayed(f, x, initial), bool(initial.axes)

    def body(op: Op, x: ir.Value, initial: ir.Value, lengths: ir.Value) -> ir.Value:
        return frames.future(op, x, initial, lengths, count, each=each)

    values = [x.value, initial.value, _lengths(f, x)]
    (made,) = _local(f, "FutureValue", values, body, offset=count, each=int(each))
    return Operand(made, x.axes)


def _new_axes(f: ImportedFunction) -> tuple[Axis, ...]:
    found = f.get("newDynamicAxes", list)
    axes = tuple(axis for axis in reversed(found) if isinstance(axis, Axis))
    if not axes or axes[0] != BATCH or len(axes) > 2:
        f.refuse(f"its new dynamic axes are {', '.join(map(str, axes))}")
    return axes


@importer("Where", doc=f"{API}/cntk.sequence#where")
def where(f: ImportedFunction, op: Op, x: Operand) -> Operand:
    """The frames where something is not 0, in order; as one frame, the first of them."""
    axes = _new_axes(f)
    factors = ("newSequenceAxisLengthScalingFactor", "newSequenceAxisLengthAdditiveFactor")
    scaling, added = (f.get(name, int, default=0) for name in factors)
    if any(size != 1 for size in sizes(x)):
        f.refuse("its condition is not one number a frame")
    values = [x.value, _lengths(f, x)]
    if len(axes) == 1:
        (place,) = _local(f, "FirstWhere", values, frames.first_where)
        return Operand(place, axes)
    time = f"{f.function.uid}_time"
    places, counts = _local(
        f,
        "Where",
        values,
        lambda op, c, n: frames.where(op, c, n, time),
        axis=axes[1].name,
        scaling=scaling,
        added=added,
    )
    f.graph.known_lengths[axes[1]] = counts
    return Operand(places, axes)


@importer("PackedIndex", doc=f"{API}/cntk.sequence#gather")
def packed_index(f: ImportedFunction, op: Op, x: Operand, places: Operand) -> Operand:
    return places


@importer("GatherPacked", doc=f"{API}/cntk.sequence#gather")
def gather_packed(f: ImportedFunction, op: Op, x: Operand, places: Operand) -> Operand:
    """The frames at these places."""
    if x.sequence is None:
        f.refuse("it has no sequence to take frames of")
    (made,) = _local(f, "GatherPacked", [x.value, places.value], frames.gathered)
    return Operand(made, places.axes)


@importer("ScatterPacked", doc=f"{API}/cntk.sequence#scatter")
def scatter_packed(
    f: ImportedFunction, op: Op, x: Operand, places: Operand, like: Operand
) -> Operand:
    """Frames to these places among another operand's; 0 where none goes."""
    if like.sequence is None or x.leading != 2:
        f.refuse("it has no sequence to put frames into")
    values = [x.value, places.value, _lengths(f, places), like.value]
    (made,) = _local(f, "ScatterPacked", values, frames.scattered)
    return Operand(made, like.axes)


def _is_end(bound: Bound) -> bool:
    """Whether there is one frame."""
    axes = bound["axes"]
    return isinstance(axes, list) and len(axes) == 1


_FLAGS = "{}(ReconcileDynamicAxis(0, x), 1, offset=1)"
_CHOSEN = f"GatherPacked(x, PackedIndex(x, Where({_FLAGS}, newDynamicAxes=axes)))"
_FIRST, _LAST = (_CHOSEN.format(delay) for delay in DELAYS)


@block("Sequence::Slice", inside=_FIRST, doc=f"{API}/cntk.sequence#first", check=_is_end)
def first(f: ImportedFunction, op: Op, x: Operand) -> Operand:
    zero = np.array(0, np.int64)
    (made,) = _local(f, "First", [x.value], lambda op, x: op.Gather(x, zero, axis=frames.TIME))
    return Operand(made, x.axes[:1])


@block("Sequence::Slice", inside=_LAST, doc=f"{API}/cntk.sequence#last", check=_is_end)
def last(f: ImportedFunction, op: Op, x: Operand) -> Operand:
    """The last frame of each sequence, not of the padded batch."""
    (made,) = _local(f, "Last", [x.value, _lengths(f, x)], frames.last)
    return Operand(made, x.axes[:1])


@importer("ReconcileDynamicAxis", doc=f"{API}/cntk.sequence#broadcast_as")
def reconcile(f: ImportedFunction, op: Op, x: Operand, like: Operand) -> Operand:
    """For each sample and frame of another operand."""
    if x.leading >= like.leading:
        return Operand(op.Identity(x.value), like.axes if x.leading == like.leading else x.axes)
    counts = (like.leading, x.leading)
    (made,) = _local(
        f,
        "BroadcastAs",
        [x.value, like.value],
        lambda op, x, like: frames.spread(op, x, like, *counts),
        leading=list(counts),
    )
    return Operand(made, like.axes)


@importer("UnpackSequence", doc=f"{API}/cntk.sequence#unpack")
def unpack_sequence(f: ImportedFunction, op: Op, x: Operand) -> list[Operand]:
    """Time as the first static axis, padded with a number; and which frames are there, 1 or 0."""
    fill = f.get("sequenceUnpackPaddingValue", float)
    suppressed = f.get("sequenceUnpackSuppressMaskOutput", bool)
    made = _local(
        f,
        "UnpackSequence",
        [x.value, _lengths(f, x)],
        lambda op, x, n: frames.unpacked(op, x, n, fill)[: 1 if suppressed else 2],
        padding=fill,
    )
    return [Operand(one, x.axes[:1]) for one in made]


@importer("ToSequence", doc=f"{API}/cntk#to_sequence")
def to_sequence(f: ImportedFunction, op: Op, x: Operand, lengths: Operand | None = None) -> Operand:
    """The first static axis becomes a sequence, of these lengths or of its own."""
    axes = _new_axes(f)
    f.get("sequenceAxis", object)
    if x.leading != 1 or not x.rank or len(axes) != 2:
        f.refuse("it has no axis to make a sequence of")
    values = [x.value] if lengths is None else [x.value, lengths.value]
    made, counts = _local(f, "ToSequence", values, _as_sequence, axis=axes[1].name)
    f.graph.known_lengths[axes[1]] = counts
    return Operand(made, axes)


def _as_sequence(op: Op, x: ir.Value, lengths: ir.Value | None = None) -> list[ir.Value]:
    if lengths is None:
        return [op.Identity(x), frames.full_lengths(op, x)]
    counts = op.Reshape(op.Cast(lengths, to=ir.DataType.INT64), [-1])
    counts.shape = ir.Shape([(x.shape or [None])[0]])
    return [op.Identity(x), counts]


@importer("ToSequenceLike", doc=f"{API}/cntk#to_sequence_like")
def to_sequence_like(f: ImportedFunction, op: Op, x: Operand, like: Operand) -> Operand:
    """The first static axis becomes a sequence, of the lengths of another one."""
    if x.leading != 1 or not x.rank or like.sequence is None:
        f.refuse("it has no axis to make a sequence of")
    (made,) = _local(f, "ToSequenceLike", [x.value, like.value], lambda op, x, _: op.Identity(x))
    return Operand(made, like.axes)


@importer("UnpackBatch", doc=f"{API}/cntk#unpack_batch")
def unpack_batch(f: ImportedFunction, op: Op, x: Operand) -> Operand:
    """The batch as the first static axis."""
    if x.leading != 1:
        f.refuse("it has a sequence too")
    (made,) = _local(f, "UnpackBatch", [x.value], lambda op, x: op.Identity(x))
    return Operand(made)


@importer("ToBatch", doc=f"{API}/cntk#to_batch")
def to_batch(f: ImportedFunction, op: Op, x: Operand) -> Operand:
    """The first static axis as the batch."""
    if x.axes or not x.rank:
        f.refuse("it has a batch already")
    (made,) = _local(f, "ToBatch", [x.value], lambda op, x: op.Identity(x))
    return Operand(made, (BATCH,))


@importer("ConvolutionSequenceShape", doc=f"{API}/cntk.layers.sequence")
def convolution_lengths(f: ImportedFunction, op: Op, w: Operand, x: Operand) -> Operand:
    """How long sequences are after a convolution along them, which is the kernel's third axis."""
    if w.rank < 3:
        f.refuse("its kernel has no axis along the sequence")
    rank, place = w.rank - 1, 1
    for name in ("kernelShape", "outputShape"):
        f.get(name, Shape)
    if not f.get("sequential", bool) or f.get("transpose", bool):
        f.refuse("it is no convolution along a sequence")
    f.get("groups", int, default=1)
    f.get("sharing", list)
    names = ("strides", "dilation", "autoPadding", "lowerPad", "upperPad")
    stride, step, padded, *pads = (by_axis(f, name, rank)[place] for name in names)
    extent = (sizes(w)[1 + place] - 1) * step + 1
    lost = 1 if padded else extent - sum(pads)

    def body(op: Op, lengths: ir.Value) -> ir.Value:
        reach = op.Add(lengths, np.array([stride - lost], np.int64))
        return op.Unsqueeze(op.Div(reach, np.array([stride], np.int64)), [1])

    given = {"kernel": extent, "stride": stride, "autopad": padded, "pads": sum(pads)}
    (made,) = _local(f, "ConvolutionSequenceShape", [_lengths(f, x)], body, **given)
    return Operand(made, x.axes[:1])
