"""Activations (tensorflow/lite/kernels/activations.cc).

Those of int16 are read from a table, between whose entries lies a line; that of tanh is so far from the
function that it is followed (reference/integer_ops/tanh.h).
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tflite.importer.quantized import is_quantized
from mmdnn.frameworks.tflite.importer.table import (
    DOC,
    ImportedNode,
    Value,
    importer,
    like,
    same,
)
from mmdnn.ir.builder import Op

same({"RELU": "Relu", "ELU": "Elu"})
same({"HARD_SWISH": "HardSwish", "STABLEHLO_LOGISTIC": "Sigmoid", "STABLEHLO_TANH": "Tanh"})

_CLIPS = {"RELU6": (0, 6), "RELU_N1_TO_1": (-1, 1), "RELU_0_TO_1": (0, 1)}


@importer(*_CLIPS, doc=DOC)
def clip(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Clip(x, *(like(bound, x) for bound in _CLIPS[node.type]))


_TABLE_STEP = 24
"""Entries of the table of sigmoid for each unit of its input."""
_FRACTION = 4096
"""Of a scale, where the integers of an input of 8 are those of int16."""


@importer("TANH", "LOGISTIC", doc=DOC)
def tanh(node: ImportedNode, op: Op, x: Value) -> Value:
    """Of int16 whose scale is 1/4096 (or 1/2048) it is computed in a fixed point of its own."""
    how = node.tensor(0)
    given = node.given[0]
    if how is None or how.quantization is None or how.dtype != ir.DataType.INT16 or given is None:
        return op["Tanh" if node.type == "TANH" else "Sigmoid"](x)
    scale = float(how.quantization.scale[0])
    if scale * _FRACTION in ((1.0, 2.0) if node.type == "TANH" else (1.0,)):
        node.refuse(f"the fixed point that it is computed in for the scale {scale} is not known")
    if node.type == "LOGISTIC":
        return op.Sigmoid(x)
    places = op.Add(op.Cast(given, to=ir.DataType.INT32), np.int32(1 << 15))
    return op.Gather(_tanh_table(scale), places)


def _tanh_table(scale: float) -> np.ndarray:
    """What tanh gives for each int16."""
    units = np.arange(256) / _TABLE_STEP
    table = np.minimum(np.round(65536 / (1 + np.exp(-units))), 65535).astype(np.int64)
    multiplier, shift = scale * _FRACTION * 3, 0
    while multiplier <= 32767 / 2 and shift <= 30:
        multiplier, shift = multiplier * 2, shift + 1
    numbers = np.arange(-(1 << 15), 1 << 15)
    moved = (numbers * int(multiplier) + ((1 << shift) >> 1)) >> shift
    size = np.abs(moved)
    entry = np.minimum(size >> 8, 254)
    line = (table[entry] << 8) + (size & 255) * (table[entry + 1] - table[entry])
    line = np.where(size >> 8 >= 255, 65535 << 8, line) - (1 << 23)
    return np.asarray(np.where(moved >= 0, line + 128, -line + 127) >> 8, np.int16)


@importer("SOFTMAX", doc=DOC)
def softmax(node: ImportedNode, op: Op, x: Value, *, beta: float) -> Value:
    """Of int16 it is read from tables."""
    if is_quantized(tensor := node.tensor(0)) and tensor and tensor.dtype == ir.DataType.INT16:
        node.refuse("its kernel for int16 is not followed to the last step")
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
