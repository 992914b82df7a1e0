"""Scan as a loop: its states are delays, its body is written once for all frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.markers import Buffer, Unknown
from mmdnn.frameworks.cntk.exporter.model import write
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.exporter.sequence import (
    along,
    as_sequence,
    end,
    framed,
    reconciled,
    time_of,
    unpacked,
)
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.frameworks.cntk.graph import BATCH, DYNAMIC, Axis
from mmdnn.ir.exporting import ExportedNode
from mmdnn.tensors import references


@exporter("Scan", doc=f"{API}/cntk.layers.higher_order_layers#Recurrence")
def scan(
    node: ExportedNode,
    cntk: CNTK,
    *inputs: Operand,
    body: ir.Graph,
    num_scan_inputs: int,
    scan_input_axes: list[int] | None = None,
    scan_output_axes: list[int] | None = None,
    scan_input_directions: list[int] | None = None,
    scan_output_directions: list[int] | None = None,
) -> list[Operand | None]:
    count = len(inputs) - num_scan_inputs
    results = len(body.outputs) - count
    fed, made = inputs[count:], body.outputs[count:]
    back = [*(scan_input_directions or [0] * len(fed)), *(scan_output_directions or [0] * results)]
    if len(set(back)) > 1:
        node.refuse("it goes forwards and backwards at once")
    frames, static = _frames(cntk, fed, scan_input_axes or [0] * len(fed))
    like = next(one for one in frames if not isinstance(one, Unknown))
    delay = "FutureValue" if back and back[0] else "PastValue"
    if static and any(not one.is_static for one in inputs[:count]):
        node.refuse("its initial state is fed, where time is an axis that is made a sequence")
    states = [_state(cntk, place, body, delay, like, inputs[place]) for place in range(count)]
    scope = cntk.scope
    scope.operands.update(zip(body.inputs, [*states, *frames], strict=True))
    _capture(cntk, body, like)
    write(scope, body)
    after = [_after(cntk, body.outputs[place], state, like) for place, state in enumerate(states)]
    for state, now in zip(states, after, strict=True):
        close(state.oldest if isinstance(state, Buffer) and state.oldest else state, now)
    finals = [
        end(cntk, along(cntk, now), last=delay == "PastValue") if node.wants(place) else None
        for place, now in enumerate(after)
    ]
    outputs = [
        _result(cntk, scope.operand(value), axis, like, static)
        for value, axis in zip(made, scan_output_axes or [0] * results, strict=True)
    ]
    return [*finals, *outputs]


def _frames(cntk: CNTK, fed: Sequence[Operand], axes: Sequence[int]) -> tuple[list[Operand], bool]:
    """What is scanned, a frame as if it were a sample; and whether time was a static axis."""
    found: list[Operand] = []
    static = False
    step: Axis | None = None
    for x, axis in zip(fed, axes, strict=True):
        if isinstance(x, Unknown):
            found.append(x)
            continue
        place = axis % x.rank
        if x.layout[place] is None:
            static = True
            step = step or Axis(DYNAMIC, cntk.scope.uid("steps"), ordered=True)
            x = _turned(cntk, x, place, step)
        found.append(framed(cntk, x))
    if len({time_of(one) for one in found if not isinstance(one, Unknown)}) != 1:
        cntk.node.refuse("it goes over several sequences, or over none")
    return found, static


def _turned(cntk: CNTK, x: Operand, place: int, step: Axis) -> Operand:
    """An operand whose time is static, as a sequence."""
    if BATCH not in x.layout:
        cntk.node.refuse("it has no batch")
    if len(x.shape) == 1:
        cntk.node.refuse("its frames are single numbers, of which CNTK makes no sequence")
    time = x.static(place)
    order = [time, *[axis for axis in range(len(x.shape)) if axis != time]]
    x = cntk.transpose(x, order, (BATCH, *[None] * len(order)))
    return as_sequence(cntk, x, step)


def _state(
    cntk: CNTK, place: int, body: ir.Graph, delay: str, like: Operand, initial: Operand
) -> Operand:
    """A state as the delay of what it becomes; of several frames, as a delay of as many."""
    inner = body.inputs[place]
    count = _buffered(inner)
    dims = list(inner.shape or ())
    rest = dims[2:] if count > 1 else dims[1:]
    shape = tuple(dim for dim in rest if isinstance(dim, int))
    if len(shape) != len(rest):
        cntk.node.refuse("the size of its state is open")
    start = _initial(cntk, cntk.node.node.inputs[place], initial, len(dims))
    made = delayed(cntk, delay, like, start, shape, count)
    return made if count == 1 else Buffer((), (), made.dtype, origin=cntk.node, oldest=made)


def _initial(cntk: CNTK, value: ir.Value | None, x: Operand, rank: int) -> Operand:
    """A state before the first frame."""
    if (constant := initial(cntk, value, rank)) is not None:
        return constant
    if isinstance(x, Unknown) or x.layout[:1] != (BATCH,):
        cntk.node.refuse("its initial state does not belong to the samples")
    return x


def _buffered(state: ir.Value) -> int:
    """Of how many frames a state is: more than 1 where its oldest is taken and a new one put behind."""
    uses = [use.node for use in state.uses()]
    shape = state.shape
    if len(uses) != 2 or {one.op_type for one in uses} != {"Gather", "Slice"} or shape is None:
        return 1
    size = shape[1] if len(shape) > 1 else 1
    return size if isinstance(size, int) else 1


def _after(cntk: CNTK, value: ir.Value, state: Operand, like: Operand) -> Operand:
    """What a state becomes."""
    if isinstance(state, Buffer):
        joined = value.producer()
        newest = joined.inputs[1].producer() if joined is not None and joined.inputs[1] else None
        if joined is None or joined.op_type != "Concat" or newest is None or not newest.inputs[0]:
            cntk.node.refuse("a state of several frames that is no delay")
        return cntk.scope.operand(newest.inputs[0])
    found = cntk.scope.operand(value)
    return _spread(cntk, found, like)


def _spread(cntk: CNTK, x: Operand, like: Operand) -> Operand:
    """A result for each frame, also where it is the same for all."""
    if x.axes == like.axes:
        return x
    shape: Layout = (BATCH, *[None] * len(x.shape))
    return reconciled(cntk, x, like, shape)


def _result(cntk: CNTK, x: Operand, axis: int, like: Operand, static: bool) -> Operand:
    """[batch, *static] of each frame, with time where the scan has it."""
    x = along(cntk, _spread(cntk, x, like))
    rank = x.rank
    place = axis % rank
    if static:
        (x,) = unpacked(cntk, x, 0.0, mask=False)
        order = list(range(1, len(x.shape)))
        order.insert(max(place - 1, 0), 0)
        layout: list[Axis | None] = [None] * (rank - 1)
        layout.insert(0 if place else 1, BATCH)
        return cntk.transpose(x, order, tuple(layout))
    rest = [one for position, one in enumerate(x.layout) if position != 1]
    rest.insert(place, x.layout[1])
    return cntk.viewed(x, tuple(rest))


def _capture(cntk: CNTK, body: ir.Graph, like: Operand) -> None:
    """Values from outside that are there once for each sample, there for each of its frames."""
    own = {value for node in body for value in node.outputs} | set(body.inputs)
    for node in body:
        for value in node.inputs:
            if value is None or value in own or value.const_value is not None:
                continue
            found = cntk.scope.operand(value)
            if found.axes == (BATCH,) and not isinstance(found, Unknown):
                own.add(value)
                cntk.scope.operands[value] = reconciled(cntk, found, like, found.layout)


def constant_behind(value: ir.Value | None) -> ir.TensorProtocol | None:
    """The constant that is repeated to be a value."""
    while value is not None and value.const_value is None:
        node = value.producer()
        if node is None or node.op_type not in {"Expand", "Unsqueeze", "Identity"} or node.domain:
            return None
        value = node.inputs[0]
    return None if value is None else value.const_value


def initial(
    cntk: CNTK, value: ir.Value | None, rank: int, way: int | None = None
) -> Operand | None:
    """The constant that a state is before the first frame; None where it is computed.

    It is [batch, *static] of so many axes, all rows alike, or what is repeated to be that; with a `way`
    directions come first.
    """
    constant = constant_behind(value)
    if constant is None:
        return None
    array = references.read(constant)
    if way is not None and array.ndim == rank + 1:
        array = array[way]
    if array.ndim == rank and rank:
        if np.any(array != array[:1]):
            cntk.node.refuse("its initial state is another one for each sample of the batch")
        array = array[0]
    return cntk.constant(array.copy())


def delayed(
    cntk: CNTK, delay: str, like: Operand, initial: Operand, shape: tuple[int, ...], count: int = 1
) -> Operand:
    """A delay of what is made later, and given to it by `close`."""
    with cntk.scope.within(None):
        made = cntk.make(
            delay, like, initial, shape=shape, layout=(BATCH, *[None] * len(shape)), offset=count
        )
    assert made.variable is not None
    made.variable.axes = like.axes
    made.variable.dtype = made.dtype = like.dtype
    return made


def close(delay: Operand, state: Operand) -> None:
    """Say what a delay delays."""
    assert delay.variable is not None
    assert delay.variable.owner is not None
    assert state.variable is not None
    delay.variable.owner.inputs[0] = state.variable
