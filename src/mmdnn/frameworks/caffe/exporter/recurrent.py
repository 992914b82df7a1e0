"""LSTM and RNN layers (src/caffe/layers/recurrent_layer.cpp, lstm_layer.cpp, rnn_layer.cpp).

    x [T, N, ...]    cont [T, N]    h0 (and c0) [1, N, H], if the state is exposed

An LSTM of ONNX with the usual activations is Caffe's, its gates in the order i f o g. `cont` says where
sequences begin: 0 in the first step where they begin with zeros, else 1. What goes backwards is cut into
its steps and put together from the last to the first.

Caffe's RNN gives tanh(W h + b) of its state, not the state, which is exposed in the end only. So an RNN is
that layer where its last state alone is used. Everything else (GRU, peepholes, a clip, other activations) is
written step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant
from mmdnn.frameworks.caffe.exporter.cuts import cut, joined
from mmdnn.frameworks.caffe.exporter.table import exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode, is_used
from mmdnn.ir.recurrent.nodes import Recurrent, read
from mmdnn.ir.recurrent.packing import ONNX, reordered
from mmdnn.ir.recurrent.views import Inputs, View, is_plain
from mmdnn.ir.values import is_zero

DOXYGEN = "https://caffe.berkeleyvision.org/doxygen"

GATES = {"LSTM": "ifoc", "RNN": "h"}
"""Caffe's gates in their order."""


@exporter.unfit("LSTM", "RNN")
def is_spelled_out(node: ir.Node) -> bool:
    """Whether it is more than Caffe's layer does."""
    said = read(node)
    if not is_plain(node, said) or not said.is_usual:
        return True
    lengths = Inputs.of(node.inputs).lengths is not None
    return lengths or (said.kind == "RNN" and is_used(node.outputs[0]))


@dataclass
class _Layer:
    """One direction of a node."""

    caffe: Writer
    said: Recurrent
    way: int
    weights: Sequence[Constant | None]
    states: Sequence[Operand | None]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        assert self.weights[1] is not None
        self.size = self.weights[1].shape[2]

    @property
    def suffix(self) -> str:
        """What tells its layers from those of the other direction."""
        return ("", ("forward", "backward")[self.way])[self.said.ways > 1]

    def run(self, x: Blob, ends: bool) -> tuple[Blob, list[Blob]]:
        """H after every step, [T, N, H], and the last states where they are wanted."""
        steps, streams, _ = x.shape
        backwards = self.said.backwards[self.way]
        x = self._backwards(x, "input") if backwards else x
        exposed = any(state is not None for state in self.states)
        exposed |= self.said.kind == "RNN" or (ends and self.caffe.node.wants(2))
        tops = [(steps, streams, self.size)]
        given: list[Blob] = []
        if exposed:
            given = [self._state(state, streams) for state in self.states]
            tops += [(1, streams, self.size)] * len(given)
        y, *last = self.caffe.layers(
            self.said.kind,
            x,
            _cont(self.caffe, steps, streams, begins=not exposed),
            *given,
            shapes=tops,
            blobs=self._blobs(),
            suffix=self.suffix,
            num_output=self.size,
            expose_hidden=exposed,
        )
        if ends and not exposed:
            last = [cut(self.caffe, y, 0, steps - 1, 1, f"{self.suffix}_last".strip("_"))]
        return self._backwards(y, "output") if backwards else y, last

    def _blobs(self) -> list[ir.TensorProtocol]:
        """Weights of the input, bias, weights of the state; an RNN's output, which nobody reads, is 0."""
        inputs, states, biases = self.weights
        assert inputs is not None
        assert states is not None
        kind, rows = self.said.kind, inputs.shape[1]

        def ordered(array: np.ndarray) -> np.ndarray:
            return reordered(array, ONNX[kind], GATES[kind])

        def part(name: str, weight: Constant, *shape: int) -> ir.TensorProtocol:
            return weight.derive((name, self.way), lambda a: ordered(a[self.way]), shape)

        def both(array: np.ndarray) -> np.ndarray:
            return ordered(array[self.way, :rows] + array[self.way, rows:])

        none = ir.tensor(np.zeros(rows, np.float32))
        bias = none if biases is None else biases.derive(("b", self.way), both, (rows,))
        blobs = [part("w", inputs, rows, inputs.shape[2]), bias, part("r", states, rows, self.size)]
        if self.said.kind == "RNN":
            blobs.append(ir.tensor(np.zeros((self.size, self.size), np.float32)))
            blobs.append(ir.tensor(np.zeros(self.size, np.float32)))
        return blobs

    def _state(self, state: Operand | None, streams: int) -> Blob:
        """The state before the first step, [1, N, H]."""
        shape, caffe = (1, streams, self.size), self.caffe
        if state is None:
            return _shared(caffe, "zeros", [0.0], [shape])
        if isinstance(state, Constant):
            way = self.way
            tensor = state.derive(("state", way), lambda a: a[way : way + 1], shape)
            return caffe.blob(state if state.shape == shape else caffe.constant(tensor, state))
        return cut(caffe, state, 0, self.way, 1, f"{self.suffix}_state")

    def _backwards(self, x: Blob, what: str) -> Blob:
        """The steps from the last to the first."""
        steps = x.shape[0]
        if steps == 1:
            return x
        name = f"{self.suffix}_{what}".strip("_")
        each = [(1, *x.shape[1:])] * steps
        cut = self.caffe.layers("Slice", x, shapes=each, suffix=f"{name}_steps", axis=0)
        return joined(self.caffe, cut[::-1], 0, f"{name}_turned")


def _cont(caffe: Writer, steps: int, streams: int, *, begins: bool) -> Blob:
    """Where sequences go on, [T, N]: one for all layers that have as many steps and streams."""
    if not begins:
        return _shared(caffe, "cont", [1.0], [(steps, streams)])
    if steps == 1:
        return _shared(caffe, "begin", [0.0], [(1, streams)])
    return _shared(caffe, "cont", [0.0, 1.0], [(1, streams), (steps - 1, streams)])


def _shared(caffe: Writer, name: str, numbers: list[float], shapes: list[tuple[int, ...]]) -> Blob:
    """Blobs of one number each, one after the other; the same blob whenever they are asked for."""
    key = (name, tuple(numbers), tuple(shapes))
    known = caffe.scope.shared
    if key not in known:
        fillers = [{"type": "constant", "value": number} for number in numbers]
        param: dict[str, Any] = {
            "shape": [{"dim": list(shape)} for shape in shapes],
            "data_filler": fillers,
        }
        whole = len(shapes) == 1
        tops = caffe.layers(
            "DummyData", shapes=shapes, name=name if whole else f"{name}_parts", **param
        )
        total = (sum(shape[0] for shape in shapes), *shapes[0][1:])
        known[key] = (
            tops[0] if whole else caffe.layer("Concat", *tops, shape=total, name=name, axis=0)
        )
    return known[key]


@exporter("LSTM", "RNN", doc=f"{DOXYGEN}/classcaffe_1_1LSTMLayer.html")
def recurrent(
    node: ExportedNode, caffe: Writer, *operands: Operand | None, **_attributes: Any
) -> list[Blob | None]:
    """What `is_spelled_out` leaves: lengths, peepholes and attributes are the usual ones."""
    said = read(node.node)
    given: Inputs[Operand] = Inputs.of(operands)
    weights = [e if isinstance(e, Constant) else None for e in (given.w, given.r, given.b)]
    blob, states = caffe.blob(given.x), given.states(said.kind)
    known = [None if isinstance(s, Constant) and is_zero(s.value) else s for s in states]
    ends = node.wants(1) or node.wants(2)
    ways = [_Layer(caffe, said, way, weights, known) for way in range(said.ways)]
    made = [way.run(blob, ends) for way in ways]
    last = [joined(caffe, end, 0, "last") for end in zip(*(each for _, each in made), strict=True)]
    steps = None if said.kind == "RNN" else _steps(caffe, [y for y, _ in made])
    return [steps, *last]


def _steps(caffe: Writer, ways: Sequence[Blob]) -> Blob:
    """[T, directions, N, H]; what turns that back to [T, N, directions * H] finds it as it was."""
    steps, streams, size = ways[0].shape
    flat = joined(caffe, ways, 2, "both")
    each = [caffe.reshape(y, (steps, 1, streams, size), suffix="way") for y in ways]
    apart = caffe.reshape(flat, (steps, streams, len(ways), size), suffix="turned")
    caffe.scope.views[caffe.node.output] = View((flat, apart), len(ways), size, last=False)
    return joined(caffe, each, 1, "ways")


def _own_layer(kind: str, weights: int) -> None:
    """The bottoms come first; the weights are in Caffe's own order and shapes."""

    @exporter(
        f"mmdnn.caffe::{kind}", doc=f"{DOXYGEN}/classcaffe_1_1{kind}Layer.html", unused="unbroken"
    )
    def function(
        node: ExportedNode,
        caffe: Writer,
        *operands: Operand,
        static_input: int,
        expose_hidden: int,
        num_output: int,
    ) -> list[Blob]:
        first = len(operands) - weights - static_input
        constants = [c for c in operands[first:] if isinstance(c, Constant)]
        if len(constants) < weights + static_input:
            node.refuse("its weights are computed while the model runs")
        return caffe.layers(
            kind,
            *operands[:first],
            shapes=[node.shape(i) for i in range(len(node.node.outputs))],
            blobs=[c.shaped(c.shape) for c in constants],
            num_output=num_output,
            expose_hidden=bool(expose_hidden),
        )


_own_layer("LSTM", 3)
_own_layer("RNN", 5)
