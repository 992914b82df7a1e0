"""The fused recurrent operator (src/operator/rnn-inl.h, rnn_impl.h).

    data [T, N, C]    state [layers * ways, N, H], and of an LSTM the cell's

One vector holds all parameters, as cuDNN's does. A GRU's reset is applied after the state's product.

Lengths of sequences and a clip of the state work on GPUs only: on the CPU MXNet 1.9.1 passes them over, or
stops.
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.mxnet._rows import RECURRENT
from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir.axes import reshape
from mmdnn.ir.builder import Op, dimensions, known
from mmdnn.ir.recurrent.packing import Packing
from mmdnn.ir.recurrent.projection import projected_lstm


@importer("RNN", doc=f"{NN}.RNN", unused="lstm_state_clip_nan")
def rnn(
    node: ImportedNode, op: Op, x: ir.Value, vector: ir.Value, *states: ir.Value
) -> list[ir.Value]:
    p = node.p
    dropped = p.p
    for name in ("lstm_state_clip_min", "lstm_state_clip_max"):
        if getattr(p, name) is not None:
            node.refuse(f"{name}: MXNet has it on GPUs only")
    if p.use_sequence_length:
        node.refuse("lengths of sequences: MXNet has them on GPUs only")
    ways = 2 if p.bidirectional else 1
    packing = Packing(
        RECURRENT[p.mode], known(x, 2), p.state_size, p.num_layers, ways, p.projection_size
    )
    if packing.projection is not None and packing.kind != "LSTM":
        node.refuse("a projection, which only an LSTM has")
    if vector.const_value is None:
        node.refuse("its parameters are computed in the model")
    if known(vector, 0) != packing.total:
        node.unfit(f"it takes {packing.total} parameters, and there are {known(vector, 0)}")
    for state, size in zip(states, (packing.seen, packing.size), strict=False):
        _check_state(node, state, packing, size)
    finals: list[list[ir.Value]] = []
    for layer in range(packing.layers):
        x = op.Dropout(x, array(dropped, x)) if layer and dropped else x
        x, *last = _layer(node, op, packing, layer, x, vector, states)
        finals.append(last)
    if not p.state_outputs:
        return [x]
    ends = list(zip(*finals, strict=True))
    joined = [op.Concat(*each, axis=0) if len(each) > 1 else each[0] for each in ends]
    return [x, *joined]


def _check_state(node: ImportedNode, state: ir.Value, packing: Packing, size: int) -> None:
    dims, wanted = dimensions(state), (packing.layers * packing.ways, None, size)
    pairs = zip(dims, wanted, strict=False)
    if len(dims) != 3 or any(isinstance(d, int) and w not in {None, d} for d, w in pairs):
        node.unfit(f"a state of shape {list(dims)} is not {wanted[0]} x batch x {wanted[2]}")


def _layer(
    node: ImportedNode,
    op: Op,
    packing: Packing,
    layer: int,
    x: ir.Value,
    vector: ir.Value,
    states: tuple[ir.Value, ...],
) -> list[ir.Value]:
    """One layer: its outputs [T, N, ways * H] and its last states [ways, N, H]."""
    names = "wrb" if packing.projection is None else "wrbp"

    def weight(name: str) -> ir.Value:
        made = node.graph.changed(
            vector,
            f"l{layer}_{name.upper()}",
            lambda array: packing.take(name, array, layer),
            packing.shapes(layer)[name],
        )
        assert made is not None
        return made

    w, r, b, *rest = (weight(name) for name in names)
    direction = "bidirectional" if packing.ways == 2 else "forward"
    count = 2 if packing.kind == "LSTM" else 1
    if len(states) != count:
        node.unfit(f"it has {len(states)} states and takes {count}")
    first = [_part(op, state, layer, packing) for state in states]
    if packing.projection is not None:
        y, *last = projected_lstm(op.builder, x, (w, r, b, *rest), first, direction)
    else:
        inputs = [x, w, r, b, None, *first]
        y, *last = _run(op, packing, node.p.mode, inputs, direction)
    y = op.Transpose(y, perm=[0, 2, 1, 3])
    return [reshape(op, y, [(0,), (1,), (2, 3)]), *last]


def _part(op: Op, state: ir.Value, layer: int, packing: Packing) -> ir.Value:
    if packing.layers == 1:
        return state
    start = layer * packing.ways
    return op.Slice(state, [start], [start + packing.ways], [0])


def _run(
    op: Op, packing: Packing, mode: str, inputs: list[Any], direction: str
) -> tuple[ir.Value, ...]:
    common = {"hidden_size": packing.size, "direction": direction}
    if packing.kind == "LSTM":
        return op.outputs(3).LSTM(*inputs, **common)
    if packing.kind == "GRU":
        return op.outputs(2).GRU(*inputs, **common, linear_before_reset=1)
    name = {"rnn_tanh": "Tanh", "rnn_relu": "Relu"}[mode]
    return op.outputs(2).RNN(*inputs, **common, activations=[name] * packing.ways)
