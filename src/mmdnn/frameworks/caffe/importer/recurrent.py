"""Recurrent layers (src/caffe/layers/recurrent_layer.cpp, lstm_layer.cpp, rnn_layer.cpp).

    x [T, N, ...]    cont [T, N]    static [N, ...], optional    h0 (and c0) [1, N, H], if exposed

`cont` multiplies the state before each step: 0 begins a new sequence, 1 continues it, and fractions
work. Unless the state is exposed, it starts at zero. (Caffe keeps it from one forward pass to the
next; a model here has no memory, so each run is a first one.)

A layer becomes a local function, `mmdnn.caffe::LSTM` or `mmdnn.caffe::RNN`, of the layer's bottoms
followed by its weights, all in Caffe's order. Its attributes say which of the optional inputs are there.
Where `cont` is known to be 1 after the first step, the function's body is ONNX's operator, else a Scan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import agree, count, known
from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer
from mmdnn.ir.builder import Builder, Op, dimensions, shape
from mmdnn.ir.passes.folding import LIMIT
from mmdnn.ir.passes.weights import rearranged

DOXYGEN = "https://caffe.berkeleyvision.org/doxygen"
Step = Callable[[Op, list[ir.Value], ir.Value, ir.Value, ir.Value], list[ir.Value]]
"""`(op, states, input, cont, weight)` -> the states after one step."""


@dataclass(frozen=True)
class _Inputs:
    """A layer's bottoms, or the function's inputs in their place."""

    x: ir.Value
    cont: ir.Value
    static: ir.Value | None
    states: Sequence[ir.Value]


@dataclass(frozen=True)
class _Bottoms:
    """Which of the optional bottoms a layer has."""

    static: bool
    states: int

    @property
    def count(self) -> int:
        return 2 + self.static + self.states

    def named(self, values: Sequence[ir.Value]) -> _Inputs:
        static = values[2] if self.static else None
        return _Inputs(values[0], values[1], static, values[2 + self.static : self.count])


def _bottoms(layer: ImportedLayer, given: Sequence[ir.Value], states: int) -> _Bottoms:
    exposed = states if layer.param().expose_hidden else 0
    bottoms = _Bottoms(static=len(given) > 2 + exposed, states=exposed)
    if len(given) != bottoms.count:
        layer.refuse(f"it has {len(given)} bottoms, and takes {2 + exposed} or {3 + exposed}")
    if len(layer.tops) != 1 + exposed:
        layer.refuse(f"it has {len(layer.tops)} tops, and gives {1 + exposed}")
    if len(shape(given[0])) < 2 or len(shape(given[1])) != 2:
        layer.refuse(f"its bottoms have {len(shape(given[0]))} and {len(shape(given[1]))} axes")
    _check_sizes(layer, bottoms.named(given))
    return bottoms


def _check_sizes(layer: ImportedLayer, bottoms: _Inputs) -> None:
    """All have the same T and N; ONNX would broadcast a 1."""
    agree(bottoms.x, bottoms.cont, [(0, 0), (1, 1)])
    if bottoms.static is not None:
        agree(bottoms.x, bottoms.static, [(1, 0)])
    for state in bottoms.states:
        size = layer.param().num_output
        if len(shape(state)) != 3 or (known(state, 0), known(state, 2)) != (1, size):
            layer.unfit(f"its state '{state.name}' has the shape {shape(state)}")
        agree(bottoms.x, state, [(1, 1)])


def _attributes(
    layer: ImportedLayer, bottoms: _Bottoms, given: Sequence[ir.Value]
) -> dict[str, Any]:
    return {
        "num_output": layer.param().num_output,
        "expose_hidden": int(bottoms.states > 0),
        "static_input": int(bottoms.static),
        "unbroken": 1 if _is_unbroken(bottoms, given[1]) else None,
    }


def _is_unbroken(bottoms: _Bottoms, cont: ir.Value) -> bool:
    """Whether `cont` is known, and each sequence is one from the first step to the last."""
    dims = shape(cont)
    if bottoms.static or None in dims or np.prod([d or 0 for d in dims]) > LIMIT:
        return False
    tensor = cont.const_value or rearranged(cont)
    if tensor is None or cont.is_graph_input():
        return False
    numbers = tensor.numpy()
    return bool((numbers[1:] == 1).all() and (not bottoms.states or (numbers[:1] == 1).all()))


def _as_steps(op: Op, flat: ir.Value, like: ir.Value) -> ir.Value:
    """[T * N, H] as [T, N, H], T and N being those of `like`."""
    steps, streams = shape(like)[:2]
    size = known(flat, 1)
    if steps is None and streams is None:
        steps_first = op.Reshape(flat, op.Concat(op.Shape(like, end=2), [size], axis=0))
    else:
        places = (-1 if dim is None else dim for dim in (steps, streams))
        steps_first = op.Reshape(flat, [*places, size])
    steps_first.shape = ir.Shape([*dimensions(like)[:2], size])
    return steps_first


def _project(op: Op, x: ir.Value, weight: ir.Value, bias: ir.Value) -> ir.Value:
    """An inner product of each step of each stream."""
    flat = op.Reshape(x, [-1, count(x, 2)])
    return _as_steps(op, op.Gemm(flat, weight, bias, transB=1), x)


def _initial(op: Op, given: _Inputs, number: int, size: int) -> list[ir.Value]:
    """The state before the first step, [N, H] each."""
    if given.states:
        return [op.Squeeze(state, [0]) for state in given.states]
    streams = shape(given.x)[1]
    if streams is not None:
        zeros = op.ConstantOfShape([streams, size])
    else:
        zeros = op.ConstantOfShape(op.Concat(op.Shape(given.x, start=1, end=2), [size], axis=0))
    return [zeros] * number


def _scan(
    op: Op, step: Step, states: Sequence[ir.Value], inputs: ir.Value, cont: ir.Value, w: ir.Value
) -> tuple[ir.Value, ...]:
    """Run the steps: the final states, and the first state (h) after every step, [T, N, H]."""
    body = Builder("mmdnn.caffe", "step")
    (steps, streams), size = dimensions(inputs)[:2], shape(states[0])[1]
    with body.layer("step", ""):
        before = [body.input(f"step/state_{i}", [streams, size]) for i in range(len(states))]
        now = body.input("step/input", [streams, shape(inputs)[2]])
        going = body.input("step/cont", [streams, 1])
        after = step(body.op, before, now, going, w)
        each = body.op.Identity(after[0])
    body.graph.outputs.extend([*after, each])
    results = op.outputs(len(states) + 1).Scan(
        *states,
        inputs,
        op.Unsqueeze(cont, [2]),
        body=body.graph,
        num_scan_inputs=2,
    )
    for result, state in zip(results, states, strict=False):
        result.type, result.shape = state.type, ir.Shape([streams, size])
    results[-1].type = states[0].type
    results[-1].shape = ir.Shape([steps, streams, size])
    return results


def _lstm_step(
    op: Op, states: list[ir.Value], gates: ir.Value, cont: ir.Value, weight: ir.Value
) -> list[ir.Value]:
    h, c = states
    gates = op.Gemm(op.Mul(h, cont), weight, gates, transB=1)
    i, f, o, g = op.outputs(4).Split(gates, axis=1, num_outputs=4)
    kept = op.Mul(op.Mul(op.Sigmoid(f), cont), c)
    c = op.Add(kept, op.Mul(op.Sigmoid(i), op.Tanh(g)))
    return [op.Mul(op.Sigmoid(o), op.Tanh(c)), c]


def _rnn_step(
    op: Op, states: list[ir.Value], hidden: ir.Value, cont: ir.Value, weight: ir.Value
) -> list[ir.Value]:
    return [op.Tanh(op.Gemm(op.Mul(states[0], cont), weight, hidden, transB=1))]


def _unroll(
    op: Op, given: _Inputs, weights: list[ir.Value], step: Step, number: int
) -> tuple[ir.Value, list[ir.Value]]:
    """Of every step h, and the final states [1, N, H] where they are exposed.

    The weights are those of x, the bias, of the static input where there is one, and of the state.
    """
    inputs = _project(op, given.x, weights[0], weights[1])
    if given.static is not None:
        flat = op.Reshape(given.static, [-1, count(given.static, 1)])
        inputs = op.Add(inputs, op.Gemm(flat, weights[2], transB=1))
    recurrent = weights[2 + (given.static is not None)]
    states = _initial(op, given, number, shape(recurrent)[1] or 0)
    *last, steps = _scan(op, step, states, inputs, given.cont, recurrent)
    return steps, [op.Unsqueeze(state, [0]) for state in last] if given.states else []


def _whole(op: Op, type_: str, given: _Inputs, weights: Sequence[ir.Value]) -> list[ir.Value]:
    """ONNX's operator, which has the gates i o f g: h of every step, and the final states."""
    features, size = count(given.x, 2), shape(weights[2])[1] or 0
    x = given.x if len(shape(given.x)) == 3 else op.Reshape(given.x, [0, 0, features])
    w, b, r = weights
    if type_ == "LSTM":
        w, b, r = (_reordered(op, each) for each in weights)
    b = op.Concat(b, np.zeros(shape(weights[1])[0] or 0, np.float32), axis=0)
    w, r, b = (op.Unsqueeze(each, [0]) for each in (w, r, b))
    several = op.outputs(3 if type_ == "LSTM" else 2)
    y, *finals = several[type_](x, w, r, b, None, *given.states, hidden_size=size)
    return [op.Squeeze(y, [1]), *(finals if given.states else ())]


def _reordered(op: Op, weight: ir.Value) -> ir.Value:
    i, f, o, g = op.outputs(4).Split(weight, axis=0, num_outputs=4)
    return op.Concat(i, o, f, g, axis=0)


def _weights(layer: ImportedLayer, bottoms: _Inputs, gates: int) -> list[ir.Value]:
    size = layer.param().num_output
    if not size:
        layer.refuse("it has no num_output")
    rows = gates * size
    shapes: dict[str, tuple[int, ...]] = {
        "weight_x": (rows, count(bottoms.x, 2)),
        "bias": (rows,),
    }
    if bottoms.static is not None:
        shapes["weight_static"] = (rows, count(bottoms.static, 1))
    shapes["weight_h"] = (rows, size)
    if gates == 1:
        shapes |= {"weight_o": (size, size), "bias_o": (size,)}
    return [layer.weight(i, *item) for i, item in enumerate(shapes.items())]


@importer("LSTM", doc=f"{DOXYGEN}/classcaffe_1_1LSTMLayer.html")
def lstm(layer: ImportedLayer, _op: Op, *given: ir.Value) -> tuple[ir.Value, ...]:
    """Gates i, f, o, g; c = cont f c + i g; h = o tanh(c)."""
    bottoms = _bottoms(layer, given, states=2)
    weights = _weights(layer, bottoms.named(given), gates=4)
    attributes = _attributes(layer, bottoms, given)

    def body(op: Op, *values: ir.Value) -> list[ir.Value]:
        rest = list(values[bottoms.count :])
        if attributes["unbroken"]:
            return _whole(op, "LSTM", bottoms.named(values), rest)
        h, last = _unroll(op, bottoms.named(values), rest, _lstm_step, 2)
        return [h, *last]

    return layer.builder.function("LSTM", [*given, *weights], attributes, body)


@importer("RNN", doc=f"{DOXYGEN}/classcaffe_1_1RNNLayer.html")
def rnn(layer: ImportedLayer, _op: Op, *given: ir.Value) -> tuple[ir.Value, ...]:
    """The state is h = tanh(W_h (cont h) + W_x x + b), the output o = tanh(W_o h + b_o)."""
    bottoms = _bottoms(layer, given, states=1)
    weights = _weights(layer, bottoms.named(given), gates=1)
    attributes = _attributes(layer, bottoms, given)

    def body(op: Op, *values: ir.Value) -> list[ir.Value]:
        *rest, weight_o, bias_o = values[bottoms.count :]
        if attributes["unbroken"]:
            h, *last = _whole(op, "RNN", bottoms.named(values), rest)
        else:
            h, last = _unroll(op, bottoms.named(values), rest, _rnn_step, 1)
        return [op.Tanh(_project(op, h, weight_o, bias_o)), *last]

    return layer.builder.function("RNN", [*given, *weights], attributes, body)


DOC = "https://github.com/BVLC/caffe/blob/master/include/caffe/layers/lstm_layer.hpp"


@importer("LSTMUnit", doc=DOC)
def lstm_unit(
    layer: ImportedLayer, op: Op, cell: ir.Value, gates: ir.Value, cont: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """Cell and hidden state (1 x N x H) from those before and the gates i, f, o, g (1 x N x 4H)."""
    ranks = [len(dimensions(x)) for x in (cell, gates, cont)]
    if ranks != [3, 3, 2] or any(known(x, 0) != 1 for x in (cell, gates, cont)):
        layer.unfit("it takes bottoms of 1 x N x H, 1 x N x 4H and 1 x N")
    agree(cell, gates, [(1, 1)])
    agree(cell, cont, [(1, 1)])
    size = known(cell, 2)
    i, f, o, g = op.outputs(4).Split(gates, [size] * 4, axis=2)
    forget = op.Mul(op.Sigmoid(f), op.Unsqueeze(cont, [2]))
    kept, new = op.Mul(forget, cell), op.Mul(op.Sigmoid(i), op.Tanh(g))
    state = op.Add(kept, new)
    return state, op.Mul(op.Sigmoid(o), op.Tanh(state))
