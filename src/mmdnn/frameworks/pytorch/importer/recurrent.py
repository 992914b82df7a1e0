"""Recurrent layers and cells: an LSTM's gates are i f g o, a GRU's r z n with the reset after the product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import dtypes
from mmdnn.frameworks.pytorch.importer.dtypes import like
from mmdnn.frameworks.pytorch.importer.matmul import linear
from mmdnn.frameworks.pytorch.importer.sequence import Packed
from mmdnn.frameworks.pytorch.importer.table import NN, ImportedCall, Number, Value, importer
from mmdnn.ir.builder import Op, dimensions, known, rank
from mmdnn.ir.recurrent.packing import CUDNN, ONNX, reordered
from mmdnn.ir.recurrent.projection import projected_lstm
from mmdnn.ir.values import is_zero
from mmdnn.tensors import references


class Layers:
    """A stack of recurrent layers.

    Attributes:
        node: The call.
        kind: LSTM, GRU or RNN.
        ways: Its directions.
        biases: Whether it has any.
    """

    def __init__(self, node: ImportedCall, kind: str, ways: int, biases: bool) -> None:
        self.node = node
        self.kind = kind
        self.ways = ways
        self.biases = biases

    def groups(self, params: Sequence[Value], projected: bool) -> list[list[Sequence[Value]]]:
        """The weights of each layer, by direction."""
        length = 2 + 2 * self.biases + projected
        each = [params[i : i + length] for i in range(0, len(params), length)]
        return [each[i : i + self.ways] for i in range(0, len(each), self.ways)]

    def stacked(self, parts: Sequence[Sequence[Value]], how: str) -> Value:
        """Weights of the directions as ONNX has them: [D, ...]; by reference where they are in the file.

        Args:
            parts: Of each direction, the tensors that stand one after the other.
            how: "gates" where their rows are gates.
        """
        turn = self.kind if how == "gates" else ""
        tensors = [[value.const_value for value in part] for part in parts]
        flat = [value for part in parts for value in part]
        if any(tensor is None for part in tensors for tensor in part):
            return self._computed(parts, turn)
        rows = sum(known(value, 0) for value in parts[0])
        shape = (len(parts), rows, *dimensions(flat[0])[1:])

        def compute() -> ir.TensorProtocol:
            arrays = [
                np.concatenate([_turned(references.read(t), turn) for t in part if t is not None])
                for part in tensors
            ]
            return ir.Tensor(np.stack(arrays))

        def make() -> Value:
            lazy = ir.LazyTensor(
                compute, flat[0].dtype or ir.DataType.FLOAT, ir.Shape(shape), name=None
            )
            name = f"{flat[0].name}_stacked"
            return self.node.graph.root.initializer(name, lazy, like=flat[0])

        found: Value = self.node.graph.once(("stacked", tuple(flat), turn), make)
        return found

    def _computed(self, parts: Sequence[Sequence[Value]], turn: str) -> Value:
        op = self.node.builder.op
        rows = []
        for part in parts:
            blocks: list[Value] = []
            for value in part:
                gates = len(ONNX[turn]) if turn else 1
                pieces = (
                    op.outputs(gates).Split(value, axis=0, num_outputs=gates)
                    if gates > 1
                    else [value]
                )
                order = [CUDNN[turn].index(gate) for gate in ONNX[turn]] if turn else [0]
                blocks += [pieces[place] for place in order]
            rows.append(
                op.Unsqueeze(op.Concat(*blocks, axis=0) if len(blocks) > 1 else blocks[0], [0])
            )
        return op.Concat(*rows, axis=0) if len(rows) > 1 else rows[0]

    def run(
        self, x: Value, weights: Sequence[Sequence[Value]], states: Sequence[Value | None],
        lengths: Value | None, function: str = "",
    ) -> list[Value]:  # fmt: skip
        """One layer: its outputs [T, N, D * H], and the last states [D, N, H]."""
        op = self.node.builder.op
        w, r = (self.stacked([[way[i]] for way in weights], "gates") for i in (0, 1))
        b = self.stacked([way[2:4] for way in weights], "gates") if self.biases else None
        size = known(weights[0][1], 0) // len(ONNX[self.kind])
        direction = "bidirectional" if self.ways == 2 else "forward"
        if len(weights[0]) == 3 + 2 * self.biases:
            return self._projected(x, weights, [w, r, b], states, lengths, direction)
        count = 3 if self.kind == "LSTM" else 2
        said: dict[str, Any] = {
            "hidden_size": size,
            "direction": direction if self.ways == 2 else None,
        }
        if self.kind == "GRU":
            said["linear_before_reset"] = 1
        if function:
            said["activations"] = [function] * self.ways
        y, *last = op.outputs(count)[self.kind](x, w, r, b, lengths, *states, **said)
        return [self._joined(y, size), *last]

    def _joined(self, y: Value, size: int) -> Value:
        op = self.node.builder.op
        if self.ways == 1:
            return op.Squeeze(y, [1])
        return op.Reshape(
            op.Transpose(y, perm=[0, 2, 1, 3]), np.asarray([0, 0, 2 * size], np.int64)
        )

    def _projected(
        self, x: Value, weights: Sequence[Sequence[Value]], given: list[Value | None],
        states: Sequence[Value | None], lengths: Value | None, direction: str,
    ) -> list[Value]:  # fmt: skip
        op = self.node.builder.op
        w, r, b = given
        if lengths is not None:
            self.node.refuse("its state is projected, and its sequences are packed")
        p = self.stacked([[way[-1]] for way in weights], "")
        assert w is not None
        assert r is not None
        small, size = known(weights[0][-1], 0), known(weights[0][-1], 1)
        if b is None:
            b = op.builder.constant(
                np.zeros((self.ways, 8 * size), (x.dtype or ir.DataType.FLOAT).numpy())
            )
        batch = known(x, 1) if states[0] is None else 0
        begin = [
            state
            if state is not None
            else op.builder.constant(
                np.zeros((self.ways, batch, n), (x.dtype or ir.DataType.FLOAT).numpy())
            )
            for state, n in zip(states, (small, size), strict=True)
        ]
        y, *last = projected_lstm(op.builder, x, [w, r, b, p], begin, direction)
        return [self._joined(y, small), *last]


def _turned(array: np.ndarray, kind: str) -> np.ndarray:
    return reordered(array, CUDNN[kind], ONNX[kind]) if kind else array


def _is_zero(value: Value) -> bool:
    """Whether a state is zeros, which a layer has by itself."""
    node = value.producer()
    while (
        node is not None and node.op_type in {"Identity", "Expand"} and node.inputs[0] is not None
    ):
        value = node.inputs[0]
        node = value.producer()
    return is_zero(value)


def _layer_states(
    op: Op, states: Sequence[Value], layers: int, ways: int
) -> list[list[Value | None]]:
    """Of each layer, its part of the states; None where they are zeros."""
    if all(_is_zero(state) for state in states):
        return [[None] * len(states) for _ in range(layers)]
    if layers == 1:
        return [list(states)]
    parts = [
        op.outputs(layers).Split(state, np.full(layers, ways, np.int64), axis=0) for state in states
    ]
    return [[part[layer] for part in parts] for layer in range(layers)]


_KINDS = {
    "lstm": ("LSTM", ""),
    "gru": ("GRU", ""),
    "rnn_tanh": ("RNN", ""),
    "rnn_relu": ("RNN", "Relu"),
}


@importer("lstm", "gru", "rnn_tanh", "rnn_relu", doc=f"{NN}.LSTM", unused="dropout")
def recurrent(
    node: ImportedCall, op: Op, x: Any, *, batch_sizes: Value, hx: Any, params: list[Value],
    has_biases: bool, num_layers: int, train: bool, bidirectional: bool, batch_first: bool,
) -> list[Any]:  # fmt: skip
    if train and node.arguments["dropout"]:
        node.refuse("it drops at random")
    kind, function = _KINDS[node.type]
    layers = Layers(node, kind, 1 + bool(bidirectional), bool(has_biases))
    states = list(hx) if isinstance(hx, (list, tuple)) else [hx]
    packed = x if isinstance(x, Packed) else None
    if packed is None and batch_sizes is not None:
        node.refuse("its sequences are packed by something else")
    x = x if packed is None else packed.padded
    alone = rank(x) == 2
    if alone:
        x = op.Unsqueeze(x, [1])
        states = [op.Unsqueeze(state, [1]) for state in states]
    elif batch_first:
        x = op.Transpose(x, perm=[1, 0, 2])
    lengths = None if packed is None else op.Cast(packed.lengths, to=dtypes.INT32)
    projected = len(states) == 2 and dimensions(states[0])[-1] != dimensions(states[1])[-1]
    groups = layers.groups(params, projected)
    found: list[list[Value]] = []
    for weights, begin in zip(
        groups, _layer_states(op, states, num_layers, layers.ways), strict=True
    ):
        x, *last = layers.run(x, weights, begin, lengths, function)
        found.append(last)
    ends = [
        op.Concat(*each, axis=0) if len(each) > 1 else each[0] for each in zip(*found, strict=True)
    ]
    if alone:
        return [op.Squeeze(x, [1]), *(op.Squeeze(end, [1]) for end in ends)]
    if packed is not None:
        return [Number(Packed(x, packed.lengths)), *ends]
    return [op.Transpose(x, perm=[1, 0, 2]) if batch_first else x, *ends]


def _gates(
    node: ImportedCall, op: Op, x: Value, h: Value, weights: Sequence[Value | None], count: int
) -> tuple[list[Value], list[Value]]:
    """What input and state give to each gate."""
    w, r, b, c = weights
    assert w is not None
    assert r is not None
    pair = [linear(node, op, x, w, b), linear(node, op, h, r, c)]
    if count == 1:
        return [pair[0]], [pair[1]]
    axis = rank(x) - 1
    split = [list(op.outputs(count).Split(v, axis=axis, num_outputs=count)) for v in pair]
    return split[0], split[1]


@importer("lstm_cell", doc=f"{NN}.LSTMCell")
def lstm_cell(
    node: ImportedCall, op: Op, x: Value, hx: list[Value], *weights: Value
) -> list[Value]:
    h, cell = hx
    i, f, g, o = (op.Add(a, s) for a, s in zip(*_gates(node, op, x, h, weights, 4), strict=True))
    kept = op.Mul(op.Sigmoid(f), cell)
    cell = op.Add(kept, op.Mul(op.Sigmoid(i), op.Tanh(g)))
    return [op.Mul(op.Sigmoid(o), op.Tanh(cell)), cell]


@importer("gru_cell", doc=f"{NN}.GRUCell")
def gru_cell(node: ImportedCall, op: Op, x: Value, h: Value, *weights: Value) -> Value:
    of_x, of_h = _gates(node, op, x, h, weights, 3)
    reset = op.Sigmoid(op.Add(of_x[0], of_h[0]))
    update = op.Sigmoid(op.Add(of_x[1], of_h[1]))
    new = op.Tanh(op.Add(of_x[2], op.Mul(reset, of_h[2])))
    kept = op.Mul(update, h)
    return op.Add(op.Mul(op.Sub(like(x, 1), update), new), kept)


@importer("rnn_tanh_cell", "rnn_relu_cell", doc=f"{NN}.RNNCell")
def rnn_cell(node: ImportedCall, op: Op, x: Value, h: Value, *weights: Value) -> Value:
    of_x, of_h = _gates(node, op, x, h, weights, 1)
    total = op.Add(of_x[0], of_h[0])
    return op.Tanh(total) if node.type == "rnn_tanh_cell" else op.Relu(total)
