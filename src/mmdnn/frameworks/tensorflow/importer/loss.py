"""Losses, each with its gradient."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.tensorflow.importer.table import RAW, ImportedNode, Value, importer
from mmdnn.ir.builder import Op


@importer("SparseSoftmaxCrossEntropyWithLogits", doc=f"{RAW}/SparseSoftmaxCrossEntropyWithLogits")
def sparse_softmax_cross_entropy(
    node: ImportedNode, op: Op, x: Value, labels: Value
) -> list[Value]:
    logs = op.LogSoftmax(x, axis=-1)
    places = op.Unsqueeze(op.Cast(labels, to=ir.DataType.INT64), [1])
    loss = op.Neg(op.Squeeze(op.GatherElements(logs, places, axis=1), [1]))
    both = [node.builder.constant([0, 1], (x.dtype or ir.DataType.FLOAT).numpy())]
    hot = op.OneHot(op.Squeeze(places, [1]), op.Shape(x, start=1, end=2), *both)
    return [loss, op.Sub(op.Exp(logs), hot)]


@importer("SoftmaxCrossEntropyWithLogits", doc=f"{RAW}/SoftmaxCrossEntropyWithLogits")
def softmax_cross_entropy(node: ImportedNode, op: Op, x: Value, labels: Value) -> list[Value]:
    logs = op.LogSoftmax(x, axis=-1)
    loss = op.Neg(op.ReduceSum(op.Mul(labels, logs), [1], keepdims=0))
    return [loss, op.Sub(op.Exp(logs), labels)]
