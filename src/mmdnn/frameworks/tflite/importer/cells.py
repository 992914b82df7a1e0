"""One direction of an LSTM (tensorflow/lite/kernels/lstm_eval.cc); gates are i f c o."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tflite import _schema
from mmdnn.frameworks.tflite.importer.table import (
    ImportedNode,
    Value,
    clipped,
    like,
)
from mmdnn.ir.builder import Op, dimensions, rank
from mmdnn.ir.recurrent.packing import ONNX
from mmdnn.ir.recurrent.projection import projected_lstm
from mmdnn.tensors import references

GATES = "ifco"
_EPSILON = 1e-8
"""What is added to the variance of a gate that is normalised."""
FUNCTIONS = {"NONE": "Affine", "RELU": "Relu", "TANH": "Tanh"}
_BOUNDED = "TANH"

Tensor = ir.TensorProtocol


@dataclass(frozen=True)
class Places:
    """Where the inputs of one direction are."""

    weights: int = 1
    recurrent: int = 5
    peepholes: int = 9
    biases: int = 12
    projection: int = 16
    states: int = 18
    norms: int | None = 20


class Lstm:
    """One direction of an LSTM.

    Args:
        node: The operator.
        places: Where its inputs are.
        backwards: Whether it goes from the last step to the first.
    """

    def __init__(self, node: ImportedNode, places: Places, *, backwards: bool = False) -> None:
        self.node = node
        self.backwards = backwards
        self.w = self._gates(places.weights, GATES)
        self.r = self._gates(places.recurrent, GATES)
        self.p = self._gates(places.peepholes, "ifo")
        self.b = self._gates(places.biases, GATES)
        self.norms = {} if places.norms is None else self._gates(places.norms, GATES)
        self.projection = node.stored(places.projection)
        self.projection_bias = node.stored(places.projection + 1)
        self.h, self.c = (node.real(places.states + i) for i in (0, 1))
        if "i" not in self.w:
            self._couple()
        needed = {*self.w} & {*self.r} & {*self.b}
        if needed != set(GATES) or (self.p and len(self.p) < 3):
            node.unfit("some of its weights are missing")
        self.activation = _schema.named("activations", node.parameter("fused_activation_function"))
        self.clip, self.projection_clip = node.parameter("cell_clip"), node.parameter("proj_clip")
        self.size = self.b["o"].shape.numpy()[0]

    def _gates(self, first: int, letters: str) -> dict[str, Tensor]:
        found = {gate: self.node.stored(first + place) for place, gate in enumerate(letters)}
        return {gate: tensor for gate, tensor in found.items() if tensor is not None}

    def _couple(self) -> None:
        """The input gate is 1 - f: the sigmoid of what f is that of, with the other sign."""
        for group in (self.w, self.r, self.b, self.p):
            if "f" in group:
                group["i"] = references.lazy(group["f"], np.negative)
        if "f" in self.norms:
            self.norms["i"] = self.norms["f"]

    def run(self, op: Op, x: Value) -> Value:
        """The outputs of all steps [T, N, P], for inputs [T, N, C]."""
        if self.norms or self.projection_clip or self._is_clipped(x):
            return self._scan(op, x)
        weights = self._packed()
        if self.projection is not None:
            if self.projection_bias is not None:
                return self._scan(op, x)
            return self._projected(op, x, weights)
        name = FUNCTIONS.get(self.activation)
        if name is None:
            return self._scan(op, x)
        states: list[Value | None] = [*self._states(op)]
        more = [None, *states] if states else []
        if self.p:
            more = [None, *(states or [None, None]), self._joined(self.p, "iof")]
        inputs = [*weights, *more]
        said: dict[str, Any] = {"hidden_size": self.size}
        said["direction"] = "reverse" if self.backwards else None
        if name != "Tanh":
            said["activations"] = ["Sigmoid", name, name]
            said["activation_alpha"] = [1.0, 1.0] if name == "Affine" else None
        y, *_ = op.outputs(3).LSTM(x, *inputs, **said)
        return op.Squeeze(y, [1])

    def _is_clipped(self, x: Value) -> bool:
        """Whether a cell may reach its bound: it moves by less than 1 a step."""
        steps = dimensions(x)[0]
        bounded = self.activation == _BOUNDED and isinstance(steps, int) and steps <= self.clip
        return bool(self.clip) and not (bounded and self.c is None)

    def _states(self, op: Op) -> list[Value]:
        given = [self.h, self.c]
        if all(state is None for state in given):
            return []
        known = [state for state in given if state is not None]
        if len(known) < 2:
            self.node.refuse("one of its states is given, and the other is not")
        return [op.Unsqueeze(state, [0]) for state in known]

    def _joined(self, group: dict[str, Tensor], order: str) -> Value:
        """Weights of gates one after the other, [1, rows, ...]."""
        name = f"{self.node.name}.{order}{'_reverse' if self.backwards else ''}"
        whole = references.joined([group[gate] for gate in order], 0, name)
        shape = (1, *whole.shape.numpy())
        return self.node.graph.root.initializer(name, references.reshaped(whole, shape, name))

    def _packed(self) -> list[Value]:
        order = ONNX["LSTM"]
        biases = references.joined([self.b[gate] for gate in order], 0, "b")
        name, count = f"{self.node.name}.b", 8 * self.size

        def wide(b: np.ndarray) -> np.ndarray:
            return np.concatenate([b, np.zeros_like(b)])[None]

        both = references.lazy(biases, wide, shape=(1, count), name=name)
        bias = self.node.graph.root.initializer(name, both)
        return [self._joined(self.w, order), self._joined(self.r, order), bias]

    def _projected(self, op: Op, x: Value, weights: list[Value]) -> Value:
        if self.p or self.activation != "TANH" or self.projection is None:
            return self._scan(op, x)
        seen = self.projection.shape.numpy()[0]
        turned = references.reshaped(self.projection, (1, seen, self.size), "projection")
        projection = self.node.graph.root.initializer(f"{self.node.name}.projection", turned)
        states = self._states(op) or [self._zeros(op, x, size) for size in (seen, self.size)]
        states = [op.Unsqueeze(s, [0]) if rank(s) == 2 else s for s in states]
        direction = "reverse" if self.backwards else "forward"
        made = projected_lstm(self.node.builder, x, [*weights, projection], states, direction)
        return op.Squeeze(made[0], [1])

    def _zeros(self, op: Op, x: Value, size: int) -> Value:
        batch = dimensions(x)[1]
        if isinstance(batch, int):
            return self.node.builder.constant(np.zeros((batch, size), np.float32))
        return op.Expand(like(0, x), op.Concat(op.Shape(x, start=1, end=2), [size], axis=0))

    def _scan(self, op: Op, x: Value) -> Value:
        """Step by step, the products with the inputs before it."""
        seen = self.size if self.projection is None else self.projection.shape.numpy()[0]
        states = [state for state in (self.h, self.c) if state is not None]
        first = states if len(states) == 2 else [self._zeros(op, x, n) for n in (seen, self.size)]
        now = op.MatMul(x, self._turned(self.w))
        body = self.node.graph.loop(f"{self.node.name}/step")
        batch = dimensions(x)[1]
        h, c = (
            body.input(body.unique(f"{self.node.name}/{name}"), [batch, size])
            for name, size in (("h", seen), ("c", self.size))
        )
        step = body.input(body.unique(f"{self.node.name}/now"), [batch, 4 * self.size])
        body.graph.outputs.extend(self._step(body.op, step, h, c))
        back = [1] if self.backwards else None
        made = op.outputs(3).Scan(
            *first, now, body=body.graph, num_scan_inputs=1,
            scan_input_directions=back, scan_output_directions=back,
        )  # fmt: skip
        made[2].shape = ir.Shape([dimensions(x)[0], batch, seen])
        made[2].type = x.type
        return made[2]

    def _turned(self, group: dict[str, Tensor]) -> Value:
        """Weights of all gates, [in, gates]."""
        name = f"{self.node.name}.{'w' if group is self.w else 'r'}"
        whole = references.joined([group[gate] for gate in GATES], 0, name)
        return self.node.graph.root.initializer(name, references.transposed(whole))

    def _step(self, op: Op, now: Value, h: Value, c: Value) -> list[Value]:
        sums = op.Add(now, op.MatMul(h, self._turned(self.r)))
        i, f, g, o = op.outputs(4).Split(sums, axis=1, num_outputs=4)
        i = op.Sigmoid(self._gate(op, i, "i", c))
        f = op.Sigmoid(self._gate(op, f, "f", c))
        g = clipped(self.node, op, self._gate(op, g, "c", None), self.activation)
        after = op.Add(op.Mul(f, c), op.Mul(i, g))
        after = self._within(op, after, self.clip)
        o = op.Sigmoid(self._gate(op, o, "o", after))
        y = op.Mul(o, clipped(self.node, op, after, self.activation))
        if self.projection is not None:
            y = op.MatMul(y, self._constant("projection", references.transposed(self.projection)))
            if self.projection_bias is not None:
                y = op.Add(y, self._constant("projection_bias", self.projection_bias))
            y = self._within(op, y, self.projection_clip)
        return [y, after, op.Identity(y)]

    def _within(self, op: Op, x: Value, bound: float) -> Value:
        return op.Clip(x, like(-bound, x), like(bound, x)) if bound > 0 else x

    def _constant(self, what: str, tensor: Tensor) -> Value:
        return self.node.graph.root.initializer(f"{self.node.name}.{what}", tensor)

    def _gate(self, op: Op, x: Value, gate: str, c: Value | None) -> Value:
        """What goes into a gate's function."""
        if c is not None and gate in self.p:
            x = op.Add(x, op.Mul(c, self._constant(f"p_{gate}", self.p[gate])))
        if gate in self.norms:
            gap = op.Sub(x, op.ReduceMean(x, [1], keepdims=1))
            variance = op.ReduceMean(op.Mul(gap, gap), [1], keepdims=1)
            x = op.Div(gap, op.Sqrt(op.Add(variance, like(_EPSILON, x))))
            x = op.Mul(x, self._constant(f"norm_{gate}", self.norms[gate]))
        return op.Add(x, self._constant(f"b_{gate}", self.b[gate]))
