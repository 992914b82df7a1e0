"""Activations."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.mxnet._rows import ACTIVATIONS
from mmdnn.frameworks.mxnet.exporter.elementwise import is_float
from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer
from mmdnn.ir.passes.defaults import defaults

_KINDS = {onnx: kind for kind, onnx in ACTIVATIONS.items()}


@exporter(*_KINDS, doc="Relu")
def activation(node: ExportedNode, mx: Writer, x: Array) -> Array:
    kind = _KINDS[node.type]
    if kind == "relu" and not is_float(x):
        return mx._maximum_scalar(x, scalar=0)
    return mx.Activation(x, act_type=kind)


_KINDS_OF_LEAKY = {"LeakyRelu": "leaky", "Elu": "elu", "Selu": "selu", "Gelu": "gelu"}


@exporter("LeakyRelu", "Elu", doc="LeakyRelu")
def leaky_relu(node: ExportedNode, mx: Writer, x: Array, *, alpha: float) -> Array:
    return mx.LeakyReLU(x, act_type=_KINDS_OF_LEAKY[node.type], slope=alpha)


@exporter("Selu", "Gelu", doc="Selu", unused="alpha gamma approximate")
def without_slope(node: ExportedNode, mx: Writer, x: Array) -> Array:
    return mx.LeakyReLU(x, act_type=_KINDS_OF_LEAKY[node.type])


@exporter.unfit("Selu")
def _is_odd_selu(node: ir.Node) -> bool:
    """MXNet has the usual numbers only."""
    return any(
        abs(node.attributes[name].as_float() - usual.as_float()) > 1e-7
        for name, usual in defaults(node).items()
    )


@exporter.unfit("Gelu")
def _is_approximate(node: ir.Node) -> bool:
    return node.attributes["approximate"].as_string() != "none"


@exporter("PRelu", doc="PRelu")
def prelu(node: ExportedNode, mx: Writer, x: Array, slope: Array) -> Array:
    """A slope for each channel, or one for all; any other is multiplied by hand."""
    shape, rank = slope.shape, node.rank(x)
    if slope.constant is not None and shape is not None:
        channels = [int(dim) for dim in shape if isinstance(dim, int) and dim != 1]
        place = rank - len(shape)
        one = not channels
        by_channel = len(channels) == 1 and 1 - place >= 0 and shape[1 - place] == channels[0]
        if one or by_channel:
            count = channels[0] if channels else 1
            if len(shape) != 1:
                slope = mx.changed(slope, "gamma", lambda a: a.reshape(count), (count,), "flat")
            return mx.LeakyReLU(x, mx.weight(slope, "gamma", told=not one), act_type="prelu")
    below = mx.broadcast_mul(mx._minimum_scalar(x, scalar=0), slope)
    return mx.elemwise_add(mx.relu(x), below)


@exporter("HardSigmoid", doc="HardSigmoid")
def hard_sigmoid(node: ExportedNode, mx: Writer, x: Array, *, alpha: float, beta: float) -> Array:
    return mx.hard_sigmoid(x, alpha=alpha, beta=beta)


@exporter("Softmax", "LogSoftmax", doc="Softmax")
def softmax(node: ExportedNode, mx: Writer, x: Array, *, axis: int) -> Array:
    return mx.make("softmax" if node.type == "Softmax" else "log_softmax", x, axis=axis)
