"""Normalizations (tensorflow/lite/kernels/l2norm.cc, local_response_norm.cc)."""

from __future__ import annotations

from mmdnn.frameworks.tflite.importer.table import (
    DOC,
    ImportedNode,
    Value,
    first,
    importer,
    last,
    like,
)
from mmdnn.ir.builder import Op

_LEAST = 1e-6
"""What a vector's length is at least."""


@importer("L2_NORMALIZATION", doc=DOC)
def l2_normalization(node: ImportedNode, op: Op, x: Value) -> Value:
    length = op.ReduceL2(x, [-1], keepdims=1)
    return op.Div(x, op.Max(length, like(_LEAST, x)))


@importer("LOCAL_RESPONSE_NORMALIZATION", doc=DOC)
def local_response_normalization(
    node: ImportedNode, op: Op, x: Value, *, radius: int, bias: float, alpha: float, beta: float
) -> Value:
    """Alpha is not divided by the size."""
    size = 2 * radius + 1
    return last(op, op.LRN(first(op, x), size=size, bias=bias, alpha=alpha * size, beta=beta))
