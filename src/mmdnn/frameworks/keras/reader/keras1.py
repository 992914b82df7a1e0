"""Keras 1 in the words of Keras 3: classes, parameters, and the arrays of layers.

https://github.com/keras-team/keras/tree/1.2.2/keras/layers. A convolution's kernel lies as the picture does
(`th`: channels first, kernel (out, in, h, w)), and Theano turns each kernel before it uses it.
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.keras.graph import Layer
from mmdnn.tensors import references

CLASSES = {
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D", "AtrousConvolution2D": "Conv2D",
    "AtrousConv1D": "Conv1D", "AtrousConv2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose", "Deconv2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D", "TimeDistributedDense": "TimeDistributedDense",
}  # fmt: skip
WORDS = {
    "output_dim": "units", "nb_filter": "filters", "border_mode": "padding", "subsample": "strides",
    "subsample_length": "strides", "bias": "use_bias", "dim_ordering": "data_format", "p": "rate",
    "atrous_rate": "dilation_rate", "inner_activation": "recurrent_activation", "pool_length": "pool_size",
    "stride": "strides", "length": "size", "sigma": "stddev", "filter_length": "kernel_size",
}  # fmt: skip
_MERGES = {
    "sum": "Add", "mul": "Multiply", "concat": "Concatenate", "ave": "Average", "max": "Maximum",
    "dot": "Dot", "cos": "Dot",
}  # fmt: skip
_FORMATS = {"th": "channels_first", "tf": "channels_last"}
_SIDES = ("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3")


def renamed(type_: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A layer's class and parameters in the words of Keras 3."""
    kept = {"output_dim"} if type_ == "Embedding" else set()
    kept |= {"p"} if type_ == "Merge" else set()
    found = {key if key in kept else WORDS.get(key, key): v for key, v in config.items()}
    for sides in _SIDES:
        if all(side in found for side in sides):
            found["kernel_size"] = [found.pop(side) for side in sides]
    if "data_format" in found:
        found["data_format"] = _FORMATS.get(found["data_format"])
    if type_ == "Merge":
        return _merge(found)
    return CLASSES.get(type_, type_), found


def _merge(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    mode = config.get("mode")
    if not isinstance(mode, str) or mode not in _MERGES:
        return "Merge", config  # a function of the user
    kept: dict[str, Any] = {key: config[key] for key in ("name", "layers") if key in config}
    if mode == "concat":
        kept["axis"] = config.get("concat_axis", -1)
    if mode in {"dot", "cos"}:
        kept |= {"axes": config.get("dot_axes", -1), "normalize": mode == "cos"}
        kept["keras1"] = True
    return "Cosine" if mode == "cos" else _MERGES[mode], kept


ONLY = ("nb_filter", "border_mode", "W_regularizer", "input_dtype", "inner_activation")
"""Words that no later generation writes."""

_ALL = {
    "Dense": "W b?", "MaxoutDense": "W b?", "Embedding": "W", "PReLU": "alphas",
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"), "W b?"),
    **dict.fromkeys(("LocallyConnected1D", "LocallyConnected2D"), "W b?"),
    "SeparableConv2D": "depthwise_kernel pointwise_kernel b?", "TimeDistributedDense": "W b?",
    "BatchNormalization": "gamma beta running_mean! running_std!",
    "SimpleRNNCell": "W U b", "Highway": "W W_carry b? b_carry?",
    "ParametricSoftplus": "alphas betas", "SReLU": "t_left a_left t_right a_right",
}  # fmt: skip
"""Variables; `?`: where there is a bias, `!`: not trained."""
_GATES = {"LSTMCell": "icfo", "GRUCell": "zrh", "ConvLSTMCell": "icfo"}
"""In the order in which arrays of one gate each are stored."""
_ORDER = {"LSTMCell": "ifco", "GRUCell": "zrh", "ConvLSTMCell": "ifco"}
_NAMES = {
    "W": "kernel", "U": "recurrent_kernel", "b": "bias", "alphas": "alpha", "betas": "beta",
    "running_mean": "moving_mean", "running_std": "moving_variance", "W_carry": "carry_kernel",
    "b_carry": "carry_bias",
}  # fmt: skip
"""What `running_std` holds is the variance."""
_FIRST: dict[
    str, dict[int, tuple[int, ...]]
] = {  # channels first: where the axes of Keras 3's kernel are in that of Keras 1
    "kernel": {4: (2, 3, 1, 0), 5: (2, 3, 4, 1, 0)},
    "depthwise_kernel": {4: (2, 3, 1, 0)},
    "pointwise_kernel": {4: (2, 3, 1, 0)},
}
"""With the channels first: where the axes of Keras 3's kernel are in that of Keras 1."""


def variables(layer: Layer) -> list[tuple[str, bool]]:
    """The names of a layer's own arrays in the file, in order, and whether they are trained."""
    gates = _GATES.get(layer.type)
    if gates and layer.config.get("consume_less", "cpu") == "gpu":
        return [(name, True) for name in ("W", "U", "b")]
    if gates:
        return [(f"{name}_{gate}", True) for gate in gates for name in ("W", "U", "b")]
    words = _ALL.get(layer.type, "").split()
    kept = [word for word in words if not word.endswith("?") or layer.config.get("use_bias", True)]
    return [(word.rstrip("?!"), not word.endswith("!")) for word in kept]


def convert(layer: Layer) -> None:
    """Bring a layer's arrays into the form of Keras 3."""
    gates = _ORDER.get(layer.type, "")
    found = layer.weights
    if gates and "W" not in found and found:
        for name in ("W", "U", "b"):
            parts = [found.pop(f"{name}_{gate}") for gate in gates if f"{name}_{gate}" in found]
            if len(parts) == len(gates):
                found[name] = references.joined(parts, -1, name)
    layer.weights = {_NAMES.get(name, name): tensor for name, tensor in found.items()}
    if layer.type == "Embedding" and "kernel" in layer.weights:
        layer.weights = {"embeddings": layer.weights["kernel"]}
    for name, tensor in layer.weights.items():
        layer.weights[name] = _kernel(layer, name, tensor)


def _kernel(layer: Layer, name: str, tensor: ir.TensorProtocol) -> ir.TensorProtocol:
    rank = len(tensor.shape)
    if layer.type == "Conv1D" and rank == 4:
        return references.reshaped(
            tensor, [s for i, s in enumerate(tensor.shape.numpy()) if i != 1], name
        )
    first = layer.config.get("data_format") == "channels_first"
    if layer.type == "Conv2DTranspose" and name == "kernel":
        return references.permuted(tensor, (2, 3, 0, 1) if first else (0, 1, 3, 2))
    perm = _FIRST.get(name, {}).get(rank)
    convolution = layer.type.startswith(("Conv", "Separable"))
    return references.permuted(tensor, perm) if perm and first and convolution else tensor
