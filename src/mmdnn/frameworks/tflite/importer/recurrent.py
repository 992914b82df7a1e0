"""LSTM and plain recurrent layers (tensorflow/lite/kernels/lstm_eval.cc, basic_rnn.cc, svdf.cc).

Gates are i f c o. A state is zero when the model begins; the interpreter keeps it from run to run, which is
not done here. Where nothing but an LSTM is meant it is ONNX's; what bounds cells, normalises gates or clips
a projection is a Scan.
"""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.tflite import _schema
from mmdnn.frameworks.tflite.importer.cells import FUNCTIONS, Lstm, Places
from mmdnn.frameworks.tflite.importer.table import (
    DOC,
    ImportedNode,
    Value,
    clipped,
    importer,
)
from mmdnn.ir.builder import Op, dimensions
from mmdnn.tensors import references


def _time_first(op: Op, x: Value, time_major: bool) -> Value:
    return x if time_major else op.Transpose(x, perm=[1, 0, 2])


@importer("UNIDIRECTIONAL_SEQUENCE_LSTM", doc=DOC)
def sequence_lstm(
    node: ImportedNode, op: Op, x: Value, *_inputs: Value | None, time_major: bool
) -> Value:
    if node.parameter("diagonal_recurrent_tensors"):
        node.refuse("its recurrent weights are diagonal")
    y = Lstm(node, Places()).run(op, _time_first(op, x, time_major))
    return _time_first(op, y, time_major)


_FORWARD = Places(states=35, norms=None)
_BACKWARD = Places(18, 22, 26, 29, 33, 37, None)


@importer("BIDIRECTIONAL_SEQUENCE_LSTM", doc=DOC)
def bidirectional_lstm(
    node: ImportedNode, op: Op, x: Value, *inputs: Value | None,
    time_major: bool, merge_outputs: bool,
) -> list[Value]:  # fmt: skip
    if any(value is not None for value in inputs[38:]):
        node.refuse("it has auxiliary inputs")
    x = _time_first(op, x, time_major)
    ways = Lstm(node, _FORWARD), Lstm(node, _BACKWARD, backwards=True)
    found = [_time_first(op, way.run(op, x), time_major) for way in ways]
    return [op.Concat(*found, axis=2)] if merge_outputs else found


@importer("LSTM", doc=DOC)
def lstm(node: ImportedNode, op: Op, x: Value, *_inputs: Value | None) -> list[Value]:
    """One step: the scratch buffer comes first, the outputs after it."""
    if node.parameter("kernel_type"):
        return _basic_lstm(node, op, x, *_inputs)
    layer = Lstm(node, Places())
    y = op.Squeeze(layer.run(op, op.Unsqueeze(x, [0])), [0])
    return [y]


def _basic_lstm(node: ImportedNode, op: Op, x: Value, *inputs: Value | None) -> list[Value]:
    """Inputs and state side by side, gates i c f o (reference_ops.h: LstmCell)."""
    for name in ("cell_clip", "proj_clip", "fused_activation_function"):
        node.taken.add(name)
    h, weights, bias, c = inputs
    if h is None or weights is None or bias is None or c is None:
        node.unfit("one of its inputs is missing")
    both = op.Concat(x, h, axis=1)
    sums = op.Gemm(both, weights, bias, transB=1)
    i, g, f, o = op.outputs(4).Split(sums, axis=1, num_outputs=4)
    after = op.Add(op.Mul(op.Sigmoid(i), op.Tanh(g)), op.Mul(op.Sigmoid(f), c))
    return [op.Mul(op.Sigmoid(o), op.Tanh(after)), after]


def _rnn(node: ImportedNode, op: Op, x: Value, first: int, state: int, **said: bool) -> Value:
    """A plain recurrent layer in one direction; x is [T, N, C]."""
    w, r, b = (node.stored(first + place) for place in range(3))
    name = _schema.named("activations", node.parameter("fused_activation_function"))
    if w is None or r is None or b is None:
        node.unfit("some of its weights are missing")
    if name not in FUNCTIONS:
        node.refuse(f"its activation is {name}")
    size = w.shape.numpy()[0]
    matrices = [
        node.graph.root.initializer(
            f"{node.name}.{letter}", references.reshaped(t, (1, *t.shape.numpy()), letter)
        )
        for letter, t in (("w", w), ("r", r))
    ]
    both = references.lazy(
        b, lambda a: np.concatenate([a, np.zeros_like(a)])[None], shape=(1, 2 * size)
    )
    bias = node.graph.root.initializer(f"{node.name}.b", both)
    h = node.real(state)
    more = [] if h is None else [None, op.Unsqueeze(h, [0])]
    y, _ = op.outputs(2).RNN(
        x, *matrices, bias, *more, hidden_size=size, activations=[FUNCTIONS[name]],
        activation_alpha=[1.0] if name == "NONE" else None,
        direction="reverse" if said.get("backwards") else None,
    )  # fmt: skip
    return op.Squeeze(y, [1])


@importer("UNIDIRECTIONAL_SEQUENCE_RNN", doc=DOC)
def sequence_rnn(
    node: ImportedNode, op: Op, x: Value, *_inputs: Value | None, time_major: bool
) -> Value:
    y = _rnn(node, op, _time_first(op, x, time_major), 1, 4)
    return _time_first(op, y, time_major)


@importer("BIDIRECTIONAL_SEQUENCE_RNN", doc=DOC)
def bidirectional_rnn(
    node: ImportedNode, op: Op, x: Value, *inputs: Value | None,
    time_major: bool, merge_outputs: bool,
) -> list[Value]:  # fmt: skip
    if any(value is not None for value in inputs[8:]):
        node.refuse("it has auxiliary inputs")
    x = _time_first(op, x, time_major)
    found = [_rnn(node, op, x, 1, 4), _rnn(node, op, x, 5, 8, backwards=True)]
    found = [_time_first(op, y, time_major) for y in found]
    return [op.Concat(*found, axis=2)] if merge_outputs else found


@importer("RNN", doc=DOC)
def rnn(node: ImportedNode, op: Op, x: Value, *_inputs: Value | None) -> Value:
    """One step."""
    return op.Squeeze(_rnn(node, op, op.Unsqueeze(x, [0]), 1, 4), [0])


@importer("SVDF", doc=DOC)
def svdf(node: ImportedNode, op: Op, x: Value, *inputs: Value | None, rank: int) -> Value:
    """Of a memory that begins with zeros the last element alone counts."""
    features, time, bias, state = inputs
    if state is not None or features is None or time is None:
        node.refuse("its state is given")
    last = op.Slice(time, [-1], [np.iinfo(np.int64).max], [1])
    filters = op.Mul(op.Gemm(x, features, transB=1), op.Transpose(last, perm=[1, 0]))
    count = dimensions(features)[0]
    if not isinstance(count, int) or rank < 1 or count % rank:
        node.unfit(f"its {count} filters are no groups of {rank}")
    y = op.ReduceSum(op.Reshape(filters, [-1, count // rank, rank]), [2], keepdims=0)
    y = y if bias is None else op.Add(y, bias)
    name = _schema.named("activations", node.parameter("fused_activation_function"))
    return clipped(node, op, y, name)
