"""Numbers as integers and back."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.tflite.importer.quantized import quantized
from mmdnn.frameworks.tflite.importer.table import (
    DOC,
    ImportedNode,
    Value,
    as_type,
    importer,
    is_float,
    like,
)
from mmdnn.ir.builder import Op


@importer("QUANTIZE", doc=DOC)
def quantize(node: ImportedNode, op: Op, x: Value) -> Value:
    """Numbers, or integers that stand for them otherwise."""
    tensor = node.results[0]
    real = node.real(0)
    if real is None or tensor.quantization is None:
        node.unfit("nothing says what its integers stand for")
    return quantized(node, op, real, tensor)


@importer("DEQUANTIZE", doc=DOC)
def dequantize(node: ImportedNode, op: Op, x: Value) -> Value:
    """Integers, or halves, as floats; weights in halves become floats when they are written."""
    if not is_float(x):
        real = node.real(0)
        if real is None or real is x:
            node.unfit("nothing says what its integers stand for")
        return real
    kind = node.results[0].dtype
    if x.const_value is None or kind is None or x.dtype == kind:
        return as_type(op, x, kind)
    numpy = kind.numpy()
    found = node.graph.changed(x, kind.name.lower(), lambda a: a.astype(numpy), dtype=kind)
    return found or as_type(op, x, kind)


@importer("DENSIFY", doc=DOC)
def densify(node: ImportedNode, op: Op, x: Value) -> Value:
    """The reader has made it dense."""
    return x


@importer("FAKE_QUANT", doc=DOC)
def fake_quant(
    node: ImportedNode, op: Op, x: Value, *,
    min: float, max: float, num_bits: int, narrow_range: bool,  # noqa: A002 - the schema's names
) -> Value:  # fmt: skip
    """The range is moved so that 0 is exact (core/kernels/fake_quant_ops_functor.h)."""
    one = np.float32
    low, high = one(1 if narrow_range else 0), one((1 << num_bits) - 1)
    scale = (one(max) - one(min)) / (high - low)
    zero = low - one(min) / scale
    zero = np.clip(np.floor(zero + one(0.5)), low, high)
    start, end = (low - zero) * scale, (high - zero) * scale
    clipped = op.Clip(x, like(start, x), like(end, x))
    steps = op.Floor(op.Add(op.Div(op.Sub(clipped, like(start, x)), like(scale, x)), like(0.5, x)))
    return op.Add(op.Mul(steps, like(scale, x)), like(start, x))
