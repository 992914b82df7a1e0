"""Recurrent layers as ONNX's LSTM, GRU and RNN.

CNTK's weights are (input, hidden), those of all gates side by side or each by itself; ONNX's are
(gates * hidden, input), gates in the order i, o, f, candidate, or z, r, candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.graph import Function, Variable
from mmdnn.frameworks.cntk.importer.operand import Operand, sizes
from mmdnn.frameworks.cntk.importer.table import GraphImporter
from mmdnn.ir.builder import dimensions
from mmdnn.tensors import references


@dataclass(frozen=True)
class Piece:
    """A parameter, or a part of one along its last axis, times a number.

    Attributes:
        variable: The parameter.
        part: From where to where; None for all of it.
        factor: The number.
    """

    variable: Variable
    part: tuple[int, int] | None
    factor: float = 1.0

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, of all but the part that it is."""
        *rows, columns = self.variable.shape or (1,)
        if self.part is None:
            return (*rows, columns)
        begin, end = self.part
        return (*rows, max(min(end, columns) - begin, 0) if columns > 1 else 1)


@dataclass(frozen=True)
class Gate:
    """What goes into a gate: products with the input and the state, a bias, a peephole."""

    w: Piece
    r: Piece
    bias: Piece | None = None
    peephole: Piece | None = None


@dataclass(frozen=True)
class Cell:
    """A recurrent layer as ONNX describes it.

    Attributes:
        op: "LSTM", "GRU" or "RNN".
        result: The variable that is its output.
        hidden: The delay of its output.
        x: What it reads.
        gates: In ONNX's order.
        activations: By ONNX's names.
        cell: An LSTM's delay of its cell.
    """

    op: str
    result: Variable
    hidden: Function
    x: Variable
    gates: list[Gate]
    activations: list[str]
    cell: Function | None = None


def fits(cell: Cell, rank: int) -> bool:
    """Whether all parameters have the sizes of a layer whose input has so many static axes."""
    hidden = cell.gates[0].r.shape[0]
    states = all(gate.r.shape == (hidden, hidden) for gate in cell.gates)
    inputs = {gate.w.shape for gate in cell.gates}
    vectors = [one for gate in cell.gates for one in (gate.bias, gate.peephole) if one is not None]
    return (
        states
        and len(inputs) == 1
        and len(cell.gates[0].w.shape) == rank + 1
        and cell.gates[0].w.shape[-1] == hidden
        and all(one.shape in ((hidden,), (1,)) for one in vectors)
    )


class Layer:
    """Makes the operator."""

    def __init__(self, graph: GraphImporter, cell: Cell) -> None:
        self.graph = graph
        self.cell = cell
        self.op = graph.builder.op
        self.hidden = sizes(graph.operand(cell.gates[0].r.variable))[0]

    def make(self) -> None:
        """[batch, time, input] goes in with time first, and [batch, time, hidden] comes out."""
        cell, op = self.cell, self.op
        assert cell.result.owner is not None
        label = self.graph.label(cell.result.owner)
        with self.graph.builder.layer(label, cell.op):
            x = self._vectors(self.graph.operand(cell.x))
            backwards = cell.hidden.op == "FutureValue"
            inputs = [
                op.Transpose(x.value, perm=[1, 0, 2]),
                self._matrix([gate.w for gate in cell.gates], "W"),
                self._matrix([gate.r for gate in cell.gates], "R"),
                self._bias(),
                op.Cast(self.graph.lengths(x.sequence), to=ir.DataType.INT32)
                if backwards and x.sequence is not None
                else None,
                self._initial(cell.hidden, x),
            ]
            if cell.cell is not None:
                inputs += [self._initial(cell.cell, x), self._peepholes()]
            while inputs[-1] is None:
                inputs.pop()
            made = self.graph.builder.node(
                cell.op,
                inputs,
                {
                    "hidden_size": self.hidden,
                    "direction": "reverse" if backwards else "forward",
                    "activations": cell.activations,
                },
            )[0]
            value = op.Transpose(op.Squeeze(made, [1]), perm=[1, 0, 2])
            value.shape = ir.Shape([*dimensions(x.value)[:2], self.hidden])
            self.graph.set(cell.result, Operand(value, x.axes))

    def _vectors(self, x: Operand) -> Operand:
        """The input with one static axis."""
        if x.rank == 1:
            return x
        count = int(np.prod(sizes(x)))
        return Operand(self.op.Reshape(x.value, [0, 0, count]), x.axes)

    def _matrix(self, pieces: list[Piece], name: str) -> ir.Value:
        """[1, gates * hidden, input]."""
        rows = int(np.prod(sizes(self.graph.operand(pieces[0].variable))[:-1]))
        shape = (1, len(pieces) * self.hidden, rows)
        return self._weight(pieces, name, shape, rows)

    def _bias(self) -> ir.Value | None:
        """[1, 2 * gates * hidden]: the input's, and none of the state's."""
        pieces = [gate.bias for gate in self.cell.gates]
        if not any(pieces):
            return None
        zeros = [None] * len(pieces)
        shape = (1, 2 * len(pieces) * self.hidden)
        return self._weight([*pieces, *zeros], "B", shape, 1)

    def _peepholes(self) -> ir.Value | None:
        """[1, 3 * hidden], of i, o and f."""
        pieces = [gate.peephole for gate in self.cell.gates[:3]]
        if None in pieces:
            return None
        return self._weight(pieces, "P", (1, 3 * self.hidden), 1)

    def _weight(
        self, pieces: Sequence[Piece | None], name: str, shape: tuple[int, ...], rows: int
    ) -> ir.Value:
        """Parameters side by side, each (rows, hidden) turned to (hidden, rows), read when needed."""
        tensors = [None if one is None else one.variable.value for one in pieces]
        dtype = next(tensor.dtype for tensor in tensors if tensor is not None)
        hidden = self.hidden

        def piece(one: Piece | None, tensor: ir.TensorProtocol | None) -> np.ndarray:
            if one is None or tensor is None:
                return np.zeros((hidden, rows), dtype.numpy())
            flat = references.read(tensor).reshape(rows, -1)
            if flat.shape[1] > 1 and one.part is not None:
                flat = flat[:, slice(*one.part)]
            part = np.broadcast_to(flat, (rows, hidden)).T
            return part if one.factor == 1 else (part * one.factor).astype(dtype.numpy())

        def compute() -> ir.TensorProtocol:
            parts = [piece(one, tensor) for one, tensor in zip(pieces, tensors, strict=True)]
            return ir.tensor(np.concatenate(parts).reshape(shape), dtype=dtype)

        return self.graph.root.weight(name, ir.LazyTensor(compute, dtype, ir.Shape(shape)))

    def _initial(self, delay: Function, x: Operand) -> ir.Value | None:
        """[1, batch, hidden]; None for zeros."""
        variable = self.graph.flat.resolve(delay.inputs[1])
        start = self.graph.operand(variable)
        if variable.value is not None and not references.read(variable.value).any():
            return None
        value = start.value
        if not start.axes:
            batch = self.op.Shape(x.value, start=0, end=1)
            size = np.array([self.hidden], np.int64)
            value = self.op.Expand(value, self.op.Concat(batch, size, axis=0))
        return self.op.Unsqueeze(value, [0])
