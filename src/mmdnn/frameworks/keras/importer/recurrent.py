"""Recurrent layers, and the two directions of one.

Where no step is masked and ONNX has the activations, a layer is ONNX's LSTM, GRU or RNN; else it is a Scan
over the steps. A masked step keeps the states, and repeats the output before it, or gives zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.graph import Call, Generation, Layer
from mmdnn.frameworks.keras.importer.arguments import flattened
from mmdnn.frameworks.keras.importer.cells import KINDS, Cell, cells_of
from mmdnn.frameworks.keras.importer.table import LAYERS, ImportedNode, Value, importer
from mmdnn.ir.builder import Builder, Op, dimensions, rank

RECURRENT = f"{LAYERS}/recurrent_layers"


@dataclass
class Run:
    """One run of a layer over a sequence.

    Attributes:
        node: The layer, or the Bidirectional around it.
        layer: The layer.
        backwards: Whether it begins with the last step.
        zeros: Whether masked steps give zeros.
    """

    node: ImportedNode
    layer: Layer
    backwards: bool
    zeros: bool

    def __call__(
        self, op: Op, x: Value, states: Sequence[Value], mask: Value | None
    ) -> tuple[Value, Value, list[Value]]:
        """The outputs of all steps in the order of time, the last output, and the states.

        Args:
            op: ONNX's operators.
            x: [T, N, ...].
            states: Those before the first step; none: zeros.
            mask: [T, N], which steps count.
        """
        cells = cells_of(self.node, self.layer)
        node = self.node
        count = sum(cell.states for cell in cells)
        if states and len(states) != count:
            node.unfit(f"it has {count} states, and is given {len(states)}")
        back = self._is_reversed(cells)
        given = self._by_cell(cells, states)
        given = given[::-1] if back else given
        fast = [cell.attributes() for cell in cells]
        if mask is None and all(said is not None for said in fast):
            y, found = self._operators(op, x, cells, given)
            last = found[-1][0]
        else:
            y, last, found = self._scan(op, x, cells, given, mask)
        found = found[::-1] if back else found
        return y, last, [state for each in found for state in each]

    def _is_reversed(self, cells: Sequence[Cell]) -> bool:
        """Keras 2 counts the states of stacked cells from the top, until 2.2.3."""
        cell = self.layer.parts["cell"]
        version = [int(part) for part in self.node.graph.model.version.split(".") if part.isdigit()]
        old = self.node.generation is Generation.KERAS2 and version < [2, 2, 3]
        said = cell.config.get("reverse_state_order", old and bool(version))
        return bool(said) and len(cells) > 1

    def _by_cell(self, cells: Sequence[Cell], states: Sequence[Value]) -> list[list[Value]]:
        order = cells[::-1] if self._is_reversed(cells) else cells
        found, place = [], 0
        for cell in order:
            found.append(list(states[place : place + cell.states]))
            place += cell.states
        return found

    def _operators(
        self, op: Op, x: Value, cells: Sequence[Cell], states: Sequence[Sequence[Value]]
    ) -> tuple[Value, list[list[Value]]]:
        found = []
        for cell, before in zip(cells, states, strict=True):
            kind = KINDS[cell.layer.type]
            w, r, b = cell.onnx_weights()
            first = [op.Unsqueeze(state, [0]) for state in before]
            more = [None, *first] if first else []
            said = {**(cell.attributes() or {}), "direction": "reverse" if self.backwards else None}
            several = op.outputs(1 + cell.states)
            y, *after = several[kind](x, w, r, b, *more, **said)
            x = op.Squeeze(y, [1])
            found.append([op.Squeeze(state, [0]) for state in after])
        return x, found

    def _scan(
        self, op: Op, x: Value, cells: Sequence[Cell], states: Sequence[Sequence[Value]],
        mask: Value | None,
    ) -> tuple[Value, Value, list[list[Value]]]:  # fmt: skip
        """A loop over the steps; the first cell reads the whole sequence before it."""
        node = self.node
        now = cells[0].project(op, x)
        first = self._first(op, now, cells, states)
        body = Builder("mmdnn.keras", f"{node.path}_step")
        body._names = node.graph.root._names
        graph = node.graph.within(body)
        inside = [_input(body, "state", value, dimensions(value)) for value in first]
        step = _input(body, "now", now, dimensions(now)[1:])
        data = [now] if mask is None else [now, mask]
        going = None if mask is None else _input(body, "going", mask, dimensions(mask)[1:])
        y, after = self._step(graph, body.op, cells, step, inside)
        count = sum(cell.states for cell in cells)
        kept = y
        if going is not None:
            flags = body.op.Unsqueeze(going, [1])
            after = [_where(body.op, flags, a, b) for a, b in zip(after, inside, strict=False)]
            zero = np.zeros((), (y.dtype or ir.DataType.FLOAT).numpy())
            before = body.constant(zero) if self.zeros else inside[count]
            kept = _where(body.op, flags, y, before)
            repeated = y if self.zeros else kept
            after = [*after, *([_where(body.op, flags, y, inside[count])] if self.zeros else [])]
            after = after if self.zeros else [*after, repeated]
        body.graph.outputs.extend([*after, body.op.Identity(kept)])
        back = int(self.backwards)
        made = op.outputs(len(first) + 1).Scan(
            *first, *data, body=body.graph, num_scan_inputs=len(data),
            scan_input_directions=[back] * len(data) if back else None,
            scan_output_directions=[back] if back else None,
        )  # fmt: skip
        steps = dimensions(now)[0]
        for value, like in zip(made, [*first, y], strict=True):
            value.type = like.type
            value.shape = ir.Shape([*([steps] if like is y else []), *dimensions(like)])
        found, place = [], 0
        for cell in cells:
            found.append(list(made[place : place + cell.states]))
            place += cell.states
        whole = made[-1]
        last = made[0] if mask is None else self._last(op, whole)
        return whole, last if mask is not None else found[-1][0], found

    def _last(self, op: Op, whole: Value) -> Value:
        """The output of the step that comes last."""
        index = 0 if self.backwards else -1
        return op.Gather(whole, np.int64(index), axis=0)

    def _first(
        self, op: Op, now: Value, cells: Sequence[Cell], states: Sequence[Sequence[Value]]
    ) -> list[Value]:
        """The states before the first step, and with a mask the output before it."""
        found: list[Value] = []
        zeros: list[Value] = []
        for cell, given in zip(cells, states, strict=True):
            zeros = cell.zeros(op, now)
            found += given or zeros
        theano = self.node.graph.model.theano
        old = self.node.generation <= Generation.KERAS2 and not theano
        output = found[len(found) - cells[-1].states] if old else zeros[0]
        return [*found, output] if self._masked else found

    _masked = False

    def _step(
        self, graph: Any, op: Op, cells: Sequence[Cell], now: Value, states: Sequence[Value]
    ) -> tuple[Value, list[Value]]:
        after: list[Value] = []
        y, place = now, 0
        for index, cell in enumerate(cells):
            reads = y if index == 0 else cell.project(op, y)
            y, found = cell.step(graph, op, reads, states[place : place + cell.states])
            after += found
            place += cell.states
        return y, after


def _where(op: Op, flags: Value, new: Value, old: Value) -> Value:
    missing = rank(new) - rank(flags)
    if missing > 0:
        flags = op.Unsqueeze(flags, list(range(rank(flags), rank(flags) + missing)))
    y = op.Where(flags, new, old)
    y.shape = new.shape
    return y


def _input(body: Builder, name: str, like: Value, dims: Any) -> Value:
    value = body.input(body.unique(name), dims, like.dtype or ir.DataType.FLOAT)
    value.shape = ir.Shape(dims)
    return value


def _time_first(op: Op, x: Value) -> Value:
    return op.Transpose(x, perm=[1, 0, *range(2, rank(x))])


def _reversed(op: Op, x: Value, axis: int) -> Value:
    return op.Slice(x, [-1], [np.iinfo(np.int64).min], [axis], [-1])


def ran(
    node: ImportedNode, op: Op, layer: Layer, x: Value, states: Sequence[Value],
    mask: Value | None, **said: bool,
) -> tuple[Value, list[Value]]:  # fmt: skip
    """What a layer gives, and its states.

    Args:
        node: The layer, or the Bidirectional around it.
        op: ONNX's operators.
        layer: The layer.
        x: What it reads.
        states: Those before the first step.
        mask: Which steps count, [N, T].
        said: `in_order`: outputs in the order of time; `zeros`: masked steps give zeros.
    """
    inner = ImportedNode(layer, Call(), node.path, node.graph)
    get = inner.parameter
    major = bool(layer.config.get("time_major"))
    backwards = bool(get("go_backwards"))
    run = Run(node, layer, backwards, said["zeros"])
    if mask is not None:
        mask = op.Squeeze(mask, [2]) if rank(mask) == 3 else mask
        mask = mask if major else op.Transpose(mask, perm=[1, 0])
        mask = mask if mask.dtype == ir.DataType.BOOL else op.Cast(mask, to=ir.DataType.BOOL)
    run._masked = mask is not None
    y, last, after = run(op, x if major else _time_first(op, x), states, mask)
    if not get("return_sequences"):
        return last, after
    y = _reversed(op, y, 0) if backwards and not said["in_order"] else y
    return (y if major else _time_first(op, y)), after


@importer(
    "LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", doc=RECURRENT,
    unused="units activation recurrent_activation use_bias reset_after go_backwards time_major filters "
    "kernel_size strides padding data_format dilation_rate return_runtime num_constants training "
    "reverse_state_order",
)  # fmt: skip
def recurrent(
    node: ImportedNode, op: Op, x: Value, *states: Value,
    return_sequences: bool, return_state: bool, zero_output_for_mask: bool,
) -> list[Value]:  # fmt: skip
    """The states before the first step are further inputs, or the argument initial_state."""
    said = node.argument("initial_state")
    given = list(states) or [v for v in flattened(said) if isinstance(v, Value)]
    if any(isinstance(v, Value) for v in flattened(node.argument("constants"))):
        node.refuse("it is given constants")
    mask = node.mask
    how = {"in_order": False, "zeros": bool(zero_output_for_mask)}
    y, after = ran(node, op, node.layer, x, given, mask, **how)
    if return_sequences and mask is not None:
        node.graph.masks[y] = mask
    return [y, *after] if return_state else [y]


_MODES = {"sum": "Add", "mul": "Mul", "ave": "Add"}


@importer("Bidirectional", doc=f"{RECURRENT}/bidirectional", unused="layer backward_layer training")
def bidirectional(
    node: ImportedNode, op: Op, x: Value, *states: Value, merge_mode: str | None
) -> list[Value]:
    """Both directions, the outputs of the second in the order of time too."""
    parts = node.layer.parts
    layers = parts["forward_layer"], parts["backward_layer"]
    said = node.argument("initial_state")
    given = list(states) or [v for v in flattened(said) if isinstance(v, Value)]
    half = len(given) // 2
    inner = ImportedNode(layers[0], Call(), node.path, node.graph)
    sequences = bool(inner.parameter("return_sequences"))
    mask = node.mask
    zeros = sequences and node.generation >= Generation.TF
    (y, first), (z, second) = (
        ran(node, op, layer, x, before, mask, in_order=bool(place), zeros=zeros)
        for place, (layer, before) in enumerate(
            zip(layers, (given[:half], given[half:]), strict=True)
        )
    )
    if merge_mode is None:
        found = [y, z]
    elif merge_mode == "concat":
        found = [op.Concat(y, z, axis=-1)]
    else:
        found = [op[_MODES[merge_mode]](y, z)]
        found = [op.Div(found[0], 2.0)] if merge_mode == "ave" else found
    if sequences and mask is not None:
        node.graph.masks.update(dict.fromkeys(found, mask))
    return [*found, *first, *second] if inner.parameter("return_state") else found
