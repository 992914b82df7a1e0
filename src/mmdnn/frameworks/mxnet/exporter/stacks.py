"""MXNet's fused `RNN`: layers on top of each other, whose parameters are one vector (src/operator/rnn-inl.h).

The vector has, of each layer and direction, the weights of the input, of the state and of an LSTM's
projection, then of each the two biases. Gates are in the order i f c o (LSTM) and r z n (GRU); ONNX has
i o f c and z r h.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array
from mmdnn.frameworks.mxnet.exporter.writer import Writer
from mmdnn.tensors import references

GATES = {"lstm": (0, 2, 3, 1), "gru": (1, 0, 2), "rnn_tanh": (0,), "rnn_relu": (0,)}
"""MXNet's gates as places among ONNX's."""


@dataclass(frozen=True)
class Weights:
    """Those of one layer, in ONNX's form; the projection [ways, P, H] where there is one."""

    w: ir.TensorProtocol
    r: ir.TensorProtocol
    b: ir.TensorProtocol | None
    projection: ir.TensorProtocol | None = None


@dataclass
class Stack:
    """Recurrent layers, each on top of the one before.

    Attributes:
        mode: MXNet's word for the kind.
        size: The length of the hidden state.
        ways: Which directions of the weights it has.
        layer: The layer of the source.
        x: What the lowest reads.
        source: Weights of its input.
        dropout: The share that is dropped between layers in training.
        layers: Of each, its weights.
        states: Of each, its first states; None where they are zeros.
        ends: Of each, the IR's values of its last states.
    """

    mode: str
    size: int
    ways: tuple[int, ...]
    layer: str
    x: Array
    source: Array
    dropout: float = 0.0
    layers: list[Weights] = field(default_factory=list)
    states: list[list[Array | None]] = field(default_factory=list)
    ends: list[list[ir.Value]] = field(default_factory=list)

    @property
    def projection(self) -> int | None:
        """To how many numbers the state is projected."""
        found = self.layers[0].projection
        return None if found is None else int(found.shape.numpy()[1])

    @property
    def seen(self) -> int:
        """How many numbers of the state the next step reads."""
        return self.projection or self.size

    @property
    def gates(self) -> int:
        """How many gates a cell has."""
        return len(GATES[self.mode])

    @property
    def count(self) -> int:
        """How many states a cell has."""
        return 2 if self.mode == "lstm" else 1

    def above(self, below: Stack, dropout: float) -> Stack:
        """This on top of another one."""
        return Stack(
            self.mode,
            self.size,
            self.ways,
            self.layer,
            below.x,
            below.source,
            dropout,
            [*below.layers, *self.layers],
            [*below.states, *self.states],
            [*below.ends, *self.ends],
        )

    def vector(self) -> ir.TensorProtocol:
        """All parameters as one tensor, read when it is written."""
        rows = self.gates * self.size
        columns = sum(each.w.shape.numpy()[2] + self.seen + 2 for each in self.layers)
        projected = len(self.layers) * self.size * (self.projection or 0)
        kind = self.layers[0].w.dtype
        return ir.LazyTensor(
            lambda: ir.tensor(self._numbers(), dtype=kind),
            kind,
            ir.Shape([len(self.ways) * (rows * columns + projected)]),
        )

    def _numbers(self) -> np.ndarray:
        parts, kind = [], self.layers[0].w.dtype.numpy()
        for each in self.layers:
            inputs, states = references.read(each.w), references.read(each.r)
            for way in self.ways:
                parts += [self._ordered(inputs[way]), self._ordered(states[way])]
                if each.projection is not None:
                    parts.append(references.read(each.projection)[way])
        for each in self.layers:
            shape = each.w.shape.numpy()
            both = np.zeros((shape[0], 2 * shape[1])) if each.b is None else references.read(each.b)
            for way in self.ways:
                parts += [self._ordered(half) for half in np.split(both[way], 2)]
        return np.concatenate([part.reshape(-1) for part in parts]).astype(kind, copy=False)

    def _ordered(self, rows: np.ndarray) -> np.ndarray:
        blocks = rows.reshape(self.gates, self.size, *rows.shape[1:])
        return blocks[list(GATES[self.mode])]

    def write(self, mx: Writer, *, ends: bool) -> Array:
        """The node; with `ends` it gives its last states too.

        With a projection it always does: without, MXNet 1.9.1 ends its process on the CPU.
        """
        sizes = (self.seen, self.size)[: self.count]
        first = [
            _states(mx, self, [each[i] for each in self.states], size)
            for i, size in enumerate(sizes)
        ]
        return mx.RNN(
            self.x,
            self._parameters(mx),
            *first,
            state_size=self.size,
            num_layers=len(self.layers),
            mode=self.mode,
            bidirectional=True if len(self.ways) == 2 else None,
            projection_size=self.projection,
            p=self.dropout or None,
            state_outputs=True if ends or self.projection else None,
        )

    def _parameters(self, mx: Writer) -> Array:
        name = mx.scope.original(self.source, r"_l\d+_W") or f"{self.layer}_parameters"
        return mx.weight(mx.scope.parameter(name, self.vector()), "parameters", named=True)


def _states(mx: Writer, stack: Stack, given: list[Array | None], size: int) -> Array:
    """The first states of all layers: one array if they were cut from one."""
    ways, kind = len(stack.ways), stack.layers[0].w.dtype
    dtype = NAMES[kind] if kind != ir.DataType.FLOAT else None
    if all(each is None for each in given):
        zeros: Array = mx.make("_zeros", shape=(ways * len(given), 0, size), dtype=dtype)
        return zeros
    each: list[Any] = [
        mx.make("_zeros", shape=(ways, 0, size), dtype=dtype) if one is None else one
        for one in given
    ]
    if len(each) == 1:
        return each[0]
    cut = [one.entry.node for one in each]
    whole = {
        node.inputs[0] for node in cut if node.op == "slice_axis" and node.attrs["axis"] == "0"
    }
    starts = [int(node.attrs.get("begin", -1)) for node in cut if node.op == "slice_axis"]
    if len(whole) == 1 and starts == [ways * i for i in range(len(given))]:
        return Array(whole.pop(), dtype=each[0].dtype)
    joined: Array = mx.Concat(*each, num_args=len(each), dim=0)
    return joined
