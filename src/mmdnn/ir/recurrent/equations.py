"""LSTM, GRU and RNN spelled out: a Scan over the steps, for engines that lack the operator or an option.

    [T, N, C] * W + b  ->  Scan(step)  ->  [T, N, H]

One Scan for each direction. Weights that are constants stay constants, cut when they are written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import Builder, Dimension, Op, dimensions, function_of, shape
from mmdnn.ir.recurrent.nodes import GATES, Recurrent, read, refuse
from mmdnn.ir.recurrent.steps import STEPS
from mmdnn.tensors import references

INPUTS = ("x", "w", "r", "b", "lengths", "h", "c", "p")


def definition(node: ir.Node) -> ir.Function:
    """The function that the node is, of standard operators.

    Args:
        node: An LSTM, GRU or RNN, its inputs' types and ranks known.

    Raises:
        UnsupportedError: The size of its state is not known.
    """
    layer = read(node)
    if layer.size is None:
        refuse(node, "the size of its state is not known")
    outer = Builder("mmdnn", node.op_type)
    given: dict[str, ir.Value | None] = dict.fromkeys(INPUTS)
    known: dict[ir.Value, ir.TensorProtocol] = {}
    for name, value in zip(INPUTS, node.inputs, strict=False):
        parameter = outer.input(name, [])
        if value is None:
            continue
        if value.type is None or value.shape is None:
            refuse(node, f"the shape of its input '{value.name}' is not known")
        parameter.type, parameter.shape = value.type, value.shape
        given[name] = parameter
        if value.const_value is not None and not value.is_graph_input():
            known[parameter] = value.const_value
    if layer.batch_first:
        outputs = _time_first(node, outer, given)
    else:
        outputs = _Whole(layer, outer, given, known).outputs()
    outer.graph.outputs.extend(outputs[: len(node.outputs)])
    return function_of(outer.graph, node.domain, node.op_type, {})


def spelled_out(layer: Recurrent, outer: Builder, given: Mapping[str, ir.Value]) -> list[ir.Value]:
    """Y and the final states, of inputs by the names of `INPUTS`; an LSTM may have a `projection` too."""
    return _Whole(layer, outer, {**dict.fromkeys(INPUTS), **given}, {}).outputs()


def _time_first(node: ir.Node, outer: Builder, given: dict[str, ir.Value | None]) -> list[ir.Value]:
    """The same operator with the steps as the first axis, between Transposes."""
    op = outer.op
    turned = {
        name: op.Transpose(value, perm=[1, 0, 2])
        for name, value in given.items()
        if name in {"x", "h", "c"} and value is not None
    }
    inputs = [turned.get(name, value) for name, value in given.items()]
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    attributes["layout"] = 0
    several = op.outputs(3 if node.op_type == "LSTM" else 2)
    y, *finals = several[node.op_type](*inputs[: len(node.inputs)], **attributes)
    last = [op.Transpose(final, perm=[1, 0, 2]) for final in finals]
    return [op.Transpose(y, perm=[2, 0, 1, 3]), *last]


@dataclass
class _Whole:
    """The whole node: its directions side by side."""

    layer: Recurrent
    outer: Builder
    given: dict[str, ir.Value | None]
    known: dict[ir.Value, ir.TensorProtocol]

    def outputs(self) -> list[ir.Value]:
        """Y and the final states."""
        op = self.outer.op
        running = self._running()
        each = [_Way(self, way, running).run() for way in range(self.layer.ways)]
        joined = []
        for place, parts in enumerate(zip(*each, strict=True)):
            axis = 0 if place else 1
            parts = tuple(op.Unsqueeze(part, [axis]) for part in parts)
            joined.append(parts[0] if len(parts) == 1 else op.Concat(*parts, axis=axis))
        return joined

    def _running(self) -> ir.Value | None:
        """Whether each sequence has a step at a time: [T, N, 1]."""
        op, x, lengths = self.outer.op, self.given["x"], self.given["lengths"]
        if lengths is None:
            return None
        steps = op.Range(np.int64(0), op.Squeeze(op.Shape(x, end=1)), np.int64(1))
        steps.shape = ir.Shape([dimensions(_sure(x))[0]])
        counts = op.Unsqueeze(op.Cast(lengths, to=ir.DataType.INT64), [0, 2])
        return op.Less(op.Unsqueeze(steps, [1, 2]), counts)


class _Way:
    """One direction."""

    def __init__(self, whole: _Whole, way: int, running: ir.Value | None) -> None:
        self.whole = whole
        self.layer = whole.layer
        self.op = whole.outer.op
        self.way = way
        self.running = running
        self.functions = whole.layer.activations[way]
        self.size = whole.layer.size or 0
        self.bias: ir.Value | None = None
        projection = whole.given.get("projection")
        self.seen = self.size if projection is None else shape(projection)[1] or 0

    def has(self, name: str) -> bool:
        """Whether the layer has that input."""
        return self.whole.given.get(name) is not None

    def run(self) -> list[ir.Value]:
        """H after every step [T, N, H], and the final states [N, H]."""
        op, layer = self.op, self.layer
        x = _sure(self.whole.given["x"])
        rows = GATES[layer.kind] * self.size
        self.recurrence = self.weight("r", lambda r: r)
        inputs = op.MatMul(x, self.weight("w", lambda w: w.T))
        if self.whole.given["b"] is not None and layer.reset_after:
            self.bias = self.weight("b", lambda b: b[rows:])
            inputs = op.Add(inputs, self.weight("b", lambda b: b[:rows]))
        elif self.whole.given["b"] is not None:
            inputs = op.Add(inputs, self.weight("b", lambda b: b[:rows] + b[rows:]))
        names = ["h", "c"] if layer.kind == "LSTM" else ["h"]
        sizes = {"h": self.seen, "c": self.size}
        first = [self._initial(name, x, sizes[name]) for name in names]
        y, *finals = self._scan(inputs, first, [sizes[name] for name in names])
        if self.running is not None:
            y = op.Where(self.running, y, self._zero(x))
        return [y, *finals]

    def weight(self, name: str, part: Callable[[Any], Any]) -> ir.Value:
        """Part of this direction's share of a weight."""
        value = _sure(self.whole.given[name])
        tensor = self.whole.known.get(value)
        if tensor is None:
            share = self.op.Squeeze(self.op.Slice(value, [self.way], [self.way + 1], [0]), [0])
            rows: _Rows = part(_Rows(self.op, share))
            return rows.value
        way = self.way
        shape = part(np.broadcast_to(np.int8(0), tensor.shape.numpy()[1:])).shape
        lazy = references.lazy(tensor, lambda a: np.ascontiguousarray(part(a[way])), shape=shape)
        return self.whole.outer.weight(f"{name}_{way}", lazy)

    def _initial(self, name: str, x: ir.Value, size: int) -> ir.Value:
        op, given = self.op, self.whole.given[name]
        kind = (x.dtype or ir.DataType.FLOAT).numpy()
        if given is None:
            sizes = op.Concat(op.Shape(x, start=1, end=2), [size], axis=0)
            zeros = op.ConstantOfShape(sizes, value=ir.tensor(np.zeros(1, kind)))
            zeros.shape = ir.Shape([dimensions(x)[1], size])
            return zeros
        state = op.Squeeze(op.Slice(given, [self.way], [self.way + 1], [0]), [0])
        if self.whole.given["lengths"] is None:
            return state
        some = op.Unsqueeze(op.Greater(self.whole.given["lengths"], np.int32(0)), [1])
        return op.Where(some, state, self._zero(x))

    def _zero(self, like: ir.Value) -> ir.Value:
        kind = (like.dtype or ir.DataType.FLOAT).numpy()
        return self.whole.outer.constant(np.zeros((), kind))

    def _scan(self, inputs: ir.Value, states: list[ir.Value], sizes: list[int]) -> list[ir.Value]:
        """H after every step, and the final states."""
        steps, streams, _ = dimensions(inputs)
        body = Builder("mmdnn", f"step_{self.way}")
        body._names = self.whole.outer._names
        shapes: list[list[Dimension]] = [[streams, size] for size in sizes]
        before = [_input(body, "state", *each) for each in zip(states, shapes, strict=True)]
        now = _input(body, "now", inputs, dimensions(inputs)[1:])
        data = [inputs] if self.running is None else [inputs, self.running]
        going = None
        if self.running is not None:
            going = _input(body, "going", self.running, dimensions(self.running)[1:])
        after = STEPS[self.layer.kind](self, body.op, now, before)
        if going is not None:
            pairs = zip(after, before, strict=True)
            after = [body.op.Where(going, new, old) for new, old in pairs]
        body.graph.outputs.extend([*after, body.op.Identity(after[0])])
        back = self.layer.backwards[self.way]
        made = self.op.outputs(len(states) + 1).Scan(
            *states,
            *data,
            body=body.graph,
            num_scan_inputs=len(data),
            scan_input_directions=[1] * len(data) if back else None,
            scan_output_directions=[1] if back else None,
        )
        for value, dims in zip(made, [*shapes, [steps, *shapes[0]]], strict=True):
            value.type, value.shape = inputs.type, ir.Shape(dims)
        return [made[-1], *made[:-1]]


class _Rows:
    """A weight that is computed while the model runs, cut as numpy would."""

    def __init__(self, op: Op, value: ir.Value) -> None:
        self.op = op
        self.value = value

    @property
    def T(self) -> _Rows:
        return _Rows(self.op, self.op.Transpose(self.value, perm=[1, 0]))

    def __getitem__(self, rows: slice) -> _Rows:
        end = np.iinfo(np.int64).max if rows.stop is None else rows.stop
        return _Rows(self.op, self.op.Slice(self.value, [rows.start or 0], [end], [0]))

    def __add__(self, other: _Rows) -> _Rows:
        return _Rows(self.op, self.op.Add(self.value, other.value))


def _sure(value: ir.Value | None) -> ir.Value:
    assert value is not None
    return value


def _input(body: Builder, name: str, like: ir.Value, shape: Any) -> ir.Value:
    value = body.input(body.unique(name), shape, like.dtype or ir.DataType.FLOAT)
    value.shape = ir.Shape(shape)
    return value
