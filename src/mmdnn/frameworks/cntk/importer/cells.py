"""Recurrent layers as ONNX's LSTM, GRU and RNN.

CNTK's gates stand in the order i, candidate, f, o, and z, r, candidate (cntk/layers/blocks.py of CNTK
2.7); ONNX has i, o, f, candidate, and z, r, candidate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.graph import Function, Variable
from mmdnn.frameworks.cntk.importer.operand import Operand, sizes
from mmdnn.ir.builder import dimensions

if TYPE_CHECKING:
    from mmdnn.frameworks.cntk.importer.lowering import Lowering


@dataclass
class Cell:
    """A recurrent layer as ONNX describes it.

    Attributes:
        op: "LSTM", "GRU" or "RNN".
        result: The variable that is its output.
        hidden: The delay of its output.
        cell: An LSTM's delay of its cell.
        x: What it reads.
        w: (input, gates * hidden), gates in CNTK's order.
        r: (hidden, gates * hidden), in one part or several.
        bias: (gates * hidden,), summed; empty for none.
        order: ONNX's gates as places among CNTK's.
        activations: By ONNX's names.
        peepholes: An LSTM's, of i, o and f; empty for none.
    """

    op: str
    result: Variable
    hidden: Function
    x: Variable
    w: Variable
    r: list[Variable]
    bias: list[Variable]
    order: tuple[int, ...]
    activations: list[str]
    cell: Function | None = None
    peepholes: tuple[Variable, ...] = ()


class Layer:
    """Makes the operator."""

    def __init__(self, lowering: Lowering, cell: Cell) -> None:
        self.lowering = lowering
        self.cell = cell
        self.op = lowering.builder.op

    def make(self) -> None:
        """[batch, time, input] goes in with time first, and [batch, time, hidden] comes out."""
        cell, op = self.cell, self.op
        assert cell.result.owner is not None
        label = self.lowering.label(cell.result.owner)
        with self.lowering.builder.layer(label, cell.op):
            x = self._vectors(self.lowering.operand(cell.x))
            backwards = cell.hidden.op == "FutureValue"
            hidden = self._size()
            inputs = [
                op.Transpose(x.value, perm=[1, 0, 2]),
                self._weight([cell.w], "w"),
                self._weight(cell.r, "r"),
                self._bias(hidden),
                self._lengths(x) if backwards else None,
                self._initial(cell.hidden, x, hidden),
            ]
            if cell.op == "LSTM":
                assert cell.cell is not None
                inputs += [self._initial(cell.cell, x, hidden), self._peepholes(hidden)]
            while inputs[-1] is None:
                inputs.pop()
            made = self.lowering.builder.node(
                cell.op,
                inputs,
                {
                    "hidden_size": hidden,
                    "direction": "reverse" if backwards else "forward",
                    "activations": cell.activations,
                },
            )[0]
            value = op.Transpose(op.Squeeze(made, [1]), perm=[1, 0, 2])
            value.shape = ir.Shape([*dimensions(x.value)[:2], hidden])
            self.lowering.set(cell.result, Operand(value, x.axes))

    def _size(self) -> int:
        return sizes(self.lowering.operand(self.cell.r[0]))[0]

    def _vectors(self, x: Operand) -> Operand:
        """The input with one static axis."""
        if x.rank == 1:
            return x
        count = int(np.prod(sizes(x)))
        return Operand(self.op.Reshape(x.value, [0, 0, count]), x.axes)

    def _weight(self, variables: list[Variable], name: str) -> ir.Value:
        """[1, gates * hidden, input], gates in ONNX's order."""
        made = [self._turned(one, name) for one in variables]
        if len(made) == 1:
            return made[0]
        value: ir.Value = self.op.Concat(*made, axis=1)
        return value

    def _turned(self, variable: Variable, name: str) -> ir.Value:
        operand = self.lowering.operand(variable)
        *rows, columns = sizes(operand)
        hidden = self._size()
        order = self._order(columns // hidden)

        def turn(array: np.ndarray) -> np.ndarray:
            parts = array.reshape(-1, columns // hidden, hidden)[:, order]
            return np.ascontiguousarray(parts.reshape(-1, columns).T)[None]

        made = self.lowering.changed(
            operand, f"{name}_onnx", turn, (1, columns, int(np.prod(rows)))
        )
        assert made is not None
        return made.value

    def _order(self, gates: int) -> list[int]:
        return list(self.cell.order) if gates == len(self.cell.order) else list(range(gates))

    def _bias(self, hidden: int) -> ir.Value | None:
        """[1, 2 * gates * hidden]: the input's, and none of the state's."""
        if not self.cell.bias:
            return None
        order = list(self.cell.order)
        width = len(order) * hidden

        def turn(array: np.ndarray) -> np.ndarray:
            flat = np.broadcast_to(array.reshape(-1), (width,)).reshape(len(order), hidden)[order]
            return np.concatenate([flat.reshape(-1), np.zeros(width, array.dtype)])[None]

        operand = self.lowering.operand(self.cell.bias[0])
        made = self.lowering.changed(operand, "b_onnx", turn, (1, 2 * width))
        assert made is not None
        return made.value

    def _peepholes(self, hidden: int) -> ir.Value | None:
        """[1, 3 * hidden], of i, o and f."""
        if not self.cell.peepholes:
            return None
        made = []
        for variable in self.cell.peepholes:
            one = self.lowering.changed(
                self.lowering.operand(variable),
                "p_onnx",
                lambda array: np.broadcast_to(array.reshape(-1), (hidden,)).copy()[None],
                (1, hidden),
            )
            assert one is not None
            made.append(one.value)
        value: ir.Value = self.op.Concat(*made, axis=1)
        return value

    def _lengths(self, x: Operand) -> ir.Value:
        assert x.sequence is not None
        value: ir.Value = self.op.Cast(self.lowering.lengths(x.sequence), to=ir.DataType.INT32)
        return value

    def _initial(self, delay: Function, x: Operand, hidden: int) -> ir.Value | None:
        """[1, batch, hidden]; None for zeros."""
        variable = self.lowering.flat.resolve(delay.inputs[1])
        start = self.lowering.operand(variable)
        if variable.value is not None and not variable.value.numpy().any():
            return None
        value = start.value
        if not start.axes:
            batch = self.op.Shape(x.value, start=0, end=1)
            size = np.array([hidden], np.int64)
            value = self.op.Expand(value, self.op.Concat(batch, size, axis=0))
        made: ir.Value = self.op.Unsqueeze(value, [0])
        return made
