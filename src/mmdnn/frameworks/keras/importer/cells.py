"""The cells of recurrent layers: what one step computes, and a layer as ONNX's own operator.

A cell projects a whole sequence at once, [T, N, features] to what its steps read, and then goes from step to
step with its states. The gates of an LSTM are i, f, c, o; those of a GRU z, r, h.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.graph import Call, Layer
from mmdnn.frameworks.keras.importer.activation import formula, slope_of
from mmdnn.frameworks.keras.importer.convolution import convolved, to_onnx
from mmdnn.frameworks.keras.importer.layout import FIRST
from mmdnn.frameworks.keras.importer.table import GraphImporter, ImportedNode, Value
from mmdnn.ir.builder import Op, dimensions, known, static
from mmdnn.ir.recurrent.packing import ONNX, reordered

KINDS = {"LSTMCell": "LSTM", "GRUCell": "GRU", "SimpleRNNCell": "RNN"}
_ORDERS = {"LSTM": "ifco", "GRU": "zrh", "RNN": "h"}
_ACTIVATIONS: dict[str, tuple[str, float | None, float | None]] = {
    "tanh": ("Tanh", None, None),
    "sigmoid": ("Sigmoid", None, None),
    "relu": ("Relu", None, None),
    "softsign": ("Softsign", None, None),
    "softplus": ("Softplus", None, None),
    "elu": ("Elu", 1.0, None),
    "linear": ("Affine", 1.0, 0.0),
}
"""Activations that ONNX's recurrent operators have, with alpha and beta."""


@dataclass
class Cell:
    """A cell of a layer.

    Attributes:
        node: The layer.
        layer: The cell.
    """

    node: ImportedNode
    layer: Layer

    def parameter(self, name: str) -> Any:
        """One of the cell's parameters."""
        return self.inside(self.node.graph).parameter(name)

    def inside(self, graph: GraphImporter) -> ImportedNode:
        """The cell as a layer in the body of a loop."""
        return ImportedNode(self.layer, Call(), self.node.path, graph)

    def weight(self, name: str) -> Value:
        """One of its variables."""
        config = {"dtype": self.node.config.get("dtype"), **self.layer.config}
        kind = ImportedNode(Layer("", "", config), Call(), "", self.node.graph).dtype
        return self.node.weight_of(self.layer, name, kind)

    @property
    def biased(self) -> bool:
        """Whether it has a bias."""
        return bool(self.parameter("use_bias"))

    @property
    def states(self) -> int:
        """How many it has."""
        return 2 if "LSTM" in self.layer.type else 1

    def size(self) -> int:
        """How many numbers a state has."""
        return int(self.parameter("units"))

    def part(self, name: str, start: int, end: int) -> Value:
        """Columns of a variable."""
        value = self.weight(name)
        shape = (*static(value)[:-1], end - start)
        made = self.node.graph.changed(
            value, f"{start}_{end}", lambda a: np.ascontiguousarray(a[..., start:end]), shape
        )
        return self.node.sure(made)

    def bias_row(self, row: int) -> Value:
        """One of the two biases of a GRU."""
        value = self.weight("bias")
        size = known(value, 1)
        made = self.node.graph.changed(value, f"row_{row}", lambda a: a[row], (size,))
        return self.node.sure(made)

    def project(self, op: Op, x: Value) -> Value:
        """What the steps read of a whole sequence."""
        y = op.MatMul(x, self.weight("kernel"))
        if not self.biased:
            return y
        return op.Add(y, self.bias_row(0) if self._after() else self.weight("bias"))

    def zeros(self, op: Op, projected: Value) -> list[Value]:
        """Its states before the first step."""
        sizes = op.Concat(op.Shape(projected, start=1, end=2), [self.size()], axis=0)
        kind = projected.dtype or ir.DataType.FLOAT
        zero = op.ConstantOfShape(sizes, value=ir.tensor(np.zeros(1, kind.numpy())))
        zero.shape = ir.Shape([dimensions(projected)[1], self.size()])
        return [zero] * self.states

    def step(
        self, graph: GraphImporter, op: Op, now: Value, states: Sequence[Value]
    ) -> tuple[Value, list[Value]]:
        """The output of a step, and the states after it."""
        inner = self.inside(graph)
        act = formula(inner, self.parameter("activation"))
        if self.layer.type == "SimpleRNNCell":
            y = act(op, op.Add(now, op.MatMul(states[0], self.weight("recurrent_kernel"))))
            return y, [y]
        gate = formula(inner, self.parameter("recurrent_activation"))
        if self.layer.type == "GRUCell":
            return self._gru(op, act, gate, now, states[0])
        h, c = states
        i, f, g, o = self._gates(op, op.Add(now, self.recur(op, h)))
        c = op.Add(op.Mul(gate(op, f), c), op.Mul(gate(op, i), act(op, g)))
        h = op.Mul(gate(op, o), act(op, c))
        return h, [h, c]

    def recur(self, op: Op, h: Value) -> Value:
        """What a state gives to all gates."""
        return op.MatMul(h, self.weight("recurrent_kernel"))

    def _gates(self, op: Op, x: Value) -> tuple[Value, ...]:
        return op.outputs(4).Split(x, axis=-1, num_outputs=4)

    def _after(self) -> bool:
        return self.layer.type == "GRUCell" and bool(self.parameter("reset_after"))

    def _gru(self, op: Op, act: Any, gate: Any, now: Value, h: Value) -> tuple[Value, list[Value]]:
        size = self.size()
        if self._after():
            both = self.recur(op, h)
            both = op.Add(both, self.bias_row(1)) if self.biased else both
            zx, rx, hx = op.outputs(3).Split(now, axis=-1, num_outputs=3)
            zh, rh, hh = op.outputs(3).Split(both, axis=-1, num_outputs=3)
            z, r = gate(op, op.Add(zx, zh)), gate(op, op.Add(rx, rh))
            new = act(op, op.Add(hx, op.Mul(r, hh)))
        else:
            zr, hx = op.outputs(2).Split(now, [2 * size, size], axis=-1)
            first = self.part("recurrent_kernel", 0, 2 * size)
            both = gate(op, op.Add(zr, op.MatMul(h, first)))
            z, r = op.outputs(2).Split(both, axis=-1, num_outputs=2)
            last = self.part("recurrent_kernel", 2 * size, 3 * size)
            new = act(op, op.Add(hx, op.MatMul(op.Mul(r, h), last)))
        one = np.ones((), (h.dtype or ir.DataType.FLOAT).numpy())
        y = op.Add(op.Mul(z, h), op.Mul(op.Sub(one, z), new))
        return y, [y]

    def attributes(self) -> dict[str, Any] | None:
        """What ONNX's own operator is told, but for the direction; None where it cannot say the cell."""
        kind = KINDS.get(self.layer.type)
        if kind is None:
            return None
        names = [self.parameter("activation")]
        if kind != "RNN":
            names.insert(0, self.parameter("recurrent_activation"))
        if kind == "LSTM":
            names.append(names[-1])
        found = [self._activation(name) for name in names]
        known_ones = [one for one in found if one is not None]
        if len(known_ones) < len(found):
            return None
        said: dict[str, Any] = {"hidden_size": self.size()}
        if [one[0] for one in known_ones] != ["Sigmoid", "Tanh", "Tanh"][: len(found)][
            kind == "RNN" :
        ]:
            said["activations"] = [one[0] for one in known_ones]
            for place, word in ((1, "activation_alpha"), (2, "activation_beta")):
                numbers = [one[place] for one in known_ones if one[place] is not None]
                said |= {word: numbers} if numbers else {}
        if kind == "GRU":
            said["linear_before_reset"] = int(self._after())
        return said

    def _activation(self, said: Any) -> tuple[str, float | None, float | None] | None:
        name = "linear" if said is None else said
        if name == "hard_sigmoid":
            return "HardSigmoid", slope_of(self.node.generation), 0.5
        return _ACTIVATIONS.get(name) if isinstance(name, str) else None

    def onnx_weights(self) -> list[Value | None]:
        """W, R and B of ONNX's operator, one direction each."""
        kind = KINDS[self.layer.type]
        before, after = _ORDERS[kind], ONNX[kind]

        def rows(array: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(reordered(array.T, before, after)[None])

        def biases(array: np.ndarray) -> np.ndarray:
            pair = array if array.ndim == 2 else np.stack([array, np.zeros_like(array)])
            return np.concatenate([reordered(row, before, after) for row in pair])[None]

        change, gates = self.node.graph.changed, len(before) * self.size()
        kernel, recurrent = self.weight("kernel"), self.weight("recurrent_kernel")
        found = [
            change(kernel, "rows", rows, (1, gates, known(kernel, 0))),
            change(recurrent, "rows", rows, (1, gates, self.size())),
        ]
        bias = self.weight("bias") if self.biased else None
        return [*found, change(bias, "rows", biases, (1, 2 * gates)) if bias is not None else None]


class ConvCell(Cell):
    """A cell of ConvLSTM: pictures, and convolutions in place of products."""

    def size(self) -> int:
        """How many channels a state has."""
        return int(self.parameter("filters"))

    def _format(self) -> str:
        return str(self.inside(self.node.graph).parameter("data_format"))

    def project(self, op: Op, x: Value) -> Value:
        """All steps' pictures at once, as one batch."""
        node, kernel = self.node, to_onnx(self.node, op, self.weight("kernel"))
        bias = self.weight("bias") if self.biased else None
        words = ("strides", "padding", "dilation_rate")
        said = {name: self.parameter(name) for name in words} | {"data_format": self._format()}
        flat = op.Reshape(x, op.Concat([-1], op.Shape(x, start=2), axis=0))
        flat.shape = ir.Shape([None, *dimensions(x)[2:]])
        y = convolved(node, op, flat, kernel, bias, **said)
        steps = op.Concat(op.Shape(x, start=0, end=2), op.Shape(y, start=1), axis=0)
        found = op.Reshape(y, steps)
        found.shape = ir.Shape([*dimensions(x)[:2], *dimensions(y)[1:]])
        return found

    def zeros(self, op: Op, projected: Value) -> list[Value]:
        """Pictures of zeros."""
        count = len(dimensions(projected))
        axis = 2 if self._format() == FIRST else count - 1
        dims = [*dimensions(projected)[1:]]
        dims[axis - 1] = self.size()
        parts: list[Any] = [op.Shape(projected, start=i, end=i + 1) for i in range(1, count)]
        parts[axis - 1] = [self.size()]
        kind = (projected.dtype or ir.DataType.FLOAT).numpy()
        sizes = op.Concat(*parts, axis=0)
        zero = op.ConstantOfShape(sizes, value=ir.tensor(np.zeros(1, kind)))
        zero.shape = ir.Shape(dims)
        return [zero, zero]

    def recur(self, op: Op, h: Value) -> Value:
        """Without strides, and as large as it was."""
        kernel = to_onnx(self.node, op, self.weight("recurrent_kernel"))
        said = {"strides": 1, "dilation_rate": 1, "padding": "same", "data_format": self._format()}
        return convolved(self.node, op, h, kernel, None, **said)

    def _gates(self, op: Op, x: Value) -> tuple[Value, ...]:
        axis = 1 if self._format() == FIRST else -1
        return op.outputs(4).Split(x, axis=axis, num_outputs=4)


def cells_of(node: ImportedNode, layer: Layer) -> list[Cell]:
    """The cells of a recurrent layer, the lowest first."""
    top = layer.parts.get("cell")
    if top is None:
        node.refuse("its cell is not known")
    inner = list(top.parts.values()) if top.type == "StackedRNNCells" else [top]
    found: list[Cell] = []
    for cell in inner:
        if cell.type not in {*KINDS, "ConvLSTMCell"}:
            node.refuse(f"its cell {cell.said or cell.type} is not known here")
        found.append((ConvCell if cell.type == "ConvLSTMCell" else Cell)(node, cell))
    return found
