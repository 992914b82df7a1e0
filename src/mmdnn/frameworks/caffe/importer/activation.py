"""Activations (src/caffe/layers/*_layer.cpp of the same name), and those of forks."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.elementwise import affine
from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer, plain
from mmdnn.ir.builder import NeedsStatic, Op, shape

plain(__name__)


@importer("PReLU")
def prelu(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    rank = len(shape(x))
    if rank < 2:
        layer.unfit(f"it takes 2 axes or more, and there are {rank}")
    if layer.param().channel_shared:
        return op.PRelu(x, layer.weight(0, "weight", (1,)))
    channels = shape(x)[1]
    if channels is None:
        raise NeedsStatic(x.name)
    return op.PRelu(x, layer.weight(0, "weight", (channels, *[1] * (rank - 2))))


@importer("Swish", doc="https://arxiv.org/abs/1710.05941")
def swish(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    return op.Mul(x, op.Sigmoid(affine(op, x, layer.param().beta, 0)))


@importer(
    "Mish",
    doc="https://github.com/troyliu0105/caffe/blob/master/src/caffe/layers/mish_layer.cpp",
    unused="engine",
)
def mish(_layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    return op.Mish(x)


@importer(
    "HardSwish",
    doc="https://github.com/Zeitzmz/micronet-caffe/blob/master/src/caffe/layers/hard_swish_layer.cpp",
)
def hard_swish(_layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    return op.HardSwish(x)


@importer(
    "HardSigmoid",
    doc="https://github.com/foss-for-synopsys-dwc-arc-processors/synopsys-caffe"
    "/blob/development/src/caffe/layers/hard_sigmoid_layer.cpp",
)
def hard_sigmoid(
    _layer: ImportedLayer, op: Op, x: ir.Value, *, alpha: float, beta: float
) -> ir.Value:
    return op.HardSigmoid(x, alpha=alpha, beta=beta)
