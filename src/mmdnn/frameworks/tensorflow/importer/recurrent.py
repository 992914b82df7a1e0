"""Cells of one operator, and LSTMs over all steps (core/kernels/rnn)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.importer.indexing import value_of
from mmdnn.frameworks.tensorflow.importer.table import RAW, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, dimensions, known
from mmdnn.ir.folding import FoldingBuilder, int64
from mmdnn.ir.recurrent.packing import reordered
from mmdnn.ir.values import number

GATES = {"LSTMBlockCell": "icfo", "BlockLSTM": "icfo", "BlockLSTMV2": "ifco"}
"""The orders of the gates, c being the candidate."""
_OUTPUTS = 7
_STATE, _RESULT = 1, 6
"""The places of the cell's state and of its result among the outputs i, cs, f, o, ci, co, h."""


@dataclass(frozen=True)
class Cell:
    """An LSTM's weights and numbers.

    Attributes:
        w: Of the input and of the state before, [C + H, 4 H].
        b: The biases.
        peepholes: Of the gates i, f and o; None without.
        order: The order of the gates.
        forget: What is added to the forget gate.
        clip: The largest cell state; 0 or less: none.
    """

    w: Value
    b: Value
    peepholes: tuple[Value, Value, Value] | None
    order: str
    forget: float
    clip: float

    def step(self, node: ImportedNode, op: Op, x: Value, c: Value, h: Value) -> list[Value]:
        """One step: i, cs, f, o, ci, co, h."""
        gates = op.Add(op.MatMul(op.Concat(x, h, axis=1), self.w), self.b)
        parts = dict(
            zip(self.order, op.outputs(4).Split(gates, axis=1, num_outputs=4), strict=True)
        )
        forget = parts["f"]
        if self.forget:
            forget = op.Add(forget, node.constant(self.forget, x))
        into = parts["i"]
        if self.peepholes:
            into = op.Add(into, op.Mul(c, self.peepholes[0]))
            forget = op.Add(forget, op.Mul(c, self.peepholes[1]))
        i, f, ci = op.Sigmoid(into), op.Sigmoid(forget), op.Tanh(parts["c"])
        state = op.Add(op.Mul(ci, i), op.Mul(c, f))
        if self.clip > 0:
            state = op.Clip(state, node.constant(-self.clip, x), node.constant(self.clip, x))
        out = parts["o"]
        if self.peepholes:
            out = op.Add(out, op.Mul(state, self.peepholes[2]))
        o, co = op.Sigmoid(out), op.Tanh(state)
        return [i, state, f, o, ci, co, op.Mul(co, o)]


@importer("LSTMBlockCell", doc=f"{RAW}/LSTMBlockCell")
def lstm_block_cell(
    node: ImportedNode, op: Op, x: Value, c: Value, h: Value, *weights: Value,
    forget_bias: float, cell_clip: float, use_peephole: bool,
) -> list[Value]:  # fmt: skip
    return _cell(node, weights, forget_bias, cell_clip, use_peephole).step(node, op, x, c, h)


def _cell(
    node: ImportedNode, weights: Sequence[Value], forget: float, clip: float, peephole: bool
) -> Cell:
    """The weights are w, the peepholes of i, f and o, and b."""
    if len(weights) != 5:
        node.unfit(f"it has {len(weights)} weights")
    w, i, f, o, b = weights
    return Cell(w, b, (i, f, o) if peephole else None, GATES[node.type], forget, clip)


@importer("BlockLSTM", "BlockLSTMV2", doc=f"{RAW}/BlockLSTM")
def block_lstm(
    node: ImportedNode, op: Op, steps: Value, x: Value, c: Value, h: Value, *weights: Value,
    cell_clip: float, use_peephole: bool,
) -> list[Value]:  # fmt: skip
    """What comes after the last step is 0. ONNX's LSTM where only the results are read."""
    forget = float(node.parameter("forget_bias")) if node.type == "BlockLSTM" else 0.0
    cell = _cell(node, weights, forget, cell_clip, use_peephole)
    whole = isinstance(dimensions(x)[0], int) and number(steps) == known(x, 0)
    fixed = cell.w.const_value is not None and cell.b.const_value is not None
    if _read(node) <= {_RESULT} and cell.clip <= 0 and fixed:
        y = _lstm(node, op, cell, (x, c, h), None if whole else steps)
        return [y] * _OUTPUTS
    found = _scanned(node, op, cell, x, c, h)
    if whole:
        return found
    count = op.Range(np.int64(0), op.Squeeze(op.Shape(x, start=0, end=1)), np.int64(1))
    seen = op.Unsqueeze(op.Less(count, value_of(op, int64(op, steps))), [1, 2])
    return [op.Where(seen, y, node.constant(0, x)) for y in found]


def _read(node: ImportedNode) -> set[int]:
    """The numbers of a node's outputs that are read."""
    reads = [ref for each in node.within.nodes.values() for ref in each.inputs]
    reads += [*node.within.results, *node.graph.model.outputs.values()]
    return {ref.output for ref in reads if ref.node == node.node.name}


def _lstm(
    node: ImportedNode, op: Op, cell: Cell, values: tuple[Value, Value, Value], steps: Value | None
) -> Value:
    """ONNX's LSTM: the weights of the input and the state apart, the gates in its order."""
    x, c, h = values
    size = known(cell.w, 1) // 4
    inputs = known(cell.w, 0) - size
    graph, order, forget = node.graph, cell.order, cell.forget

    def rows(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(reordered(array.T, order, "iofc"))[None]

    def biases(array: np.ndarray) -> np.ndarray:
        array = array + np.where(np.arange(len(array)) // size == order.index("f"), forget, 0)
        both = np.concatenate([reordered(array, order, "iofc"), np.zeros(4 * size)])
        return both[None].astype(np.float32)

    w = graph.changed(cell.w, "W", lambda a: rows(a[:inputs]), (1, 4 * size, inputs))
    r = graph.changed(cell.w, "R", lambda a: rows(a[inputs:]), (1, 4 * size, size))
    b = graph.changed(cell.b, "B", biases, (1, 8 * size))
    p = None
    if cell.peepholes:
        i, f, o = cell.peepholes
        p = op.Unsqueeze(op.Concat(i, o, f, axis=0), [0])
    lengths = None
    if steps is not None:
        every = op.Expand(op.Cast(steps, to=ir.DataType.INT32), op.Shape(x, start=1, end=2))
        lengths = every
    states = [op.Unsqueeze(each, [0]) for each in (h, c)]
    y = op.LSTM(x, w, r, b, lengths, *states, p, hidden_size=size)
    return op.Squeeze(y, [1])


def _scanned(node: ImportedNode, op: Op, cell: Cell, x: Value, c: Value, h: Value) -> list[Value]:
    """All outputs of all steps."""
    inner = FoldingBuilder(node.builder.domain, node.builder.unique(f"{node.name}/steps"))
    inner._names = node.builder._names
    kind = x.dtype or ir.DataType.FLOAT
    names = [inner.unique(f"{node.name}/{word}") for word in ("c", "h", "x")]
    before = [inner.input(name, [], kind) for name in names]
    for value, source in zip(before, (c, h, x), strict=True):
        dims = dimensions(source)
        value.shape = ir.Shape(dims[1:] if source is x else dims)
    found = cell.step(node, inner.op, before[2], before[0], before[1])
    ends = [inner.op.Identity(found[place]) for place in (_STATE, _RESULT)]
    inner.graph.outputs.extend([*ends, *found])
    results = op.outputs(2 + _OUTPUTS).Scan(c, h, x, body=inner.graph, num_scan_inputs=1)
    for result in results[2:]:
        result.type = x.type
        result.shape = ir.Shape([dimensions(x)[0], *dimensions(h)])
    return list(results[2:])


@importer("GRUBlockCell", doc=f"{RAW}/GRUBlockCell")
def gru_block_cell(node: ImportedNode, op: Op, x: Value, h: Value, *weights: Value) -> list[Value]:
    """The reset gate multiplies the state before the product."""
    w_ru, w_c, b_ru, b_c = weights
    gates = op.Sigmoid(op.Add(op.MatMul(op.Concat(x, h, axis=1), w_ru), b_ru))
    r, u = op.outputs(2).Split(gates, axis=1, num_outputs=2)
    both = op.Concat(x, op.Mul(r, h), axis=1)
    c = op.Tanh(op.Add(op.MatMul(both, w_c), b_c))
    kept = op.Mul(op.Sub(node.constant(1, x), u), c)
    return [r, u, c, op.Add(op.Mul(u, h), kept)]
