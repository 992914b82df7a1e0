"""Loops over the past or the future of a sequence: as recurrent layers, else as Scan.

A loop's PastValues (or FutureValues) are the scan's states; what it reads of sequences outside is
scanned, what else it reads is read where it stands. A delay of n frames is a state of n frames. The
future is a scan backwards, whose states are the initial ones until a sequence's last frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error, UnsupportedError
from mmdnn.frameworks.cntk._order import DELAYS, is_loop, step
from mmdnn.frameworks.cntk.graph import Axis, Function, Variable
from mmdnn.frameworks.cntk.importer.frames import TIME, until
from mmdnn.frameworks.cntk.importer.operand import Operand
from mmdnn.frameworks.cntk.importer.recognition import recognized
from mmdnn.frameworks.cntk.importer.states import state_shape
from mmdnn.frameworks.cntk.importer.table import GraphImporter, ImportedFunction
from mmdnn.ir.builder import Builder, Op, dimensions


@dataclass
class State:
    """A delay of a loop.

    Attributes:
        delay: The PastValue or FutureValue.
        count: Its frames.
        initial: What it is before the first frame: [batch, *static], or [batch, count, *static] for
            several frames.
        shape: Of what it delays, without the dynamic axes.
    """

    delay: Function
    count: int
    initial: ir.Value
    shape: tuple[int, ...]


def recurrence(graph: GraphImporter, component: Sequence[Function]) -> None:
    """Import a loop: as LSTM, GRU or RNN where it is one.

    Raises:
        UnsupportedError: It is none that can be scanned.
    """
    delays = [one for one in component if one.op in DELAYS]
    first = delays[0] if delays else component[0]
    try:
        if not recognized(graph, component):
            _scan(graph, component, delays)
    except Error as error:
        error.layer = error.layer or first.label
        error.operator = error.operator or first.type
        raise


def _scan(graph: GraphImporter, component: Sequence[Function], delays: Sequence[Function]) -> None:
    if len({one.op for one in delays}) != 1:
        raise UnsupportedError("a loop that reads both its past and its future, or neither")
    backwards = delays[0].op == "FutureValue"
    inner = set(component)
    outside = _outside(graph, component)
    axis = _axis(outside)
    like = next(one for one in outside.values() if one.sequence == axis)
    with graph.builder.layer(delays[0].uid, "Recurrence"):
        states = [_state(graph, delay, inner, like) for delay in delays]
        masks = {}
        if backwards:
            for count in {state.count for state in states}:
                masks[count] = _inside_of(graph, like.value, graph.lengths(axis), count)
        made = _run(graph, component, states, outside, masks, axis, like)
    for variable, value in made.items():
        graph.set(variable, Operand(value, like.axes))


def _inside_of(graph: GraphImporter, x: ir.Value, lengths: ir.Value, count: int) -> ir.Value:
    """Whether the frame so many ahead is inside its sequence: bool [batch, time, 1]."""
    (made,) = graph.builder.function(
        "Inside",
        [x, lengths],
        {"offset": count},
        lambda op, x, lengths: op.Unsqueeze(until(op, x, lengths, count), [2]),
    )
    return made


def _outside(graph: GraphImporter, component: Sequence[Function]) -> dict[Variable, Operand]:
    """What a loop reads that it does not compute."""
    inner = set(component)
    found: dict[Variable, Operand] = {}
    for function in component:
        with graph.builder.layer(graph.label(function), function.type):
            for variable in graph.flat.reads(function):
                if variable.owner not in inner and variable not in found:
                    found[variable] = graph.operand(variable)
    return found


def _axis(outside: dict[Variable, Operand]) -> Axis:
    axes = {one.sequence for one in outside.values() if one.sequence is not None}
    if len(axes) != 1:
        raise UnsupportedError("a loop over no sequence, or over several")
    return axes.pop()


def _state(graph: GraphImporter, delay: Function, inner: set[Function], like: Operand) -> State:
    importing = ImportedFunction(delay, graph)
    count = importing.get("offset", int)
    if count < 1:
        importing.refuse(f"it is off by {count} frames")
    _, initial = (graph.flat.resolve(one) for one in delay.inputs)
    if initial.owner in inner:
        importing.refuse("its initial state is computed in the loop itself")
    start = graph.operand(initial)
    if start.sequence is not None:
        importing.refuse("its initial state is a sequence")
    shape = state_shape(graph, delay, inner, start)
    return State(delay, count, _initial(graph.builder.op, like, start, count, shape), shape)


def _initial(op: Op, like: Operand, start: Operand, count: int, shape: tuple[int, ...]) -> ir.Value:
    """A state before the first frame: [batch, *static], of several frames [batch, count, *static]."""
    frames = () if count == 1 else (count,)
    value = start.value
    if start.axes:
        axes = [1 + place for place in range(len(frames) + len(shape) - start.rank)]
        value = op.Unsqueeze(value, axes) if axes else value
    batch = op.Shape(like.value, start=0, end=1)
    target = op.Concat(batch, np.array([*frames, *shape], np.int64), axis=0)
    made = op.Expand(value, target) if frames or shape else op.Expand(value, batch)
    made.shape = ir.Shape([dimensions(like.value)[0], *frames, *shape])
    return made


def _wanted(graph: GraphImporter, component: Sequence[Function]) -> list[Variable]:
    """What is read outside of the loop, or an output of the model."""
    inner = set(component)
    read = {
        variable
        for function in graph.order
        if function not in inner
        for variable in graph.flat.reads(function)
    }
    read.update(map(graph.flat.resolve, graph.outputs))
    return [one for function in component for one in function.results if one in read]


@contextmanager
def _inside(graph: GraphImporter, name: str) -> Iterator[Builder]:
    """Make operators in a graph of their own; what is said of variables there is forgotten."""
    outer, operands = graph.builder, graph.operands
    body = Builder(outer.domain, outer.unique(name))
    body._names = outer._names
    body.functions = outer.functions
    body._function_keys = outer._function_keys
    graph.builder, graph.operands = body, dict(operands)
    try:
        yield body
    finally:
        graph.builder, graph.operands = outer, operands


def _run(
    graph: GraphImporter,
    component: Sequence[Function],
    states: list[State],
    outside: dict[Variable, Operand],
    masks: dict[int, ir.Value],
    axis: Axis,
    like: Operand,
) -> dict[Variable, ir.Value]:
    """The scan; gives what is read outside of it, [batch, time, *static]."""
    results = _wanted(graph, component)
    scanned = {v: one for v, one in outside.items() if one.sequence == axis}
    batch = tuple(one for one in like.axes if one != axis)
    name = states[0].delay.uid
    with _inside(graph, f"{name}/loop") as body:
        before = [_input(body, f"{name}/state", state.initial) for state in states]
        frames = [_input(body, f"{name}/frame", one.value, frame=True) for one in scanned.values()]
        flags = [_input(body, f"{name}/inside", mask, frame=True) for mask in masks.values()]
        for variable, value in zip(scanned, frames, strict=True):
            graph.operands[variable] = Operand(value, batch)
        inside = dict(zip(masks, flags, strict=True))
        for state, value in zip(states, before, strict=True):
            now = _now(body.op, state, value, inside)
            graph.operands[state.delay.output()] = Operand(now, batch)
        _import(graph, component)
        after = [_after(graph, body.op, s, v) for s, v in zip(states, before, strict=True)]
        made = [_made(graph, body.op, one, batch) for one in results]
        body.graph.outputs.extend([*after, *made])
        loop = body.graph
    inputs = [state.initial for state in states]
    inputs += [one.value for one in scanned.values()] + list(masks.values())
    count, direction = len(scanned) + len(masks), 1 if masks else 0
    outputs = graph.builder.op.outputs(len(states) + len(made)).Scan(
        *inputs,
        body=loop,
        num_scan_inputs=count,
        scan_input_axes=[TIME] * count,
        scan_output_axes=[TIME] * len(made),
        scan_input_directions=[direction] * count,
        scan_output_directions=[direction] * len(made),
    )
    found = list(outputs[len(states) :])
    for value, inner in zip(found, made, strict=True):
        dims = list(dimensions(inner))
        value.type = ir.TensorType(inner.dtype or ir.DataType.FLOAT)
        value.shape = ir.Shape([dims[0], dimensions(like.value)[TIME], *dims[1:]])
    return dict(zip(results, found, strict=True))


def _input(body: Builder, name: str, value: ir.Value, *, frame: bool = False) -> ir.Value:
    """What stands for a value inside, or for a frame of it."""
    dims = [dim for place, dim in enumerate(dimensions(value)) if place != TIME or not frame]
    return body.input(body.unique(name), dims, value.dtype or ir.DataType.FLOAT)


def _now(op: Op, state: State, value: ir.Value, inside: dict[int, ir.Value]) -> ir.Value:
    """What a delay gives for this frame."""
    oldest = value if state.count == 1 else op.Gather(value, np.array(0, np.int64), axis=TIME)
    if state.count not in inside:
        return oldest
    start = state.initial
    if state.count > 1:
        start = op.Gather(start, np.array(0, np.int64), axis=TIME)
    flag = inside[state.count]
    missing = len(state.shape) - 1
    if missing > 0:
        flag = op.Unsqueeze(flag, [2 + place for place in range(missing)])
    elif missing < 0:
        flag = op.Squeeze(flag, [1])
    return op.Where(flag, oldest, start)


def _import(graph: GraphImporter, component: Sequence[Function]) -> None:
    """The functions of one step, what they read before them."""
    for inner in step(component, graph.flat.reads):
        if is_loop(inner, graph.flat.reads) and inner[0].op not in DELAYS:
            raise UnsupportedError("a loop within the loop's own frame")
        if inner[0].op not in DELAYS:
            graph.function(inner[0])


def _after(graph: GraphImporter, op: Op, state: State, before: ir.Value) -> ir.Value:
    """A state after this frame."""
    variable = graph.flat.resolve(state.delay.inputs[0])
    made = graph.operand(variable)
    shape = made.shape
    if tuple(shape) != state.shape:
        raise UnsupportedError(
            f"its state of the shape {list(state.shape)} becomes one of {list(shape)}",
            layer=state.delay.label,
            operator=state.delay.op,
        )
    if not made.axes:
        raise UnsupportedError("its state does not depend on the sample", layer=state.delay.label)
    if state.count == 1:
        return op.Identity(made.value)
    newest = op.Unsqueeze(made.value, [TIME])
    rest = op.Slice(before, [1], [np.iinfo(np.int64).max], [TIME])
    after = op.Concat(rest, newest, axis=TIME)
    after.shape = before.shape
    return after


def _made(graph: GraphImporter, op: Op, variable: Variable, batch: tuple[Axis, ...]) -> ir.Value:
    operand = graph.operand(variable)
    if operand.axes != batch:
        raise UnsupportedError("a part of the loop does not depend on the sample")
    return op.Identity(operand.value)
