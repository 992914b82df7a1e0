"""The fused recurrent operator (src/operator/rnn-inl.h, rnn_impl.h).

    data [T, N, C]    state [layers * ways, N, H], and of an LSTM the cell's

One vector holds all parameters: of each layer and direction the weights of the input, of the state and of
an LSTM's projection, and after all weights of each the two biases. Gates are in the order i f c o (LSTM) and
r z n (GRU, reset applied after the state's product); ONNX has i o f c and z r h.

Lengths of sequences and a clip of the state work on GPUs only: on the CPU MXNet 1.9.1 passes them over, or
stops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.sizes import reshape
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir.builder import Op, dimensions, known
from mmdnn.ir.recurrent.projection import projected_lstm

GATES = {"lstm": [0, 3, 1, 2], "gru": [1, 0, 2], "rnn_tanh": [0], "rnn_relu": [0]}
"""ONNX's gates as places among MXNet's."""


@dataclass(frozen=True)
class _Layout:
    """Where the parameters lie in the vector."""

    mode: str
    features: int
    size: int
    layers: int
    ways: int
    projection: int | None = None

    @property
    def seen(self) -> int:
        """How many numbers of the state the next step reads."""
        return self.projection or self.size

    @property
    def gates(self) -> int:
        return len(GATES[self.mode])

    def width(self, layer: int) -> int:
        """How many numbers a layer reads at each step."""
        return self.features if layer == 0 else self.seen * self.ways

    def weights(self, layer: int) -> int:
        """Numbers in the weights of one direction of a layer."""
        projected = self.size * (self.projection or 0)
        return self.gates * self.size * (self.width(layer) + self.seen) + projected

    def offset(self, layer: int) -> int:
        return sum(self.ways * self.weights(i) for i in range(layer))

    @property
    def total(self) -> int:
        return self.offset(self.layers) + self.layers * self.ways * 2 * self.gates * self.size

    def ordered(self, rows: np.ndarray) -> np.ndarray:
        """Blocks of rows in ONNX's order of gates."""
        blocks = rows.reshape(self.gates, self.size, *rows.shape[1:])
        return blocks[GATES[self.mode]].reshape(rows.shape)

    def matrices(self, vector: np.ndarray, layer: int, *, state: bool) -> np.ndarray:
        """Weights of the input, or of the state: [ways, gates * H, ...]."""
        rows, width = self.gates * self.size, self.width(layer)
        found = []
        for way in range(self.ways):
            start = self.offset(layer) + way * self.weights(layer) + (rows * width if state else 0)
            columns = self.seen if state else width
            part = vector[start : start + rows * columns].reshape(rows, columns)
            found.append(self.ordered(part))
        return np.stack(found)

    def projections(self, vector: np.ndarray, layer: int) -> np.ndarray:
        """[ways, P, H]."""
        ends = [self.offset(layer) + (way + 1) * self.weights(layer) for way in range(self.ways)]
        count = self.seen * self.size
        return np.stack([vector[end - count : end].reshape(self.seen, self.size) for end in ends])

    def biases(self, vector: np.ndarray, layer: int) -> np.ndarray:
        """[ways, 2 * gates * H]."""
        rows = self.gates * self.size
        start = self.offset(self.layers) + layer * self.ways * 2 * rows
        part = vector[start : start + self.ways * 2 * rows].reshape(self.ways, 2, rows)
        return np.stack([np.concatenate([self.ordered(each) for each in pair]) for pair in part])


@importer("RNN", doc=f"{NN}.RNN")
def rnn(
    node: ImportedNode, op: Op, x: ir.Value, vector: ir.Value, *states: ir.Value
) -> list[ir.Value]:
    p = node.p
    dropped = p.p
    for name in ("lstm_state_clip_min", "lstm_state_clip_max"):
        if getattr(p, name) is not None:
            node.refuse(f"{name}: MXNet has it on GPUs only")
    _ = p.lstm_state_clip_nan
    if p.use_sequence_length:
        node.refuse("lengths of sequences: MXNet has them on GPUs only")
    ways = 2 if p.bidirectional else 1
    layout = _Layout(p.mode, known(x, 2), p.state_size, p.num_layers, ways, p.projection_size)
    if layout.projection is not None and layout.mode != "lstm":
        node.refuse("a projection, which only an LSTM has")
    if vector.const_value is None:
        node.refuse("its parameters are computed in the model")
    if known(vector, 0) != layout.total:
        node.unfit(f"it takes {layout.total} parameters, and there are {known(vector, 0)}")
    for state, size in zip(states, (layout.seen, layout.size), strict=False):
        _check_state(node, state, layout, size)
    finals: list[list[ir.Value]] = []
    for layer in range(layout.layers):
        x = op.Dropout(x, array(dropped, x)) if layer and dropped else x
        x, *last = _layer(node, op, layout, layer, x, vector, states)
        finals.append(last)
    if not p.state_outputs:
        return [x]
    ends = list(zip(*finals, strict=True))
    joined = [op.Concat(*each, axis=0) if len(each) > 1 else each[0] for each in ends]
    return [x, *joined]


def _check_state(node: ImportedNode, state: ir.Value, layout: _Layout, size: int) -> None:
    dims, wanted = dimensions(state), (layout.layers * layout.ways, None, size)
    pairs = zip(dims, wanted, strict=False)
    if len(dims) != 3 or any(isinstance(d, int) and w not in {None, d} for d, w in pairs):
        node.unfit(f"a state of shape {list(dims)} is not {wanted[0]} x batch x {wanted[2]}")


def _layer(
    node: ImportedNode,
    op: Op,
    layout: _Layout,
    layer: int,
    x: ir.Value,
    vector: ir.Value,
    states: tuple[ir.Value, ...],
) -> list[ir.Value]:
    """One layer: its outputs [T, N, ways * H] and its last states [ways, N, H]."""
    rows, ways = layout.gates * layout.size, layout.ways

    def weight(name: str, function: Any, *shape: int) -> ir.Value:
        made = node.graph.changed(vector, f"l{layer}_{name}", function, shape)
        assert made is not None
        return made

    inputs = [
        x,
        weight(
            "W", lambda v: layout.matrices(v, layer, state=False), ways, rows, layout.width(layer)
        ),
        weight("R", lambda v: layout.matrices(v, layer, state=True), ways, rows, layout.seen),
        weight("B", lambda v: layout.biases(v, layer), ways, 2 * rows),
        None,
    ]
    count = 2 if layout.mode == "lstm" else 1
    if len(states) != count:
        node.unfit(f"it has {len(states)} states and takes {count}")
    first = [_part(op, state, layer, layout) for state in states]
    if layout.projection is not None:
        shape = ways, layout.seen, layout.size
        projection = weight("P", lambda v: layout.projections(v, layer), *shape)
        made = _projected(op, layout, [*inputs[:4], projection, *first])
    else:
        made = _run(op, layout, inputs + first)
    y, *last = made
    y = op.Transpose(y, perm=[0, 2, 1, 3])
    return [reshape(op, y, [(0,), (1,), (2, 3)]), *last]


def _part(op: Op, state: ir.Value, layer: int, layout: _Layout) -> ir.Value:
    if layout.layers == 1:
        return state
    start = layer * layout.ways
    return op.Slice(state, [start], [start + layout.ways], [0])


def _run(op: Op, layout: _Layout, inputs: list[Any]) -> tuple[ir.Value, ...]:
    common = {
        "hidden_size": layout.size,
        "direction": "bidirectional" if layout.ways == 2 else "forward",
    }
    if layout.mode == "lstm":
        return op.outputs(3).LSTM(*inputs, **common)
    if layout.mode == "gru":
        return op.outputs(2).GRU(*inputs, **common, linear_before_reset=1)
    name = {"rnn_tanh": "Tanh", "rnn_relu": "Relu"}[layout.mode]
    return op.outputs(2).RNN(*inputs, **common, activations=[name] * layout.ways)


def _projected(op: Op, layout: _Layout, inputs: list[Any]) -> tuple[ir.Value, ...]:
    x, w, r, b, projection, h, c = inputs
    direction = "bidirectional" if layout.ways == 2 else "forward"
    return projected_lstm(op.builder, x, (w, r, b, projection), (h, c), direction)
