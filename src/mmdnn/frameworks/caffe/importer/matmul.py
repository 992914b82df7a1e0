"""Inner products (src/caffe/layers/inner_product_layer.cpp)."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import count, reshape
from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer
from mmdnn.ir.builder import Op, dimensions
from mmdnn.tensors import references


@importer("InnerProduct")
def inner_product(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """All axes from `axis` on are one vector; the axes before stay."""
    p = layer.param()
    axis = layer.axis(p.axis, x)
    if p.num_output < 1:
        layer.unfit("num_output should be 1 or more")
    length = count(x, axis)
    stored = (length, p.num_output) if p.transpose else (p.num_output, length)
    bias = [layer.weight(1, "bias", (p.num_output,))] if p.bias_term else []
    if axis == 1:
        flat = x if len(dimensions(x)) == 2 else op.Flatten(x, axis=1)
        weight = layer.weight(0, "weight", stored)
        return op.Gemm(flat, weight, *bias, transB=int(not p.transpose))
    y = op.MatMul(
        reshape(op, x, [*dimensions(x)[:axis], length]),
        layer.weight(0, "weight", stored, None if p.transpose else references.transposed),
    )
    return op.Add(y, *bias) if bias else y
