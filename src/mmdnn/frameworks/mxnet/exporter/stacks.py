"""MXNet's fused `RNN`: layers on top of each other, whose parameters are one vector (src/operator/rnn-inl.h).

The vector is as cuDNN's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet._rows import RECURRENT
from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array
from mmdnn.frameworks.mxnet.exporter.writer import Writer
from mmdnn.ir.recurrent.packing import Packing, Weights
from mmdnn.tensors import references


@dataclass(frozen=True)
class Tensors:
    """The weights of one layer, in ONNX's form; the projection [ways, P, H] where there is one."""

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
    layers: list[Tensors] = field(default_factory=list)
    states: list[list[Array | None]] = field(default_factory=list)
    ends: list[list[ir.Value]] = field(default_factory=list)

    @property
    def projection(self) -> int | None:
        """To how many numbers the state is projected."""
        found = self.layers[0].projection
        return None if found is None else int(found.shape.numpy()[1])

    @property
    def count(self) -> int:
        """How many states a cell has."""
        return 2 if self.mode == "lstm" else 1

    def above(self, below: Stack, dropout: float) -> Stack:
        """This on top of another one."""
        return replace(
            self,
            x=below.x,
            source=below.source,
            dropout=dropout,
            layers=[*below.layers, *self.layers],
            states=[*below.states, *self.states],
            ends=[*below.ends, *self.ends],
        )

    @property
    def packing(self) -> Packing:
        """How the parameters lie in the vector."""
        features = int(self.layers[0].w.shape.numpy()[2])
        layers, ways = len(self.layers), len(self.ways)
        return Packing(RECURRENT[self.mode], features, self.size, layers, ways, self.projection)

    def vector(self) -> ir.TensorProtocol:
        """All parameters as one tensor, read when it is written."""
        kind, packing = self.layers[0].w.dtype, self.packing

        def packed() -> ir.TensorProtocol:
            return ir.tensor(
                packing.pack(map(self._weights, self.layers), kind.numpy()), dtype=kind
            )

        return ir.LazyTensor(packed, kind, ir.Shape([packing.total]))

    def _weights(self, layer: Tensors) -> Weights:
        def part(tensor: ir.TensorProtocol | None) -> np.ndarray | None:
            return None if tensor is None else references.read(tensor)[[*self.ways]]

        w, r = references.read(layer.w)[[*self.ways]], references.read(layer.r)[[*self.ways]]
        return Weights(w, r, part(layer.b), part(layer.projection))

    def write(self, mx: Writer, *, ends: bool) -> Array:
        """The node; with `ends` it gives its last states too.

        With a projection it always does: without, MXNet 1.9.1 ends its process on the CPU.
        """
        sizes = (self.packing.seen, self.size)[: self.count]
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
    each: list[Array] = [
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
