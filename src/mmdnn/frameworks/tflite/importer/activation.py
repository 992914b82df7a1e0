"""Activations (tensorflow/lite/kernels/activations.cc)."""

from __future__ import annotations

from mmdnn.frameworks.tflite.importer.table import DOC, ImportedNode, Value, importer, like, same
from mmdnn.ir.builder import Op

same({"RELU": "Relu", "TANH": "Tanh", "LOGISTIC": "Sigmoid", "ELU": "Elu"})
same({"HARD_SWISH": "HardSwish", "STABLEHLO_LOGISTIC": "Sigmoid", "STABLEHLO_TANH": "Tanh"})

_CLIPS = {"RELU6": (0, 6), "RELU_N1_TO_1": (-1, 1), "RELU_0_TO_1": (0, 1)}


@importer(*_CLIPS, doc=DOC)
def clip(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Clip(x, *(like(bound, x) for bound in _CLIPS[node.type]))


@importer("SOFTMAX", doc=DOC)
def softmax(node: ImportedNode, op: Op, x: Value, *, beta: float) -> Value:
    return op.Softmax(x if beta == 1 else op.Mul(x, like(beta, x)), axis=-1)


@importer("LOG_SOFTMAX", doc=DOC)
def log_softmax(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.LogSoftmax(x, axis=-1)


@importer("LEAKY_RELU", doc=DOC)
def leaky_relu(node: ImportedNode, op: Op, x: Value, *, alpha: float) -> Value:
    return op.LeakyRelu(x, alpha=alpha)


@importer("PRELU", doc=DOC)
def prelu(node: ImportedNode, op: Op, x: Value, slope: Value) -> Value:
    return op.PRelu(x, slope)


@importer("GELU", doc=DOC)
def gelu(node: ImportedNode, op: Op, x: Value, *, approximate: bool) -> Value:
    return op.Gelu(x, approximate="tanh" if approximate else None)
