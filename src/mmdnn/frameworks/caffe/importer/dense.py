"""Inner products and embeddings (src/caffe/layers/inner_product_layer.cpp, embed_layer.cpp)."""

from __future__ import annotations

import math
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.convolution import TUTORIAL
from mmdnn.frameworks.caffe.importer.table import Importing, importer
from mmdnn.ir.builder import NeedsStatic, shape


@importer("InnerProduct", doc=f"{TUTORIAL}/innerproduct.html")
def inner_product(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    """All axes from `axis` on are one vector; the axes before stay."""
    p = layer.param("inner_product_param")
    axis = layer.axis(p.axis, x)
    lead, rest = shape(x)[:axis], shape(x)[axis:]
    if None in rest:
        raise NeedsStatic(x.name)
    length = math.prod(dim for dim in rest if dim is not None)
    stored = (length, p.num_output) if p.transpose else (p.num_output, length)
    weights = [layer.weight(0, "weight", stored)]
    if p.bias_term:
        weights.append(layer.weight(1, "bias", (p.num_output,)))
    flat = x if axis == 1 and len(rest) == 1 else op.Flatten(x, axis=axis)
    y = op.Gemm(flat, *weights, transB=int(not p.transpose))
    if axis == 1:
        return y
    return op.Reshape(y, [*(-1 if dim is None else dim for dim in lead), p.num_output])
