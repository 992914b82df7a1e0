"""OptimizedRNNStack: cuDNN's layers with all parameters in one array.

A GRU's reset gate is applied after the candidate's matrix.
"""

from __future__ import annotations

import math

import onnx_ir as ir

from mmdnn.frameworks.cntk.importer.operand import Operand, sizes
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.ir.builder import Op, dimensions
from mmdnn.ir.recurrent.packing import Packing

KINDS = {
    "lstm": ("LSTM", ("Sigmoid", "Tanh", "Tanh")),
    "gru": ("GRU", ("Sigmoid", "Tanh")),
    "rnnTanh": ("RNN", ("Tanh",)),
    "rnnReLU": ("RNN", ("Relu",)),
}
"""ONNX's names, and activations."""


@importer("OptimizedRNNStack", doc=f"{API}/cntk.ops#optimized_rnnstack")
def optimized_rnn_stack(f: ImportedFunction, op: Op, x: Operand, blob: Operand) -> Operand:
    """Layers of hidden states; of two directions, the second one's after the first one's."""
    kind, activations = KINDS.get(f.get("recurrentOp", str), ("", ()))
    hidden, layers = f.get("hiddenSize", int), f.get("numLayers", int)
    both = f.get("bidirectional", bool)
    if not kind:
        f.refuse("its recurrent operator is not known")
    if x.sequence is None or x.rank != 1 or blob.value.const_value is None:
        f.refuse("it has no sequence of vectors, or computed parameters")
    count = math.prod(sizes(blob))
    if not 0 < layers <= count:
        f.unfit(f"{count} parameters for {layers} layers")
    packing = Packing(kind, sizes(x)[0], hidden, layers, 1 + both)
    if packing.total != count:
        f.unfit(f"{count} parameters instead of {packing.total}")
    lengths = op.Cast(f.graph.lengths(x.sequence), to=ir.DataType.INT32) if both else None
    value = op.Transpose(x.value, perm=[1, 0, 2])
    for layer in range(layers):
        weights = [_weight(f, blob, packing, layer, name) for name in "wrb"]
        made, *_ = f.builder.node(
            kind,
            [value, *weights, lengths] if both else [value, *weights],
            {
                "hidden_size": hidden,
                "direction": "bidirectional" if both else "forward",
                "activations": list(activations) * (1 + both),
                "linear_before_reset": 1 if kind == "GRU" else None,
            },
        )
        value = op.Reshape(op.Transpose(made, perm=[0, 2, 1, 3]), [0, 0, hidden * (1 + both)])
    result = op.Transpose(value, perm=[1, 0, 2])
    result.shape = ir.Shape([*dimensions(x.value)[:2], hidden * (1 + both)])
    return Operand(result, x.axes)


def _weight(
    f: ImportedFunction, blob: Operand, packing: Packing, layer: int, name: str
) -> ir.Value:
    """A layer's W, R or B in ONNX's form."""
    made = f.changed(
        blob,
        f"{name}{layer}",
        lambda array: packing.take(name, array, layer),
        packing.shapes(layer)[name],
    )
    assert made is not None
    return made.value
