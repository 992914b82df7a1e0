"""OptimizedRNNStack: cuDNN's layers with all parameters in one array.

Their order is cuDNN's (cudnnGetRNNLinLayerMatrixParams of NVIDIA's cuDNN documentation): of each
layer and direction the input's matrices and the state's, gate by gate, (hidden, input) row by row;
after all of these, in the same order, the two biases. An LSTM's gates are i, f, candidate, o, a
GRU's r, z, candidate, its reset gate after the candidate's matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.importer.operand import Operand, sizes
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.ir.builder import Op, dimensions


class Kind(NamedTuple):
    """A recurrent operator: ONNX's name, its gates as places among cuDNN's, and its activations."""

    op: str
    order: tuple[int, ...]
    activations: tuple[str, ...]


KINDS = {
    "lstm": Kind("LSTM", (0, 3, 1, 2), ("Sigmoid", "Tanh", "Tanh")),
    "gru": Kind("GRU", (1, 0, 2), ("Sigmoid", "Tanh")),
    "rnnTanh": Kind("RNN", (0,), ("Tanh",)),
    "rnnReLU": Kind("RNN", (0,), ("Relu",)),
}


class Part(NamedTuple):
    """Where a layer's parameters of one direction begin, in numbers."""

    w: int
    r: int
    bias: int


@importer("OptimizedRNNStack", doc=f"{API}/cntk.ops#optimized_rnnstack")
def optimized_rnn_stack(f: ImportedFunction, op: Op, x: Operand, blob: Operand) -> Operand:
    """Layers of hidden states; of two directions, the second one's after the first one's."""
    kind = KINDS.get(f.get("recurrentOp", str))
    hidden, layers = f.get("hiddenSize", int), f.get("numLayers", int)
    both = f.get("bidirectional", bool)
    if kind is None:
        f.refuse("its recurrent operator is not known")
    if x.sequence is None or x.rank != 1 or blob.value.const_value is None:
        f.refuse("it has no sequence of vectors, or computed parameters")
    if not 0 < layers <= np.prod(sizes(blob)):
        f.unfit(f"{np.prod(sizes(blob))} parameters for {layers} layers")
    widths = [sizes(x)[0], *[hidden * (1 + both)] * (layers - 1)]
    parts, total = _parts(widths, hidden, len(kind.order), 1 + both)
    if total != np.prod(sizes(blob)):
        f.unfit(f"{np.prod(sizes(blob))} parameters instead of {total}")
    lengths = op.Cast(f.graph.lengths(x.sequence), to=ir.DataType.INT32) if both else None
    value = op.Transpose(x.value, perm=[1, 0, 2])
    for width, layer in zip(widths, parts, strict=True):
        weights = list(_weights(f, blob, kind, layer, width, hidden))
        made, *_ = f.builder.node(
            kind.op,
            [value, *weights, lengths] if both else [value, *weights],
            {
                "hidden_size": hidden,
                "direction": "bidirectional" if both else "forward",
                "activations": list(kind.activations) * (1 + both),
                "linear_before_reset": 1 if kind.op == "GRU" else None,
            },
        )
        value = op.Reshape(op.Transpose(made, perm=[0, 2, 1, 3]), [0, 0, hidden * (1 + both)])
    result = op.Transpose(value, perm=[1, 0, 2])
    result.shape = ir.Shape([*dimensions(x.value)[:2], hidden * (1 + both)])
    return Operand(result, x.axes)


def _parts(
    widths: list[int], hidden: int, gates: int, directions: int
) -> tuple[list[list[Part]], int]:
    """Where the parameters of each layer's directions begin, and how many there are in all."""
    biases = sum(gates * hidden * (width + hidden) * directions for width in widths)
    at, found = 0, []
    for width in widths:
        layer = []
        for _ in range(directions):
            state = at + gates * hidden * width
            layer.append(Part(at, state, biases))
            at = state + gates * hidden * hidden
            biases += 2 * gates * hidden
        found.append(layer)
    return found, biases


def _weights(
    f: ImportedFunction, blob: Operand, kind: Kind, layer: list[Part], width: int, hidden: int
) -> Iterator[ir.Value]:
    """ONNX's W, R and B, the directions one after the other."""
    order, count = list(kind.order), len(layer)
    rows = len(order) * hidden

    def matrices(array: np.ndarray, starts: list[int], columns: int) -> np.ndarray:
        flat = array.reshape(-1)
        parts = [flat[at : at + rows * columns].reshape(-1, hidden, columns) for at in starts]
        return np.stack([part[order].reshape(rows, columns) for part in parts])

    def biases(array: np.ndarray) -> np.ndarray:
        first = matrices(array, [part.bias for part in layer], 1)
        second = matrices(array, [part.bias + rows for part in layer], 1)
        return np.concatenate([first, second], axis=1).reshape(count, 2 * rows)

    def inputs(array: np.ndarray) -> np.ndarray:
        return matrices(array, [part.w for part in layer], width)

    def states(array: np.ndarray) -> np.ndarray:
        return matrices(array, [part.r for part in layer], hidden)

    for name, function, shape in (
        ("w", inputs, (count, rows, width)),
        ("r", states, (count, rows, hidden)),
        ("b", biases, (count, 2 * rows)),
    ):
        made = f.changed(blob, f"{name}{layer[0].w}", function, shape)
        assert made is not None
        yield made.value
