"""Operators along sequences (Source/ComputationNetworkLib/SequenceReshapeNodes.cpp, RecurrentNodes.h).

A sequence axis is the second one, padded at the end; what depends on where a sequence ends reads the
axis's lengths.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.graph import BATCH, Axis, Shape
from mmdnn.frameworks.cntk.importer.operand import Operand, sizes
from mmdnn.frameworks.cntk.importer.patterns import Bound
from mmdnn.frameworks.cntk.importer.pointwise import dtype_of, number
from mmdnn.frameworks.cntk.importer.table import API, Importing, block, importer
from mmdnn.frameworks.cntk.importer.windows import row_major, spread
from mmdnn.ir.builder import dimensions

TIME = 1
"""The position of the sequence axis."""
_END = np.iinfo(np.int64).max


def positions(op: Any, value: ir.Value) -> ir.Value:
    """0, 1, ... for each frame: int64 [time]."""
    zero, one = np.array(0, np.int64), np.array(1, np.int64)
    count = op.Squeeze(op.Shape(value, start=TIME, end=TIME + 1), [0])
    made: ir.Value = op.Range(zero, count, one)
    made.shape = ir.Shape([dimensions(value)[TIME]])
    return made


def until(f: Importing, op: Any, x: Operand, ahead: int = 0) -> ir.Value:
    """Whether a frame, and the one so many ahead of it, is inside its sequence: bool [batch, time]."""
    assert x.sequence is not None
    places = positions(op, x.value)
    if ahead:
        places = op.Add(places, np.array([ahead], np.int64))
    made: ir.Value = op.Less(places, op.Unsqueeze(f.lowering.lengths(x.sequence), [1]))
    return made


def over(op: Any, flags: ir.Value, rank: int) -> ir.Value:
    """Flags [batch, time] that broadcast over so many static axes."""
    made: ir.Value = op.Unsqueeze(flags, [2 + axis for axis in range(rank)]) if rank else flags
    return made


def initial_frames(op: Any, x: Operand, initial: Operand, count: int) -> ir.Value:
    """An initial state as frames: [batch, count, *static]."""
    value = initial.value
    if initial.axes:
        value = op.Unsqueeze(value, [TIME]) if initial.sequence is None else value
        missing = x.rank - initial.rank
        value = op.Unsqueeze(value, [2 + place for place in range(missing)]) if missing else value
    batch = op.Shape(x.value, start=0, end=1)
    rest = op.Shape(x.value, start=2) if x.rank else None
    parts = [batch, np.array([count], np.int64), *([rest] if rest is not None else [])]
    made: ir.Value = op.Expand(value, op.Concat(*parts, axis=0))
    made.shape = ir.Shape([dimensions(x.value)[0], count, *x.shape])
    return made


def _delayed(f: Importing, x: Operand, initial: Operand) -> int:
    if x.sequence is None or x.leading != 2:
        f.refuse("it has no sequence to look back or ahead in")
    if initial.sequence is not None:
        f.refuse("its initial state is a sequence")
    count = f.get("offset", int)
    if count < 1:
        f.refuse(f"it is off by {count} frames")
    return count


@importer("PastValue", doc=f"{API}/cntk.sequence#past_value")
def past_value(f: Importing, op: Any, x: Operand, initial: Operand) -> Operand:
    """The frame so many before; the initial state for the first ones."""
    count = _delayed(f, x, initial)
    before = initial_frames(op, x, initial, count)
    made = op.Slice(op.Concat(before, x.value, axis=TIME), [0], [-count], [TIME])
    made.shape = x.value.shape
    return Operand(made, x.axes)


@importer("FutureValue", doc=f"{API}/cntk.sequence#future_value")
def future_value(f: Importing, op: Any, x: Operand, initial: Operand) -> Operand:
    """The frame so many after; the initial state for the last ones of each sequence."""
    count = _delayed(f, x, initial)
    after = initial_frames(op, x, initial, count)
    shifted = op.Slice(op.Concat(x.value, after, axis=TIME), [count], [_END], [TIME])
    shifted.shape = x.value.shape
    inside = over(op, until(f, op, x, count), x.rank)
    return Operand(op.Where(inside, shifted, initial_frames(op, x, initial, 1)), x.axes)


def _new_axes(f: Importing) -> tuple[Axis, ...]:
    found = f.get("newDynamicAxes", list)
    axes = tuple(axis for axis in reversed(found) if isinstance(axis, Axis))
    if not axes or axes[0] != BATCH or len(axes) > 2:
        f.refuse(f"its new dynamic axes are {', '.join(map(str, axes))}")
    return axes


@importer("Where", doc=f"{API}/cntk.sequence#where")
def where(f: Importing, op: Any, x: Operand) -> Operand:
    """The frames where something is not 0, in order; as one frame, the first of them."""
    axes = _new_axes(f)
    for name in ("newSequenceAxisLengthScalingFactor", "newSequenceAxisLengthAdditiveFactor"):
        f.get(name, int, default=0)
    if x.sequence is None or any(size != 1 for size in sizes(x)):
        f.refuse("its condition is not one number a frame")
    flags = op.Squeeze(x.value, [2 + place for place in range(x.rank)]) if x.rank else x.value
    chosen = op.And(op.Cast(flags, to=ir.DataType.BOOL), until(f, op, x))
    kept = op.Cast(chosen, to=ir.DataType.INT64)
    if len(axes) == 1:
        return Operand(op.ArgMax(kept, axis=TIME, keepdims=0), axes)
    counts = op.ReduceSum(kept, [TIME], keepdims=0)
    length = op.Shape(kept, start=TIME, end=TIME + 1)
    places = positions(op, kept)
    keys = op.Where(chosen, places, op.Add(places, length))
    _, order = op.TopK(keys, length, axis=TIME, largest=0, outputs=2)
    longest = op.ReduceMax(counts, [0], keepdims=1)
    f.lowering.set_lengths(axes[1], counts)
    made = op.Slice(order, [0], longest, [TIME])
    made.shape = ir.Shape([dimensions(x.value)[0], f"{f.function.uid}_time"])
    return Operand(made, axes)


@importer("PackedIndex", doc=f"{API}/cntk.sequence#gather")
def packed_index(f: Importing, op: Any, x: Operand, places: Operand) -> Operand:
    return places


@importer("GatherPacked", doc=f"{API}/cntk.sequence#gather")
def gather_packed(f: Importing, op: Any, x: Operand, places: Operand) -> Operand:
    """The frames at these places."""
    if x.sequence is None:
        f.refuse("it has no sequence to take frames of")
    each = op.Unsqueeze(places.value, [places.leading])
    made = op.GatherND(x.value, each, batch_dims=1)
    made.shape = ir.Shape([*dimensions(places.value), *x.shape])
    return Operand(made, places.axes)


def _is_end(bound: Bound) -> bool:
    """Whether a slice's flags say where a neighbour is missing, of which there is one frame."""
    shift = bound.functions["shift"].attributes.get("offset")
    axes = bound.functions["chosen"].attributes.get("newDynamicAxes")
    single = isinstance(axes, list) and len(axes) == 1
    return bound.is_number(zero=0, one=1) and shift == 1 and single


_FLAGS = "{}(ReconcileDynamicAxis(zero, x), one)"
_CHOSEN = f"GatherPacked(x, PackedIndex(x, (chosen := Where((shift := {_FLAGS})))))"


@block("Sequence::Slice", _CHOSEN.format("PastValue"), f"{API}/cntk.sequence#first", _is_end)
def first(f: Importing, op: Any, x: Operand, zero: Operand, one: Operand) -> Operand:
    return Operand(op.Gather(x.value, np.array(0, np.int64), axis=TIME), x.axes[:1])


@block("Sequence::Slice", _CHOSEN.format("FutureValue"), f"{API}/cntk.sequence#last", _is_end)
def last(f: Importing, op: Any, x: Operand, zero: Operand, one: Operand) -> Operand:
    """The last frame of each sequence, not of the padded batch."""
    if x.sequence is None:
        f.refuse("it has no sequence to take a frame of")
    place = op.Sub(f.lowering.lengths(x.sequence), np.array([1], np.int64))
    return Operand(op.GatherND(x.value, op.Unsqueeze(place, [1]), batch_dims=1), x.axes[:1])


@importer("ScatterPacked", doc=f"{API}/cntk.sequence#scatter")
def scatter_packed(f: Importing, op: Any, x: Operand, places: Operand, like: Operand) -> Operand:
    """Frames to these places among another operand's; 0 where none goes.

    What pads the frames goes to one place more, which is cut off.
    """
    if places.sequence is None or like.sequence is None or x.leading != 2:
        f.refuse("it has no sequence to put frames into")
    size = op.Shape(like.value, start=TIME, end=TIME + 1)
    counts = op.Unsqueeze(f.lowering.lengths(places.sequence), [1])
    there = op.Less(positions(op, places.value), counts)
    time = op.Where(there, places.value, size)
    zero, one = np.array(0, np.int64), np.array(1, np.int64)
    batch = op.Shape(like.value, start=0, end=1)
    rows = op.Unsqueeze(op.Range(zero, op.Squeeze(batch, [0]), one), [1])
    pairs = op.Concat(
        op.Unsqueeze(op.Expand(rows, op.Shape(time)), [2]), op.Unsqueeze(time, [2]), axis=2
    )
    shape = [batch, op.Add(size, np.array([1], np.int64))]
    shape += [op.Shape(x.value, start=2)] if x.rank else []
    zeros = op.Expand(number(x.value, 0), op.Concat(*shape, axis=0))
    made = op.Slice(op.ScatterND(zeros, pairs, x.value), [0], [-1], [TIME])
    made.shape = ir.Shape([*dimensions(like.value)[:2], *x.shape])
    return Operand(made, like.axes)


@importer("ReconcileDynamicAxis", doc=f"{API}/cntk.sequence#broadcast_as")
def reconcile(f: Importing, op: Any, x: Operand, like: Operand) -> Operand:
    """For each sample and frame of another operand."""
    if x.leading >= like.leading:
        return Operand(op.Identity(x.value), like.axes if x.leading == like.leading else x.axes)
    value = x.value
    if x.leading:
        value = op.Unsqueeze(value, [place + 1 for place in range(like.leading - x.leading)])
    leading = op.Shape(like.value, start=0, end=like.leading)
    static = op.Shape(x.value, start=x.leading) if x.rank else None
    shape = op.Concat(leading, static, axis=0) if static is not None else leading
    made = op.Expand(value, shape)
    made.shape = ir.Shape([*dimensions(like.value)[: like.leading], *x.shape])
    return Operand(made, like.axes)


@importer("UnpackSequence", doc=f"{API}/cntk.sequence#unpack")
def unpack_sequence(f: Importing, op: Any, x: Operand) -> list[Operand]:
    """Time as the first static axis, padded with a number; and which frames are there, 1 or 0."""
    fill = f.get("sequenceUnpackPaddingValue", float)
    suppressed = f.get("sequenceUnpackSuppressMaskOutput", bool)
    if x.sequence is None:
        f.refuse("it has no sequence")
    there = until(f, op, x)
    made = op.Where(over(op, there, x.rank), x.value, number(x.value, fill))
    made.shape = x.value.shape
    results = [Operand(made, x.axes[:1])]
    if not suppressed:
        results.append(Operand(op.Cast(there, to=dtype_of(x.value)), x.axes[:1]))
    return results


@importer("ToSequence", doc=f"{API}/cntk#to_sequence")
def to_sequence(f: Importing, op: Any, x: Operand, lengths: Operand | None = None) -> Operand:
    """The first static axis becomes a sequence, of these lengths or of its own."""
    axes = _new_axes(f)
    f.get("sequenceAxis", object)
    if x.leading != 1 or not x.rank or len(axes) != 2:
        f.refuse("it has no axis to make a sequence of")
    batch, size = (op.Shape(x.value, start=place, end=place + 1) for place in (0, 1))
    if lengths is None:
        counts = op.Expand(size, batch)
    else:
        counts = op.Reshape(op.Cast(lengths.value, to=ir.DataType.INT64), [-1])
    counts.shape = ir.Shape([dimensions(x.value)[0]])
    f.lowering.set_lengths(axes[1], counts)
    return Operand(op.Identity(x.value), axes)


@importer("ToSequenceLike", doc=f"{API}/cntk#to_sequence_like")
def to_sequence_like(f: Importing, op: Any, x: Operand, like: Operand) -> Operand:
    """The first static axis becomes a sequence, of the lengths of another one."""
    if x.leading != 1 or not x.rank or like.sequence is None:
        f.refuse("it has no axis to make a sequence of")
    return Operand(op.Identity(x.value), like.axes)


@importer("UnpackBatch", doc=f"{API}/cntk#unpack_batch")
def unpack_batch(f: Importing, op: Any, x: Operand) -> Operand:
    """The batch as the first static axis."""
    if x.leading != 1:
        f.refuse("it has a sequence too")
    return Operand(op.Identity(x.value))


@importer("ToBatch", doc=f"{API}/cntk#to_batch")
def to_batch(f: Importing, op: Any, x: Operand) -> Operand:
    """The first static axis as the batch."""
    if x.axes or not x.rank:
        f.refuse("it has a batch already")
    return Operand(op.Identity(x.value), (BATCH,))


@importer("ConvolutionSequenceShape", doc=f"{API}/cntk.layers.sequence")
def convolution_lengths(f: Importing, op: Any, w: Operand, x: Operand) -> Operand:
    """How long sequences are after a convolution along them."""
    if x.sequence is None or w.rank < 3:
        f.refuse("it has no sequence")
    rank = len(sizes(w)) - 1
    for name in ("kernelShape", "outputShape"):
        f.get(name, Shape)
    if not f.get("sequential", bool) or f.get("transpose", bool):
        f.refuse("it is no convolution along a sequence")
    f.get("groups", int, default=1)
    f.get("sharing", list)
    place = 1
    size = sizes(w)[2:][place - 1]
    stride = int(spread(f.get("strides", Shape), rank)[place])
    step = int(spread(f.get("dilation", Shape), rank)[place])
    padded = row_major(f, "autoPadding", rank)[place]
    pads = sum(int(spread(f.get(name, Shape), rank)[place]) for name in ("lowerPad", "upperPad"))
    lengths = f.lowering.lengths(x.sequence)
    extent = (size - 1) * step + 1
    lost = 1 if padded else extent - pads
    counts = op.Div(
        op.Add(lengths, np.array([stride - lost], np.int64)), np.array([stride], np.int64)
    )
    return Operand(counts, x.axes[:1])
