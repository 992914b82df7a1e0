"""Activation functions: Keras's layers and functions, and formulas of `keras.ops`."""

from __future__ import annotations

from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.keras.exporter.writer import Writer

_NAMED = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Mish": "mish",
}
"""What Keras has as a function without parameters."""


@exporter(*_NAMED, doc="Sigmoid")
def named(node: ExportedNode, keras: Writer, x: Array) -> Array:
    own = _own(node, keras, x, _NAMED[node.type])
    return own or keras.layer("Activation", x, activation=_NAMED[node.type])


def _own(node: ExportedNode, keras: Writer, x: Array, activation: str) -> Array | None:
    """The layer's own activation, where `x` is of that layer and nothing else reads it."""
    layer = x.tensor.layer if x.tensor is not None else None
    if layer is None or x.value is None or not node.source_layer:
        return None
    fits = (
        layer.type.startswith(("Conv", "DepthwiseConv", "Dense"))
        and "activation" not in layer.config
    )
    same = keras.scope.makers[layer].source_layer == node.source_layer if fits else False
    if not same or len(x.value.uses()) != 1 or x.value.is_graph_output():
        return None
    layer.config["activation"] = activation
    del keras.scope.values[x.value]
    keras.scope.makers[layer] = node
    return Array(x.tensor, dtype=x.dtype)


@exporter("Relu", doc="Relu")
def relu(node: ExportedNode, keras: Writer, x: Array) -> Array:
    if x.dtype is not None and not x.dtype.is_floating_point():
        return keras.ops.Maximum(x, 0)
    return _own(node, keras, x, "relu") or keras.layer("ReLU", x)


@exporter("LeakyRelu", doc="LeakyRelu")
def leaky_relu(node: ExportedNode, keras: Writer, x: Array, *, alpha: float) -> Array:
    """The layer takes no slope below 0; the sum of both sides takes any."""
    if alpha >= 0:
        return keras.layer("LeakyReLU", x, negative_slope=alpha)
    below = keras.ops.Multiply(keras.ops.Minimum(x, 0.0), alpha)
    return keras.ops.Add(keras.ops.Maximum(x, 0.0), below)


@exporter("PRelu", doc="PRelu")
def prelu(node: ExportedNode, keras: Writer, x: Array, slope: Array) -> Array:
    rank, tensor = node.rank(x), slope.constant
    if tensor is None or not x.shape or rank < 2:
        below = keras.ops.Multiply(x, slope)
        return keras.ops.Where(keras.ops.Less(x, 0.0), below, x)
    from mmdnn.ir.layout.order import reshaped

    shape = (*[1] * (rank - len(tensor.shape)), *tensor.shape.numpy())
    if shape[0] != 1:
        node.refuse("a slope for each of the batch")
    shared = [axis for axis in range(1, rank) if shape[axis] == 1]
    weights = {"alpha": reshaped(tensor, shape[1:])}
    return keras.layer("PReLU", x, weights=weights, shared_axes=shared or None)


@exporter("Elu", doc="Elu")
def elu(node: ExportedNode, keras: Writer, x: Array, *, alpha: float) -> Array:
    return keras.layer("ELU", x, alpha=alpha)


@exporter("Celu", doc="Celu")
def celu(node: ExportedNode, keras: Writer, x: Array, *, alpha: float) -> Array:
    return keras.ops.Celu(x, alpha=alpha)


@exporter("Selu", doc="Selu")
def selu(node: ExportedNode, keras: Writer, x: Array, *, alpha: float, gamma: float) -> Array:
    below = keras.ops.Multiply(keras.ops.Expm1(keras.ops.Minimum(x, 0.0)), alpha)
    if abs(alpha - 1.6732632423543772) < 1e-7 and abs(gamma - 1.0507009873554805) < 1e-7:
        return keras.layer("Activation", x, activation="selu")
    return keras.ops.Multiply(keras.ops.Add(keras.ops.Maximum(x, 0.0), below), gamma)


@exporter("HardSigmoid", doc="HardSigmoid")
def hard_sigmoid(
    node: ExportedNode, keras: Writer, x: Array, *, alpha: float, beta: float
) -> Array:
    line = keras.ops.Add(keras.ops.Multiply(x, alpha), beta)
    return keras.ops.Clip(line, x_min=0.0, x_max=1.0)


@exporter("HardSwish", doc="HardSwish")
def hard_swish(node: ExportedNode, keras: Writer, x: Array) -> Array:
    return keras.layer("Activation", x, activation="hard_silu")


@exporter("ThresholdedRelu", doc="ThresholdedRelu")
def thresholded_relu(node: ExportedNode, keras: Writer, x: Array, *, alpha: float) -> Array:
    return keras.ops.Where(keras.ops.Greater(x, alpha), x, 0.0)


@exporter("Gelu", doc="Gelu")
def gelu(node: ExportedNode, keras: Writer, x: Array, *, approximate: str) -> Array:
    return keras.ops.Gelu(x, approximate=approximate == "tanh")


@exporter("Softmax", doc="Softmax")
def softmax(node: ExportedNode, keras: Writer, x: Array, *, axis: int) -> Array:
    front, rank = node.axis(x, axis), node.rank(x)
    own = _own(node, keras, x, "softmax") if front == rank - 1 else None
    return own or keras.layer("Softmax", x, axis=front if front < rank - 1 else None)


@exporter("LogSoftmax", doc="LogSoftmax")
def log_softmax(node: ExportedNode, keras: Writer, x: Array, *, axis: int) -> Array:
    return keras.ops.LogSoftmax(x, axis=node.axis(x, axis))


@exporter("Hardmax", doc="Hardmax")
def hardmax(node: ExportedNode, keras: Writer, x: Array, *, axis: int) -> Array:
    front = node.axis(x, axis)
    size = (x.shape or ())[front]
    if not isinstance(size, int):
        node.refuse("the size of the axis is not known")
    largest = keras.ops.Argmax(x, axis=front)
    kind = keras.named(x.dtype) if x.dtype is not None else None
    said = front if front < node.rank(x) - 1 else -1
    return keras.ops.OneHot(largest, num_classes=size, axis=said, dtype=kind)
