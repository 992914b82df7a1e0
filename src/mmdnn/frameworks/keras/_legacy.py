"""A model as Keras 2's HDF5 files have it, which Keras 3 reads too: layers only, arrays by their names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.keras import _schema
from mmdnn.frameworks.keras._order import ordered
from mmdnn.frameworks.keras.graph import Layer, Model, Tensor
from mmdnn.tensors import references

LONGEST = 64512
"""Bytes of an attribute; longer rows of names are split."""

_NEW = {"EinsumDense", "GroupNormalization", "RMSNormalization"}
_RENAMED = {
    ("LeakyReLU", "negative_slope"): "alpha",
    ("InputLayer", "batch_shape"): "batch_input_shape",
}
_LATER = {"keepdims": False, "groups": 1}
"""Parameters that tf.keras has and Keras 2.2.4 has not, at what that does."""


def write(model: Model, file: Any, progress: Callable[[int], None]) -> None:
    """Fill an HDF5 file.

    Raises:
        UnsupportedError: There are operations, or layers, that such files cannot hold; all are listed.
    """
    layers = ordered(model.network)
    refused = [(layer.said, layer.name) for layer in layers if not _is_plain(layer)]
    if refused:
        hint = "Keras keeps operations in .keras files only: end the name with .keras."
        raise UnsupportedError.listing(refused, action="written into .h5 files", hint=hint)
    later = any(layer.config.get(key, x) != x for layer in layers for key, x in _LATER.items())
    for group in (file, file.create_group("model_weights")):
        group.attrs["keras_version"] = np.bytes_("2.15.0" if later else "2.2.4")
        group.attrs["backend"] = np.bytes_("tensorflow")
    file.attrs["model_config"] = np.bytes_(json.dumps(_config(model)))
    root = file["model_weights"]
    _names(root, "layer_names", [layer.name for layer in layers])
    for layer in layers:
        group = root.create_group(layer.name)
        cell = Layer(_schema.CELLS.get(layer.type, layer.type), layer.name, layer.config)
        names = [name for name, _ in _schema.variables(cell) if name in layer.weights]
        paths = [f"{layer.name}/{name}:0" for name in names]
        _names(group, "weight_names", paths)
        for path, name in zip(paths, names, strict=True):
            array = references.read(layer.weights[name])
            group.create_dataset(path, data=array)
            progress(array.nbytes)


def _is_plain(layer: Layer) -> bool:
    several = isinstance(layer.config.get("axis"), list)
    tensors = any(isinstance(x, Tensor) for call in layer.calls for x in call.kwargs.values())
    hard = "hard_sigmoid" in layer.config.values()  # another line in Keras 2
    return (
        not layer.is_operation
        and not hard
        and not several
        and not tensors
        and layer.type not in _NEW
    )


def _config(model: Model) -> dict[str, Any]:
    network = model.network
    return {
        "class_name": "Model",
        "config": {
            "name": model.name,
            "layers": [_layer(layer) for layer in ordered(network)],
            "input_layers": [_place(tensor) for tensor in network.inputs],
            "output_layers": [_place(tensor) for tensor in network.outputs],
        },
    }


def _layer(layer: Layer) -> dict[str, Any]:
    said = {key: x for key, x in layer.config.items() if key not in _LATER or x != _LATER[key]}
    config = {_RENAMED.get((layer.type, key), key): x for key, x in said.items()}
    if layer.type != "InputLayer":
        config["trainable"] = True  # by which Keras 3 and our reader tell layers from operations
    given = [x for call in layer.calls for x in call.args]
    flat = [each for x in given for each in (x if isinstance(x, list) else [x])]
    nodes = [[[*_place(tensor), {}] for tensor in flat]] if flat else []
    return {
        "class_name": layer.type,
        "config": {"name": layer.name, **config},
        "name": layer.name,
        "inbound_nodes": nodes,
    }


def _place(tensor: Tensor) -> list[Any]:
    return [tensor.layer.name, tensor.call, tensor.output]


def _names(group: Any, key: str, names: list[str]) -> None:
    """A row of names as an attribute, or as several where it is long."""
    encoded = np.array([name.encode() for name in names], dtype="S")
    parts = -(-encoded.nbytes // LONGEST)
    if parts < 2:
        group.attrs[key] = encoded
        return
    for place, part in enumerate(np.array_split(encoded, parts + 1)):
        group.attrs[f"{key}{place}"] = part
