"""LSTM, GRU and RNN: Keras's layers, one for each direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, Inputs, exporter, image
from mmdnn.frameworks.keras.exporter.writer import Writer
from mmdnn.frameworks.keras.graph import Call
from mmdnn.ir.recurrent.nodes import KINDS
from mmdnn.ir.recurrent.packing import ONNX, reordered
from mmdnn.tensors import references

LAYERS = {"LSTM": "LSTM", "GRU": "GRU", "RNN": "SimpleRNN"}
GATES = {"LSTM": "ifco", "GRU": "zrh", "RNN": "h"}
"""The order of Keras's gates, in the letters of `packing`."""

FUNCTIONS = {
    "HardSigmoid": "hard_sigmoid",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Relu": "relu",
    "Softsign": "softsign",
    "Softplus": "softplus",
}
LINE = 6.0
"""Keras's hard_sigmoid is x / 6 + 0.5, cut; another line is made of it by other weights of the gates."""


@dataclass(frozen=True)
class Way:
    """A direction of a node.

    Attributes:
        kind: LSTM, GRU or RNN.
        place: Its number.
        after: GRU: whether the reset gate multiplies the state's product.
        functions: What the layer calls its activations.
        lines: For each gate in Keras's order, by what its weights are multiplied, and what its bias gets.
    """

    kind: str
    place: int
    after: bool
    functions: Mapping[str, str]
    lines: tuple[tuple[float, float], ...]


@exporter(*image("LSTM", "GRU", "RNN"), doc="LSTM", unused="layout")
def recurrent(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    w: Array,
    r: Array,
    b: Inputs = None,
    lengths: Inputs = None,
    *states: Inputs,
    **said: Any,
) -> list[Array | None]:
    if said.get("clip") is not None or said.get("input_forget") or states[2:3] not in ((), (None,)):
        node.refuse("Keras's layers have no clip, no coupled gates and no peepholes")
    if not node.node.domain:
        node.refuse("the rank of its input is not known")
    _check_lengths(node, x, lengths)
    backwards = {"forward": [False], "reverse": [True]}.get(said["direction"], [False, True])
    given = [state for state in states[:2] if state is not None]
    steps: list[Array] = []
    finals: list[list[Array]] = []
    for place, reverse in enumerate(backwards):
        way = _way(node, place, said)
        y, *last = _layer(node, keras, x, way, (w, r, b), {"go_backwards": reverse or None}, given)
        steps.append(keras.ops.Flip(y, axis=1) if reverse else y)
        finals.append(last)
    ends = [_joined(keras, each, 0) for each in zip(*finals, strict=True)]
    return [_joined(keras, steps, 2), *ends]


def _joined(keras: Writer, ways: Sequence[Array], axis: int) -> Array:
    if len(ways) > 1:
        return keras.ops.Stack(list(ways), axis=axis)
    return keras.ops.ExpandDims(ways[0], axis=axis)


def _layer(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    way: Way,
    given: tuple[Array, Array, Inputs],
    config: dict[str, Any],
    states: list[Array],
) -> list[Array]:
    weights = _weights(node, way, given)
    size = node.tensor(given[1], "weights").shape.numpy()[2]
    config |= {"units": size, "return_sequences": True, "return_state": True}
    config |= {"use_bias": "bias" in weights, **way.functions}
    if way.kind == "GRU":
        config["reset_after"] = way.after
    first = keras.layer(LAYERS[way.kind], x, weights=weights, **config)
    _begin(keras, first, [_of_way(keras, state, way.place) for state in states])
    return keras.outputs(first, 3 if way.kind == "LSTM" else 2)


def _way(node: ExportedNode, place: int, said: Mapping[str, Any]) -> Way:
    """What the attributes say of a direction."""
    kind = node.operator
    count = len(KINDS[kind])
    names = (said.get("activations") or [*KINDS[kind]] * 2)[place * count :][:count]
    functions = _functions(node, kind, names)
    alphas, betas = (list(said.get(f"activation_{key}") or ()) for key in ("alpha", "beta"))
    line = (1.0, 0.0)
    if names[0] == "HardSigmoid":
        alpha, beta = (each[0] if each else usual for each, usual in ((alphas, 0.2), (betas, 0.5)))
        if len({*alphas}) > 1 or len({*betas}) > 1:
            node.refuse("activations with several parameters")
        line = (LINE * alpha, LINE * (beta - 0.5))
    plain = "c" if kind == "LSTM" else "h" if kind == "GRU" else ""
    lines = tuple((1.0, 0.0) if gate == plain else line for gate in GATES[kind])
    return Way(kind, place, bool(said.get("linear_before_reset")), functions, lines)


def _check_lengths(node: ExportedNode, x: Array, lengths: Inputs) -> None:
    if lengths is None:
        return
    known, steps = lengths.numbers(), (x.shape or (None, None))[1]
    if known is None or not isinstance(steps, int) or bool(np.any(known != steps)):
        node.refuse("sequences of lengths of their own")


def _functions(node: ExportedNode, kind: str, names: Sequence[str]) -> dict[str, str]:
    unknown = [n for n in names if n not in FUNCTIONS or (n == "HardSigmoid" and n != names[0])]
    if unknown or "HardSigmoid" in names[1:]:
        node.refuse(
            f"Keras's layers do not have the activation {(unknown or names)[0]} as it is here"
        )
    said = [FUNCTIONS[name] for name in names]
    if kind == "LSTM" and said[1] != said[2]:
        node.refuse("other activations of the cell and of its output")
    if kind == "RNN":
        return {"activation": said[0]}
    return {"activation": said[1], "recurrent_activation": said[0]}


def _begin(keras: Writer, layer: Array, states: list[Array]) -> None:
    assert layer.tensor is not None
    if states:
        call = layer.tensor.layer.calls[0]
        given = [keras.tensor(state).tensor for state in states]
        layer.tensor.layer.calls[0] = Call(call.args, {"initial_state": given})


def _of_way(keras: Writer, state: Array, place: int) -> Array:
    return keras.ops.GetItem(keras.tensor(state), (place,))


def _weights(
    node: ExportedNode, way: Way, given: tuple[Array, Array, Inputs]
) -> dict[str, ir.TensorProtocol]:
    orders, place = (ONNX[way.kind], GATES[way.kind]), way.place
    w, r = (node.tensor(each, "weights") for each in given[:2])

    def lined(rows: np.ndarray, part: int) -> np.ndarray:
        """Rows of gates, as their lines say."""
        factors = np.repeat([line[part] for line in way.lines], len(rows) // len(way.lines))
        shaped = factors.astype(rows.dtype).reshape(-1, *[1] * (rows.ndim - 1))
        return np.asarray(rows + shaped if part else rows * shaped)

    def matrix(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(lined(reordered(array[place], *orders), 0).T)

    def bias(array: np.ndarray) -> np.ndarray:
        first, second = (lined(reordered(half, *orders), 0) for half in np.split(array[place], 2))
        first = lined(first, 1)
        return np.stack([first, second]) if way.after else first + second

    found: dict[str, ir.TensorProtocol] = {
        key: references.lazy(tensor, matrix, shape=tensor.shape.numpy()[:0:-1])
        for key, tensor in (("kernel", w), ("recurrent_kernel", r))
    }
    rows, ways = w.shape.numpy()[1], w.shape.numpy()[0]
    if given[2] is None and not any(line[1] for line in way.lines):
        return found
    zeros = ir.tensor(np.zeros((ways, 2 * rows), w.dtype.numpy()))
    tensor = zeros if given[2] is None else node.tensor(given[2], "bias")
    shape = (2, rows) if way.after else (rows,)
    return {**found, "bias": references.lazy(tensor, bias, shape=shape)}
