"""Recurrent layers: MXNet's fused `RNN`, whose parameters are one vector (src/operator/rnn-inl.h).

The vector has, of each layer and direction, the weights of the input and of the state, then of each the
two biases. Gates are in the order i f c o (LSTM) and r z n (GRU); ONNX has i o f c and z r h.
MXNet's output is [T, N, directions * H], ONNX's [T, directions, N, H].
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.table import Array, Exporting, Writing, exporter
from mmdnn.tensors import references

GATES = {"lstm": (0, 2, 3, 1), "gru": (1, 0, 2), "rnn_tanh": (0,), "rnn_relu": (0,)}
"""MXNet's gates as places among ONNX's."""

ACTIVATIONS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}


@dataclass
class Stack:
    """Recurrent layers, each on top of the one before.

    Attributes:
        mode: MXNet's word for the kind.
        x: What the lowest reads.
        source: Weights of its input.
        layers: Of each, its weights of input and state, and biases where it has them.
        states: Of each layer, its first states; None where they are zeros.
    """

    mode: str
    size: int
    ways: int
    layer: str
    x: Array
    source: Array
    layers: list[tuple[ir.TensorProtocol, ir.TensorProtocol, ir.TensorProtocol | None]] = field(
        default_factory=list
    )
    states: list[list[Array | None]] = field(default_factory=list)

    @property
    def gates(self) -> int:
        """How many gates a cell has."""
        return len(GATES[self.mode])

    def vector(self) -> ir.TensorProtocol:
        """All parameters as one tensor, read when it is written."""
        rows = self.ways * self.gates * self.size
        total = sum(w.size + r.size + 2 * rows for w, r, _ in self.layers)
        kind = self.layers[0][0].dtype
        return ir.LazyTensor(
            lambda: ir.tensor(self._numbers(rows), dtype=kind), kind, ir.Shape([total])
        )

    def _numbers(self, rows: int) -> np.ndarray:
        parts = []
        for w, r, _ in self.layers:
            inputs, states = references.read(w), references.read(r)
            for way in range(self.ways):
                parts += [self._ordered(inputs[way]), self._ordered(states[way])]
        for _, _, b in self.layers:
            both = (
                references.read(b)
                if b is not None
                else np.zeros((self.ways, 2 * rows // self.ways))
            )
            for way in range(self.ways):
                parts += [self._ordered(half) for half in np.split(both[way], 2)]
        kind = self.layers[0][0].dtype.numpy()
        return np.concatenate([part.reshape(-1) for part in parts]).astype(kind, copy=False)

    def _ordered(self, rows: np.ndarray) -> np.ndarray:
        blocks = rows.reshape(self.gates, self.size, *rows.shape[1:])
        return blocks[list(GATES[self.mode])]


@exporter("LSTM", "GRU", "RNN", doc="LSTM")
def recurrent(
    node: Exporting,
    mx: Writing,
    x: Array,
    w: Array,
    r: Array,
    b: Array | None = None,
    lengths: Array | None = None,
    h: Array | None = None,
    c: Array | None = None,
    peepholes: Array | None = None,
) -> list[Array]:
    """One node for a stack of them, if nothing else reads what is between."""
    mode, direction = _mode(node), node.attribute("direction", "forward")
    for given, what in ((lengths, "lengths of sequences"), (peepholes, "peepholes")):
        if given is not None:
            node.refuse(f"{what}, which MXNet has not on the CPU")
    if w.constant is None or r.constant is None or (b is not None and b.constant is None):
        node.refuse("weights that are computed while the model runs")
    size = node.attribute("hidden_size", (r.shape or (0,))[-1])
    ways = 2 if direction == "bidirectional" else 1
    backwards = direction == "reverse"
    states = any(node.wants(i) for i in (1, 2))
    stack = Stack(mode, size, ways, node.layer, mx.reverse(x, axis=(0,)) if backwards else x, w)
    below = mx.scope.stacks.get(x.entry.node)
    if below is not None and _fits(below, stack, x) and not (states or backwards):
        stack.x, stack.layers, stack.states = below.x, [*below.layers], [*below.states]
    stack.layers.append((w.constant, r.constant, b.constant if b is not None else None))
    stack.states.append([h, c][: 2 if mode == "lstm" else 1])
    made = _write(mx, stack, states)
    y = mx.reverse(made, axis=(0,)) if backwards else made
    if not (states or backwards):
        mx.scope.stacks[made.entry.node] = stack
    split = mx.Reshape(y, shape=(0, 0, -4, ways, -1))
    mx.scope.joined[split.entry] = y
    mx.scope.turned[node.output] = split
    return [mx.transpose(split, axes=(0, 2, 1, 3)), *mx.outputs(made, 3)[1:]]


def _fits(below: Stack, stack: Stack, x: Array) -> bool:
    same = (below.mode, below.size, below.ways, below.layer)
    alone = x.value is not None and len(x.value.uses()) == 1 and not x.value.is_graph_output()
    return alone and same == (stack.mode, stack.size, stack.ways, stack.layer)


def _mode(node: Exporting) -> str:
    """MXNet's kind; what it has not is refused."""
    ways = 2 if node.attribute("direction", "forward") == "bidirectional" else 1
    given = node.attribute("activations")
    for name in ("activation_alpha", "activation_beta", "clip"):
        if node.attribute(name):
            node.refuse(f"its {name}")
    if node.attribute("layout", 0) or node.attribute("input_forget", 0):
        node.refuse("its layout, or coupled gates")
    if node.type == "RNN":
        kinds = set(given or ["Tanh"])
        if kinds not in ({"Tanh"}, {"Relu"}):
            node.refuse(f"the activation {', '.join(sorted(kinds))}")
        return f"rnn_{kinds.pop().lower()}"
    if given is not None and given != ACTIVATIONS[node.type] * ways:
        node.refuse(f"the activations {', '.join(given)}")
    if node.type == "GRU" and not node.attribute("linear_before_reset", 0):
        node.refuse("a reset applied before the product (linear_before_reset = 0)")
    return node.type.lower()


def _write(mx: Writing, stack: Stack, states: bool) -> Array:
    count = 2 if stack.mode == "lstm" else 1
    first = [_states(mx, stack, [each[i] for each in stack.states]) for i in range(count)]
    return mx.RNN(
        stack.x,
        _parameters(mx, stack),
        *first,
        state_size=stack.size,
        num_layers=len(stack.layers),
        mode=stack.mode,
        bidirectional=True if stack.ways == 2 else None,
        state_outputs=True if states else None,
    )


def _parameters(mx: Writing, stack: Stack) -> Array:
    name = mx.scope.original(stack.source, r"_l\d+_W") or f"{stack.layer}_parameters"
    return mx.weight(mx.scope.parameter(name, stack.vector()), "parameters", named=True)


def _states(mx: Writing, stack: Stack, given: list[Array | None]) -> Array:
    """The first states of all layers: one array if they were cut from one."""
    if all(each is None for each in given):
        zeros: Array = mx.make("_zeros", shape=(stack.ways * len(given), 0, stack.size))
        return zeros
    each: list[Any] = [
        mx.make("_zeros", shape=(stack.ways, 0, stack.size)) if one is None else one
        for one in given
    ]
    if len(each) == 1:
        return each[0]
    cut = [one.entry.node for one in each]
    whole = {
        node.inputs[0] for node in cut if node.op == "slice_axis" and node.attrs["axis"] == "0"
    }
    starts = [int(node.attrs.get("begin", -1)) for node in cut if node.op == "slice_axis"]
    if len(whole) == 1 and starts == [stack.ways * i for i in range(len(given))]:
        return Array(whole.pop(), dtype=each[0].dtype)
    joined: Array = mx.Concat(*each, num_args=len(each), dim=0)
    return joined
