"""Layers of other generations and backends as those that compute the same, once all arrays are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.graph import Generation, Layer, Model
from mmdnn.frameworks.keras.reader import keras1
from mmdnn.tensors import references

_CUDNN = {"CuDNNLSTM": ("LSTM", 4), "CuDNNGRU": ("GRU", 3)}
_KERNELS = ("kernel", "depthwise_kernel", "recurrent_kernel")
_TURNED = ("Conv", "DepthwiseConv", "SeparableConv")


def convert(model: Model) -> None:
    """Replace what Keras 3 has not, and bring arrays into its form."""
    seen = set[int]()
    for layer in list(model.network.walk()):
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        if model.generation is Generation.KERAS1:
            keras1.convert(layer)
        if model.theano and layer.type.startswith(_TURNED):
            _turn(layer)
        if layer.type in _CUDNN:
            _from_cudnn(layer)
        _merge_lora(layer)


def _turn(layer: Layer) -> None:
    """Theano turns kernels before it uses them (a convolution in the word's sense)."""
    for name in _KERNELS:
        tensor = layer.weights.get(name)
        if tensor is not None and len(tensor.shape) > 2:
            axes = tuple(range(len(tensor.shape) - 2))
            layer.weights[name] = references.lazy(tensor, _turning(axes))


def _turning(axes: tuple[int, ...]) -> references.Function:
    return lambda array: np.ascontiguousarray(np.flip(array, axes))


def _from_cudnn(layer: Layer) -> None:
    """CuDNN's arrays: each gate's matrix lies transposed, and there are two biases."""
    layer.type, gates = _CUDNN[layer.type]
    said = {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True}
    layer.config = {**layer.config, **said, "use_bias": True}
    if layer.type == "LSTM":
        layer.config.pop("reset_after")
    found = layer.weights
    shapes = {name: tensor.shape.numpy() for name, tensor in found.items()}
    cell = Layer(f"{layer.type}Cell", layer.name, layer.config, layer.said)
    layer.parts, layer.weights = {"cell": cell}, {}

    def changed(name: str, function: references.Function, shape: Sequence[int]) -> None:
        if name in found:
            cell.weights[name] = references.lazy(found[name], function, shape=shape)

    def each(function: Callable[[np.ndarray], np.ndarray]) -> references.Function:
        return lambda array: np.hstack([function(part) for part in np.hsplit(array, gates)])

    def memory(part: np.ndarray) -> np.ndarray:
        return part.T.reshape(part.shape, order="F")

    changed("kernel", each(memory), shapes.get("kernel", ()))
    changed("recurrent_kernel", each(lambda part: part.T), shapes.get("recurrent_kernel", ()))
    half = (shapes.get("bias", (0,))[0]) // 2
    if layer.type == "LSTM":
        changed("bias", lambda array: array.reshape(2, -1).sum(0), (half,))
    else:
        changed("bias", lambda array: array.reshape(2, -1), (2, half))


def _merge_lora(layer: Layer) -> None:
    """Low-rank changes that were not yet added to a layer's matrix."""
    for name in ("kernel", "embeddings"):
        parts = [layer.weights.pop(f"lora_{name}_{side}", None) for side in "ab"]
        tensor, rank = layer.weights.get(name), layer.config.get("lora_rank")
        if tensor is not None and rank and parts[0] is not None and parts[1] is not None:
            scale = (layer.config.get("lora_alpha") or rank) / rank
            layer.weights[name] = _sum(tensor, parts[0], parts[1], scale)


def _sum(
    tensor: ir.TensorProtocol, a: ir.TensorProtocol, b: ir.TensorProtocol, scale: float
) -> ir.TensorProtocol:
    def compute(array: np.ndarray) -> np.ndarray:
        more = scale * (references.read(a) @ references.read(b))
        return np.asarray(array + more, array.dtype)

    return references.lazy(tensor, compute)
