"""Activation functions."""

from __future__ import annotations

from mmdnn.frameworks.tensorflow.importer.table import RAW, ImportedNode, Value, importer, same
from mmdnn.ir.builder import Op

same(
    {
        "Relu": "Relu",
        "Selu": "Selu",
        "Sigmoid": "Sigmoid",
        "Tanh": "Tanh",
        "Softplus": "Softplus",
        "Softsign": "Softsign",
        "Elu": "Elu",
    }
)
same({"Softmax": "Softmax", "LogSoftmax": "LogSoftmax"}, axis=-1)


@importer("Relu6", doc=f"{RAW}/Relu6")
def relu6(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Clip(x, node.constant(0, x), node.constant(6, x))


@importer("LeakyRelu", doc=f"{RAW}/LeakyRelu")
def leaky_relu(node: ImportedNode, op: Op, x: Value, *, alpha: float) -> Value:
    return op.LeakyRelu(x, alpha=alpha)
