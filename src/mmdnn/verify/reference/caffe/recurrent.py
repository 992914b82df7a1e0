"""Recurrent layers, as the networks they unroll to (src/caffe/layers/recurrent_layer.cpp)."""

from __future__ import annotations

import numpy as np

from mmdnn.verify.reference.caffe.activation import sigmoid
from mmdnn.verify.reference.caffe.layer import Array, Step, computes


def _bottoms(
    step: Step, states: int, bottoms: tuple[Array, ...]
) -> tuple[Array, Array, Array | None, list[Array]]:
    """The input as T, N, numbers; the marks of going on; what is the same at all times; the states."""
    x, cont, *more = bottoms
    exposed = states if step.p.expose_hidden else 0
    static = more.pop(0).reshape(x.shape[1], -1) if len(more) > exposed else None
    if cont.shape != x.shape[:2] or len(more) != exposed:
        step.wrong(f"marks of the shape {list(cont.shape)}, {len(bottoms)} bottoms")
    size = (x.shape[1], step.p.num_output)
    given = [state.reshape(size) for state in more] or [np.zeros(size)] * states
    return x.reshape(*x.shape[:2], -1), cont[..., None], static, given


def _input(step: Step, x: Array, static: Array | None, rows: int) -> tuple[Array, int]:
    """What comes of the inputs at all times, and the place of the next weight blob."""
    total = x @ step.weight(0, (rows, x.shape[2])).T + step.weight(1, (rows,))
    if static is None:
        return total, 2
    return total + static @ step.weight(2, (rows, static.shape[1])).T, 3


def _cell(gates: Array, cont: Array, c: Array) -> tuple[Array, Array]:
    """One step of an LSTM: gates i, f, o and the candidate g. The new c and h."""
    i, f, o, g = np.split(gates, 4, -1)
    c = np.where(cont == 0, 0, cont * sigmoid(f) * c) + sigmoid(i) * np.tanh(g)
    return c, sigmoid(o) * np.tanh(c)


@computes("LSTM")
def lstm(step: Step, *bottoms: Array) -> list[Array]:
    """All outputs; where the states are exposed, the last h and c too."""
    x, cont, static, (h, c) = _bottoms(step, 2, bottoms)
    size = step.p.num_output
    total, place = _input(step, x, static, 4 * size)
    weight = step.weight(place, (4 * size, size)).T
    outputs = []
    for gates, going_on in zip(total, cont, strict=True):
        c, h = _cell(gates + (going_on * h) @ weight, going_on, c)
        outputs.append(h)
    return [np.stack(outputs), h[None], c[None]]


@computes("RNN")
def rnn(step: Step, *bottoms: Array) -> list[Array]:
    """State: tanh(Wh h + Wx x + b); output: tanh(Wo h + bo)."""
    x, cont, static, (h,) = _bottoms(step, 1, bottoms)
    size = step.p.num_output
    total, place = _input(step, x, static, size)
    weight = step.weight(place, (size, size)).T
    out, bias = step.weight(place + 1, (size, size)).T, step.weight(place + 2, (size,))
    outputs = []
    for gate, going_on in zip(total, cont, strict=True):
        h = np.tanh(gate + (going_on * h) @ weight)
        outputs.append(np.tanh(h @ out + bias))
    return [np.stack(outputs), h[None]]


@computes("LSTMUnit")
def lstm_unit(step: Step, c: Array, gates: Array, cont: Array) -> list[Array]:
    """One step of an LSTM, by hand: c and h."""
    if c.shape[0] != 1 or gates.shape != (*c.shape[:2], 4 * c.shape[2]):
        step.wrong(f"{list(c.shape)} and gates of {list(gates.shape)}")
    return list(_cell(gates, cont.reshape(1, -1, 1), c))
