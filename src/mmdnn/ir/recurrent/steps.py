"""One step of an LSTM, a GRU or an RNN, in standard operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import Op
from mmdnn.ir.recurrent.nodes import Activation, Recurrent


class Way(Protocol):
    """What a step knows of its direction."""

    layer: Recurrent
    functions: tuple[Activation, ...]
    size: int
    recurrence: ir.Value
    bias: ir.Value | None

    def has(self, name: str) -> bool:
        """Whether the layer has that input."""

    def weight(self, name: str, part: Callable[[Any], Any]) -> ir.Value:
        """Part of this direction's share of a weight."""


Step = Callable[[Way, Any, ir.Value, list[ir.Value]], list[ir.Value]]
"""`(way, op, input, states)` -> the states after the step."""


def activate(op: Op, function: Activation, x: ir.Value) -> ir.Value:
    """One of ONNX's activation functions."""
    name, alpha, beta = function
    kind = (x.dtype or ir.DataType.FLOAT).numpy().type
    if name == "Affine":
        return op.Add(op.Mul(x, kind(alpha)), kind(beta))
    if name == "ScaledTanh":
        return op.Mul(op.Tanh(op.Mul(x, kind(beta))), kind(alpha))
    if name == "HardSigmoid":
        return op.HardSigmoid(x, alpha=alpha, beta=beta)
    takes = name in {"LeakyRelu", "ThresholdedRelu", "Elu"}
    return op[name](x, **({"alpha": alpha} if takes else {}))


def gate(way: Way, op: Op, place: int, x: ir.Value) -> ir.Value:
    """An activation of a gate."""
    clip = way.layer.clip
    if clip is not None:
        kind = (x.dtype or ir.DataType.FLOAT).numpy()
        x = op.Clip(x, kind.type(-clip), kind.type(clip))
    return activate(op, way.functions[place], x)


def _lstm(way: Way, op: Op, now: ir.Value, states: list[ir.Value]) -> list[ir.Value]:
    h, c = states
    gates = op.Add(now, op.Gemm(h, way.recurrence, transB=1))
    i, o, f, g = op.outputs(4).Split(gates, axis=1, num_outputs=4)
    size, peepholes = way.size, way.has("p")

    def seen(x: ir.Value, place: int, cell: ir.Value) -> ir.Value:
        if not peepholes:
            return x
        rows = slice(place * size, (place + 1) * size)
        return op.Add(x, op.Mul(cell, way.weight("p", lambda p: p[rows])))

    i = gate(way, op, 0, seen(i, 0, c))
    one = np.ones((), (h.dtype or ir.DataType.FLOAT).numpy())
    f = op.Sub(one, i) if way.layer.coupled else gate(way, op, 0, seen(f, 2, c))
    c = op.Add(op.Mul(f, c), op.Mul(i, gate(way, op, 1, g)))
    o = gate(way, op, 0, seen(o, 1, c))
    h = op.Mul(o, activate(op, way.functions[2], c))
    if way.has("projection"):
        h = op.Gemm(h, way.weight("projection", lambda p: p), transB=1)
    return [h, c]


def _gru(way: Way, op: Op, now: ir.Value, states: list[ir.Value]) -> list[ir.Value]:
    h, size = states[0], way.size
    if way.layer.reset_after:
        bias = [way.bias] if way.bias is not None else []
        both = op.Gemm(h, way.recurrence, *bias, transB=1)
        zh, rh, nh = op.outputs(3).Split(both, axis=1, num_outputs=3)
        zx, rx, nx = op.outputs(3).Split(now, axis=1, num_outputs=3)
        z, reset = gate(way, op, 0, op.Add(zx, zh)), gate(way, op, 0, op.Add(rx, rh))
        new = op.Add(nx, op.Mul(reset, nh))
    else:
        gates = way.weight("r", lambda r: r[: 2 * size])
        zr, nx = op.outputs(2).Split(now, [2 * size, size], axis=1)
        both = gate(way, op, 0, op.Add(zr, op.Gemm(h, gates, transB=1)))
        z, reset = op.outputs(2).Split(both, axis=1, num_outputs=2)
        candidate = way.weight("r", lambda r: r[2 * size :])
        new = op.Add(nx, op.Gemm(op.Mul(reset, h), candidate, transB=1))
    one = np.ones((), (h.dtype or ir.DataType.FLOAT).numpy())
    return [op.Add(op.Mul(op.Sub(one, z), gate(way, op, 1, new)), op.Mul(z, h))]


def _rnn(way: Way, op: Op, now: ir.Value, states: list[ir.Value]) -> list[ir.Value]:
    return [gate(way, op, 0, op.Add(now, op.Gemm(states[0], way.recurrence, transB=1)))]


STEPS: dict[str, Step] = {"LSTM": _lstm, "GRU": _gru, "RNN": _rnn}
