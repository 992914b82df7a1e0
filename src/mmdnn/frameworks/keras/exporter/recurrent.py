"""LSTM, GRU and RNN: Keras's layers, one for each direction."""

from __future__ import annotations

from collections.abc import Mapping
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
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Relu": "relu",
    "Softsign": "softsign",
    "Softplus": "softplus",
}


@exporter(
    *image("LSTM", "GRU", "RNN"), doc="LSTM", unused="activation_alpha activation_beta layout"
)
def recurrent(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    w: Array,
    r: Array,
    b: Inputs = None,
    lengths: Inputs = None,
    *rest: Inputs,
    activations: list[str] | None = None,
    clip: float | None = None,
    direction: str,
    hidden_size: int,
    input_forget: int | None = None,
    linear_before_reset: int | None = None,
) -> list[Array | None]:
    kind = node.operator
    if clip is not None or input_forget or (len(rest) > 2 and rest[2] is not None):
        node.refuse("Keras's layers have no clip, no coupled gates and no peepholes")
    if not node.node.domain:
        node.refuse("the rank of its input is not known")
    _check_lengths(node, x, lengths)
    states = [state for state in rest[:2] if state is not None]
    ways = {"forward": [False], "reverse": [True]}.get(direction, [False, True])
    steps: list[Array] = []
    finals: list[list[Array]] = []
    count = len(KINDS[kind])
    names = activations or [*KINDS[kind]] * len(ways)
    for place, backwards in enumerate(ways):
        config = _functions(node, kind, names[place * count : (place + 1) * count])
        config |= {"return_sequences": True, "return_state": True, "units": hidden_size}
        config |= {"go_backwards": True} if backwards else {}
        if kind == "GRU":
            config["reset_after"] = bool(linear_before_reset)
        weights = _weights(node, (kind, bool(linear_before_reset)), place, (w, r, b))
        config["use_bias"] = "bias" in weights
        first = keras.layer(LAYERS[kind], x, weights=weights, **config)
        _begin(keras, first, [_of_way(keras, state, place) for state in states])
        y, *last = keras.outputs(first, 3 if kind == "LSTM" else 2)
        steps.append(keras.ops.Flip(y, axis=1) if backwards else y)
        finals.append(last)
    made = (
        keras.ops.Stack(steps, axis=2) if len(ways) > 1 else keras.ops.ExpandDims(steps[0], axis=2)
    )
    ends = [
        keras.ops.Stack(list(each), axis=0)
        if len(ways) > 1
        else keras.ops.ExpandDims(each[0], axis=0)
        for each in zip(*finals, strict=True)
    ]
    return [made, *ends]


def _check_lengths(node: ExportedNode, x: Array, lengths: Inputs) -> None:
    if lengths is None:
        return
    known, steps = lengths.numbers(), (x.shape or (None, None))[1]
    if known is None or not isinstance(steps, int) or bool(np.any(known != steps)):
        node.refuse("sequences of lengths of their own")


def _functions(node: ExportedNode, kind: str, names: list[str]) -> dict[str, Any]:
    unknown = [name for name in names if name not in FUNCTIONS]
    if unknown:
        node.refuse(f"Keras's layers do not have the activation {unknown[0]} as it is here")
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
    node: ExportedNode, kind: tuple[str, bool], place: int, given: tuple[Array, Array, Inputs]
) -> Mapping[str, ir.TensorProtocol]:
    name, after = kind
    w, r = (node.tensor(each, "weights") for each in given[:2])
    orders = ONNX[name], GATES[name]

    def matrix(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(reordered(array[place], *orders).T)

    def bias(array: np.ndarray) -> np.ndarray:
        both = [reordered(half, *orders) for half in np.split(array[place], 2)]
        return np.stack(both) if after else both[0] + both[1]

    found = {
        key: references.lazy(tensor, matrix, shape=tensor.shape.numpy()[:0:-1])
        for key, tensor in (("kernel", w), ("recurrent_kernel", r))
    }
    if given[2] is not None:
        tensor = node.tensor(given[2], "bias")
        rows = tensor.shape.numpy()[1] // 2
        shape = (2, rows) if after else (rows,)
        found["bias"] = references.lazy(tensor, bias, shape=shape)
    return found
