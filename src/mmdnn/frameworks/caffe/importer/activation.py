"""Element-wise layers with one input (src/caffe/layers/*_layer.cpp of the same name)."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.convolution import TUTORIAL
from mmdnn.frameworks.caffe.importer.table import Importing, importer
from mmdnn.ir.builder import shape


@importer("ReLU", doc=f"{TUTORIAL}/relu.html")
def relu(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    slope = layer.param("relu_param").negative_slope
    return op.LeakyRelu(x, alpha=slope) if slope else op.Relu(x)


@importer("PReLU", doc=f"{TUTORIAL}/prelu.html")
def prelu(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    if layer.param("prelu_param").channel_shared:
        return op.PRelu(x, layer.weight(0, "weight", (1,)))
    channels, *rest = shape(x)[1:]
    slope = layer.weight(0, "weight", (channels or 0, *[1] * len(rest)))
    return op.PRelu(x, slope)


@importer("ELU", doc=f"{TUTORIAL}/elu.html")
def elu(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Elu(x, alpha=layer.param("elu_param").alpha)


@importer("Sigmoid", doc=f"{TUTORIAL}/sigmoid.html")
def sigmoid(_layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Sigmoid(x)


@importer("TanH", doc=f"{TUTORIAL}/tanh.html")
def tanh(_layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Tanh(x)


@importer("AbsVal", doc=f"{TUTORIAL}/absval.html")
def absval(_layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Abs(x)


@importer("BNLL", doc=f"{TUTORIAL}/bnll.html")
def bnll(_layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Softplus(x)


@importer("Softmax", doc=f"{TUTORIAL}/softmax.html")
def softmax(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Softmax(x, axis=layer.axis(layer.param("softmax_param").axis, x))


@importer("Dropout", doc=f"{TUTORIAL}/dropout.html")
def dropout(layer: Importing, op: Any, x: ir.Value) -> ir.Value:
    return op.Dropout(x, layer.param("dropout_param").dropout_ratio)
