"""Recurrent layers: MXNet's fused `RNN` where it computes the same, else a loop over the steps.

`RNN` (src/operator/rnn-inl.h) gives [T, N, directions * H], ONNX has [T, directions, N, H]. On the CPU it
knows no lengths of sequences: these are done beside it, by `SequenceReverse`, `SequenceMask` and
`SequenceLast`.
"""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.stacks import Stack, Tensors
from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer
from mmdnn.frameworks.mxnet.graph import Node
from mmdnn.ir.exporting import is_used
from mmdnn.ir.recurrent.nodes import ATTRIBUTES, Recurrent, read
from mmdnn.ir.recurrent.views import Inputs, View, is_plain
from mmdnn.ir.values import is_zero

MODES: dict[tuple[str, ...], str] = {("Tanh",): "rnn_tanh", ("Relu",): "rnn_relu"}
"""The two kinds of RNN, by their activations."""


@exporter.unfit("LSTM", "GRU", "RNN")
def is_spelled_out(node: ir.Node) -> bool:
    """Whether it is more than MXNet's operator does; it is a loop then."""
    said = read(node)
    if not is_plain(node, said) or _mode(said) is None:
        return True
    cut = Inputs.of(node.inputs).lengths is not None
    return cut and len(node.outputs) > 2 and is_used(node.outputs[2])


def _mode(said: Recurrent) -> str | None:
    """MXNet's word for the kind; None where it has none."""
    if said.kind == "RNN":
        modes = {MODES.get(names) for names in said.names}
        return modes.pop() if len(modes) == 1 and said.clip is None else None
    if not said.is_usual or (said.kind == "GRU" and not said.reset_after):
        return None
    return said.kind.lower()


@exporter("LSTM", "GRU", "RNN", doc="LSTM", unused=" ".join(ATTRIBUTES))
def recurrent(node: ExportedNode, mx: Writer, *operands: Array | None) -> list[Array]:
    """One node for a stack of them, if nothing else reads what is between."""
    said, given = read(node.node), Inputs.of(operands)
    mode, w, r = _mode(said), given.w.constant, given.r.constant
    assert mode is not None
    assert w is not None
    assert r is not None
    stack = Stack(mode, r.shape.numpy()[2], tuple(range(said.ways)), node.layer, given.x, given.w)
    stack.layers.append(Tensors(w, r, None if given.b is None else given.b.constant))
    stack.states.append([_given(each) for each in given.states(said.kind)])
    stack.ends.append(list(node.node.outputs[1 : 1 + stack.count]))
    if given.lengths is not None:
        y, ends = _by_lengths(node, mx, said, stack, given.lengths)
    else:
        y, ends = _written(node, mx, stack, given.x, backwards=said.backwards == (True,))
    return [_laid_out(node, mx, y, said.ways, stack.size), *ends]


@exporter("mmdnn::ProjectedLSTM", doc="LSTM", unused="hidden_size")
def projected(
    node: ExportedNode, mx: Writer, x: Array, w: Array, *others: Array, direction: str
) -> list[Array]:
    """An LSTM with `projection_size`."""
    r, b, p, h, c = others
    tensors = [each.constant for each in (w, r, b, p) if each.constant is not None]
    if len(tensors) < 4:
        node.refuse("weights that are computed while the model runs")
    weights = Tensors(*tensors)
    ways, size = weights.w.shape.numpy()[0], weights.w.shape.numpy()[1] // 4
    stack = Stack("lstm", size, tuple(range(ways)), node.layer, x, w, layers=[weights])
    stack.states.append([_given(h), _given(c)])
    stack.ends.append(list(node.node.outputs[1:3]))
    y, ends = _written(node, mx, stack, x, backwards=direction == "reverse")
    return [_laid_out(node, mx, y, ways, stack.packing.seen), *ends]


def _laid_out(node: ExportedNode, mx: Writer, y: Array, ways: int, size: int) -> Array:
    """From [T, N, directions * H] to ONNX's axes; what only turns them back finds it as it was."""
    split = mx.Reshape(y, shape=(0, 0, -4, ways, -1))
    mx.scope.views[node.output] = View((y, split), ways, size, last=False)
    return mx.transpose(split, axes=(0, 2, 1, 3))


def _given(state: Array | None) -> Array | None:
    """A first state, unless it is computed zeros."""
    plain = state is None or (not state.is_weight and is_zero(state.value))
    return None if plain else state


def _by_lengths(
    node: ExportedNode, mx: Writer, said: Recurrent, stack: Stack, lengths: Array
) -> tuple[Array, list[Array]]:
    """A node for each direction: what goes backwards is turned, each sequence by itself."""
    x, counts = stack.x, mx.cast(lengths, stack.layers[0].w.dtype)
    some = mx._maximum_scalar(counts, scalar=1)
    outputs, ends = [], []
    for way, backwards in enumerate(said.backwards):
        cut = {"axis": 0, "begin": way, "end": way + 1} if said.ways > 1 else None
        first = [
            mx.slice_axis(each, **cut) if each is not None and cut else each
            for each in stack.states[0]
        ]
        turned = mx.SequenceReverse(x, counts, use_sequence_length=True) if backwards else x
        made = replace(stack, ways=(way,), x=turned, states=[first]).write(mx, ends=False)
        y = mx.SequenceMask(made, counts, use_sequence_length=True)
        if node.wants(1):
            last = mx.SequenceLast(y, some, use_sequence_length=True)
            ends.append(mx.expand_dims(last, axis=0))
        outputs.append(mx.SequenceReverse(y, counts, use_sequence_length=True) if backwards else y)
    return _joined(mx, outputs, 2), [_joined(mx, ends, 0)] if ends else []


def _joined(mx: Writer, parts: list[Array], axis: int) -> Array:
    return parts[0] if len(parts) == 1 else mx.Concat(*parts, num_args=len(parts), dim=axis)


def _written(
    node: ExportedNode, mx: Writer, stack: Stack, x: Array, *, backwards: bool
) -> tuple[Array, list[Array]]:
    if not backwards:
        return _stacked(node, mx, stack, x)
    stack.x = mx.reverse(x, axis=(0,))
    made = stack.write(mx, ends=node.wants(1) or node.wants(2))
    return mx.reverse(made, axis=(0,)), mx.outputs(made, 3)[1:]


def _stacked(node: ExportedNode, mx: Writer, stack: Stack, x: Array) -> tuple[Array, list[Array]]:
    """On top of the stack below, if they were one operator in the source."""
    below, dropout = _below(mx, x, node.layer)
    if below is not None and _fits(mx, below, stack, dropout):
        stack = stack.above(below, dropout)
    ends = any(is_used(value) for each in stack.ends for value in each)
    made = stack.write(mx, ends=ends)
    mx.scope.stacks[made.entry.node] = stack
    lasts = mx.outputs(made, 3)[1 : 1 + stack.count]
    if len(stack.layers) == 1:
        return made, lasts
    ways = len(stack.ways)
    for layer, values in enumerate(stack.ends):
        cut = {"axis": 0, "begin": ways * layer, "end": ways * (layer + 1)}
        for value, last in zip(values, lasts, strict=False):
            if ends and is_used(value):
                part = mx.slice_axis(last, **cut)
                mx.scope.cuts[part.entry] = (last, layer, len(stack.layers))
                mx.scope.values[value] = Array(part.entry, value, last.dtype)
    return made, [mx.scope.values.get(value, lasts[0]) for value in stack.ends[-1]]


def _below(mx: Writer, x: Array, layer: str) -> tuple[Stack | None, float]:
    """The stack that makes x, and the share that is dropped on the way, if nothing else reads x."""
    alone = x.value is not None and len(x.value.uses()) == 1 and not x.value.is_graph_output()
    maker: Node = x.entry.node
    dropout = 0.0
    if maker.op == "Dropout" and mx.scope.made[maker].layer == layer:
        dropout, x = float(maker.attrs["p"]), Array(maker.inputs[0])
    return (mx.scope.stacks.get(x.entry.node) if alone and not x.entry.output else None), dropout


def _fits(mx: Writer, below: Stack, stack: Stack, dropout: float) -> bool:
    if len(below.layers) > 1 and below.dropout != dropout:
        return False
    same = (below.mode, below.size, below.ways, below.layer, below.projection)
    read = (user for values in below.ends for value in values for user, _ in value.uses())
    unread = all(user.outputs[0] not in mx.scope.values for user in read)
    return unread and same == (stack.mode, stack.size, stack.ways, stack.layer, stack.projection)
