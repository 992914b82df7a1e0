"""What CNTK does along sequences, in standard ONNX: the bodies of local functions.

x [batch, time, *static]    lengths int64 [batch]    places [batch, chosen], numbers as in CNTK
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import Op, Operand, dimensions

TIME = 1
"""The position of the sequence axis."""

_END = np.iinfo(np.int64).max


def positions(op: Op, value: ir.Value) -> ir.Value:
    """0, 1, ... for each frame: int64 [time]."""
    zero, one = np.array(0, np.int64), np.array(1, np.int64)
    count = op.Squeeze(op.Shape(value, start=TIME, end=TIME + 1), [0])
    made = op.Range(zero, count, one)
    made.shape = ir.Shape([dimensions(value)[TIME]])
    return made


def until(op: Op, x: ir.Value, lengths: ir.Value, ahead: int = 0) -> ir.Value:
    """Whether a frame, and the one so many ahead of it, is inside its sequence: bool [batch, time]."""
    places = positions(op, x)
    if ahead:
        places = op.Add(places, np.array([ahead], np.int64))
    return op.Less(places, op.Unsqueeze(lengths, [1]))


def over(op: Op, flags: ir.Value, x: ir.Value) -> ir.Value:
    """Flags [batch, time] that broadcast over the static axes of a value."""
    static = list(range(2, len(dimensions(x))))
    return op.Unsqueeze(flags, static) if static else flags


def initial_frames(op: Op, x: ir.Value, initial: ir.Value, count: int, *, each: bool) -> ir.Value:
    """The initial state of x as frames, [batch, count, *static]; `each` sequence may have one of its own."""
    static = dimensions(x)[2:]
    if each:
        initial = op.Unsqueeze(initial, [TIME])
        missing = 2 + len(static) - len(dimensions(initial))
        axes = [2 + place for place in range(missing)]
        initial = op.Unsqueeze(initial, axes) if axes else initial
    parts: list[Operand] = [op.Shape(x, start=0, end=1), [count]]
    parts += [op.Shape(x, start=2)] if static else []
    made = op.Expand(initial, op.Concat(*parts, axis=0))
    made.shape = ir.Shape([dimensions(x)[0], count, *static])
    return made


def past(op: Op, x: ir.Value, initial: ir.Value, count: int, *, each: bool) -> ir.Value:
    """The frame so many before; the initial state for the first ones."""
    before = initial_frames(op, x, initial, count, each=each)
    made = op.Slice(op.Concat(before, x, axis=TIME), [0], [-count], [TIME])
    made.shape = x.shape
    return made


def future(
    op: Op, x: ir.Value, initial: ir.Value, lengths: ir.Value, count: int, *, each: bool
) -> ir.Value:
    """The frame so many after; the initial state for the last ones of each sequence."""
    after = initial_frames(op, x, initial, count, each=each)
    shifted = op.Slice(op.Concat(x, after, axis=TIME), [count], [_END], [TIME])
    shifted.shape = x.shape
    there = over(op, until(op, x, lengths, count), x)
    made = op.Where(there, shifted, initial_frames(op, x, initial, 1, each=each))
    made.shape = x.shape
    return made


def _kept(op: Op, condition: ir.Value, lengths: ir.Value) -> ir.Value:
    static = list(range(2, len(dimensions(condition))))
    flags = op.Squeeze(condition, static) if static else condition
    chosen = op.And(op.Cast(flags, to=ir.DataType.BOOL), until(op, condition, lengths))
    return op.Cast(chosen, to=ir.DataType.INT64)


def first_where(op: Op, condition: ir.Value, lengths: ir.Value) -> ir.Value:
    """The first frame where something is not 0, [batch], a number of the condition's type."""
    place = op.ArgMax(_kept(op, condition, lengths), axis=TIME, keepdims=0)
    return op.Cast(place, to=condition.dtype or ir.DataType.FLOAT)


def where(op: Op, condition: ir.Value, lengths: ir.Value, time: str) -> list[ir.Value]:
    """The frames where something is not 0, in order, and how many there are."""
    kept = _kept(op, condition, lengths)
    counts = op.ReduceSum(kept, [TIME], keepdims=0)
    length = op.Shape(kept, start=TIME, end=TIME + 1)
    places = positions(op, kept)
    keys = op.Where(op.Cast(kept, to=ir.DataType.BOOL), places, op.Add(places, length))
    _, order = op.outputs(2).TopK(keys, length, axis=TIME, largest=0)
    longest = op.ReduceMax(counts, [0], keepdims=1)
    cut = op.Slice(order, [0], longest, [TIME])
    made = op.Cast(cut, to=condition.dtype or ir.DataType.FLOAT)
    made.shape = ir.Shape([dimensions(condition)[0], time])
    counts.shape = ir.Shape([dimensions(condition)[0]])
    return [made, counts]


def gathered(op: Op, x: ir.Value, places: ir.Value) -> ir.Value:
    """The frames at these places; with one place a sequence, [batch, *static]."""
    dims = dimensions(places)
    whole = op.Cast(places, to=ir.DataType.INT64)
    made = op.GatherND(x, op.Unsqueeze(whole, [len(dims)]), batch_dims=1)
    made.shape = ir.Shape([*dims, *dimensions(x)[2:]])
    return made


def scattered(op: Op, x: ir.Value, places: ir.Value, counts: ir.Value, like: ir.Value) -> ir.Value:
    """Frames to these places among another value's; 0 where none goes.

    What pads the frames goes to one place more, which is cut off.
    """
    size = op.Shape(like, start=TIME, end=TIME + 1)
    there = op.Less(positions(op, places), op.Unsqueeze(counts, [1]))
    time = op.Where(there, op.Cast(places, to=ir.DataType.INT64), size)
    zero, one = np.array(0, np.int64), np.array(1, np.int64)
    batch = op.Shape(like, start=0, end=1)
    rows = op.Unsqueeze(op.Range(zero, op.Squeeze(batch, [0]), one), [1])
    rows = op.Expand(rows, op.Shape(time))
    pairs = op.Concat(op.Unsqueeze(rows, [2]), op.Unsqueeze(time, [2]), axis=2)
    shape = [batch, op.Add(size, np.array([1], np.int64))]
    shape += [op.Shape(x, start=2)] if len(dimensions(x)) > 2 else []
    nothing = np.asarray(0, (x.dtype or ir.DataType.FLOAT).numpy())
    zeros = op.Expand(nothing, op.Concat(*shape, axis=0))
    made = op.Slice(op.ScatterND(zeros, pairs, x), [0], [-1], [TIME])
    made.shape = ir.Shape([*dimensions(like)[:2], *dimensions(x)[2:]])
    return made


def last(op: Op, x: ir.Value, lengths: ir.Value) -> ir.Value:
    """The last frame of each sequence, not of the padded batch."""
    place = op.Unsqueeze(op.Sub(lengths, np.array([1], np.int64)), [1])
    made = op.GatherND(x, place, batch_dims=1)
    made.shape = ir.Shape([dimensions(x)[0], *dimensions(x)[2:]])
    return made


def spread(op: Op, x: ir.Value, like: ir.Value, leading: int, own: int) -> ir.Value:
    """For each sample and frame of another value: that has so many dynamic axes, and x its own first."""
    static = dimensions(x)[own:]
    value = op.Unsqueeze(x, list(range(own, leading))) if own else x
    target = op.Shape(like, start=0, end=leading)
    target = op.Concat(target, op.Shape(x, start=own), axis=0) if static else target
    made = op.Expand(value, target)
    made.shape = ir.Shape([*dimensions(like)[:leading], *static])
    return made


def unpacked(op: Op, x: ir.Value, lengths: ir.Value, padding: float) -> list[ir.Value]:
    """Padded with a number, and which frames are there, 1 or 0."""
    there = until(op, x, lengths)
    dtype = x.dtype or ir.DataType.FLOAT
    with np.errstate(over="ignore"):
        number = np.asarray(padding, dtype.numpy())
    made = op.Where(over(op, there, x), x, number)
    made.shape = x.shape
    return [made, op.Cast(there, to=dtype)]


def full_lengths(op: Op, x: ir.Value) -> ir.Value:
    """As many frames as there are: int64 [batch]."""
    batch, size = (op.Shape(x, start=place, end=place + 1) for place in (0, TIME))
    made = op.Expand(size, batch)
    made.shape = ir.Shape([dimensions(x)[0]])
    return made
