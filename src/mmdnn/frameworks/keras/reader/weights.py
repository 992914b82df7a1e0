"""The arrays of a file given to the layers they belong to.

    Keras 1, 2, and `.h5` of 3    <layer>/<weight name>, in the order of `layer_names` and `weight_names`;
                                  those of a model inside lie flat in its group, trained ones first
    `.keras`, `.weights.h5`       layers/<class>_<number>/vars/<number>, and the attributes that hold layers

https://github.com/keras-team/keras/blob/v3.15.1/keras/src/legacy/saving/legacy_h5_format.py and
keras/src/saving/saving_lib.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import onnx_ir as ir

from mmdnn.frameworks.keras import _schema
from mmdnn.frameworks.keras.graph import Generation, Layer, Model, Network
from mmdnn.frameworks.keras.reader import keras1
from mmdnn.frameworks.keras.reader.config import numbered
from mmdnn.frameworks.keras.reader.hdf5 import Node, Store

Variables: TypeAlias = Callable[[str], dict[str, ir.TensorProtocol]]
"""The arrays in the group of that path, by their keys."""


class Slot(NamedTuple):
    """Where an array belongs."""

    layer: Layer
    variable: str
    trained: bool


class Stored(NamedTuple):
    """An array in a file, by the name of its variable there."""

    name: str
    tensor: ir.TensorProtocol


def load(model: Model, root: Node, store: Store) -> None:
    """Give a model's layers the arrays of a file.

    Raises:
        FormatError: It is damaged, or has links to elsewhere.
    """
    if "layer_names" in root.attrs or "layer_names0" in root.attrs:
        _by_layers(model, root, store)
        return

    def variables(path: str) -> dict[str, ir.TensorProtocol]:
        group = root.member(path)
        return {} if group is None else tensors(group, store)

    by_tree(model.network, variables)


def tensors(group: Node, store: Store) -> dict[str, ir.TensorProtocol]:
    """The arrays of a group, those with numbers in order."""
    keys = sorted(
        group.members, key=lambda key: (not key.isdigit(), int(key) if key.isdigit() else 0)
    )
    return {key: store.tensor(group.member(key), key) for key in keys}


def by_tree(network: Network, variables: Variables, path: str = "") -> None:
    """The layout of `.keras`: each class is numbered, in the order of the layers."""
    skipped = {"InputLayer"} if network.sequential else set[str]()
    layers = [one for one in network.layers if not one.type.startswith("ops.")]
    layers = [one for one in layers if one.type not in skipped]
    keys = numbered([_key(layer) for layer in layers])
    for key, layer in zip(keys, layers, strict=True):
        _own(layer, variables, f"{path}/layers/{key}")


def _key(layer: Layer) -> str:
    return "GroupedQueryAttention" if layer.said == "GroupQueryAttention" else layer.said


def _own(layer: Layer, variables: Variables, path: str) -> None:
    arrays = list(variables(f"{path}/vars").values())
    known = [name for name, _ in _schema.variables(layer)]
    names = known or [str(place) for place in range(len(arrays))]
    layer.weights.update(zip(names, arrays, strict=False))
    if layer.network is not None:
        by_tree(layer.network, variables, path)
    for key, part in layer.parts.items():
        private = _written(part, variables, f"{path}/_{key}")
        _own(part, variables, f"{path}/_{key}" if private else f"{path}/{key}")


def _written(layer: Layer, variables: Variables, path: str) -> bool:
    """Whether a layer's variables, or those of the layers inside, lie under a path."""
    return bool(variables(f"{path}/vars"))


def _by_layers(model: Model, root: Node, store: Store) -> None:
    """The older layout: by the order of names, and of layers."""
    groups: dict[str, list[Stored]] = {}
    for name in root.names("layer_names"):
        group = root.member(name)
        labels = [] if group is None else group.names("weight_names")
        groups[name] = [
            Stored(label, store.tensor(group and group.member(label), f"{name}/{label}"))
            for label in labels
        ]
    groups = {name: found for name, found in groups.items() if found}
    if model.generation is Generation.KERAS1:
        first = next((stored[0].name for stored in groups.values()), None)
        model.theano = None if first is None else not first.endswith(":0")
    layers = {layer.name: layer for layer in model.network.layers}
    if not groups.keys() <= layers.keys():
        weighty = [layer for layer in model.network.layers if list(_slots(layer, model.generation))]
        layers = dict(zip(groups, weighty, strict=False))
    for name, found in groups.items():
        if name in layers:
            slots = sorted(
                _slots(layers[name], model.generation), key=lambda slot: not slot.trained
            )
            _assign(layers[name], slots, found)
    model.unused = tuple(name for name in groups if name not in layers)


def _slots(layer: Layer, generation: Generation, trained: bool = True) -> Iterator[Slot]:
    """The variables of a layer and of all layers inside, in the order in which Keras counts them."""
    trained = trained and bool(layer.config.get("trainable", True))
    old = generation is Generation.KERAS1
    own = keras1.variables(layer) if old else _schema.variables(layer)
    for name, is_trained in own or []:
        yield Slot(layer, name, trained and is_trained)
    for part in layer.parts.values():
        yield from _slots(part, generation, trained)
    if layer.network is not None:
        for each in layer.network.layers:
            yield from _slots(each, generation, trained)


def _assign(layer: Layer, slots: list[Slot], found: list[Stored]) -> None:
    """By position where the names agree with that, else by name."""
    exact = len(slots) == len(found) and all(
        _is_called(stored.name, slot.variable) for slot, stored in zip(slots, found, strict=True)
    )
    named = all(any(_is_called(stored.name, slot.variable) for stored in found) for slot in slots)
    left = list(found)
    for place, slot in enumerate(slots):
        if exact or not named:
            stored = found[place] if place < len(found) else None
        else:
            stored = next((s for s in left if _is_called(s.name, slot.variable)), None)
        if stored is not None:
            slot.layer.weights[slot.variable] = stored.tensor
            left.remove(stored)
    for stored in left if named else []:
        layer.weights.setdefault(_last(stored.name), stored.tensor)


def _last(label: str) -> str:
    return re.sub(r"_\d+$", "", label.rpartition("/")[2].partition(":")[0])


def _is_called(label: str, variable: str) -> bool:
    last = label.rpartition("/")[2].partition(":")[0]
    return variable in {last, _last(label)} or last.endswith(f"_{variable}")
