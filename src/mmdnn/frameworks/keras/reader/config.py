"""A model's config to a network: layers in the words of Keras 3, and the calls that connect them.

    Keras 1, 2    inbound_nodes: [[[name, node, tensor], …]], from 2 on with the call's keywords
    Keras 3       inbound_nodes: [{args, kwargs}] with `__keras_tensor__` at any depth

https://github.com/keras-team/keras/blob/v3.15.1/keras/src/models/functional.py, and the same of 2.15, 2.2.4,
1.2.2. Nothing in a config is executed: what holds Python code is a layer that no importer knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmdnn.errors import FormatError
from mmdnn.frameworks.keras import _schema
from mmdnn.frameworks.keras.graph import Call, Generation, Layer, Network, Tensor
from mmdnn.frameworks.keras.reader import keras1, operations

MODELS = {"Model", "Functional", "Sequential", "Network"}
RENAMED = {
    **{f"BatchNormalizationV{n}": "BatchNormalization" for n in (1, 2)},
    **{f"{kind}V{n}": kind for kind in ("LSTM", "GRU") for n in (1, 2)},
    **{f"{kind}CellV{n}": f"{kind}Cell" for kind in ("LSTM", "GRU") for n in (1, 2)},
    "SyncBatchNormalization": "BatchNormalization",
    "UnifiedLSTM": "LSTM",
    "UnifiedGRU": "GRU",
    "GroupQueryAttention": "GroupedQueryAttention",
    "Convolution2D": "Conv2D",
    "Convolution1D": "Conv1D",
}
"""Classes that a later Keras calls otherwise."""
_WORDS = {"LeakyReLU": {"alpha": "negative_slope"}, "Discretization": {"bins": "bin_boundaries"}}
_CONSTANT = "_CONSTANT_VALUE"
_CODE = {"__lambda__", "__typespec__"}
_NUMBERS = {"__tensor__", "__numpy__"}


class Reference(tuple[str, int, int]):
    """A tensor as a file names it: layer, call, output."""


def network(data: Mapping[str, Any], generation: Generation) -> Network:
    """A model's network.

    Args:
        data: Its class and config.
        generation: Who has saved it.

    Raises:
        FormatError: It is none.
    """
    config, said = data.get("config"), data.get("class_name")
    if isinstance(config, list):
        config = {"layers": config}
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise FormatError(
            f"its class {said} has no layers in its config",
            hint="A subclassed model is Python code: it cannot be read from its file.",
        )
    reader = _Config(generation)
    if "input_layers" in config:
        return reader.functional(config)
    return reader.sequential(data, config)


class _Config:
    """Reads the configs of one file."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self._unnamed = 0

    def functional(self, config: Mapping[str, Any]) -> Network:
        """A graph of layers."""
        entries = config["layers"]
        layers = {str(_name(entry)): self.layer(entry) for entry in entries}
        for entry in entries:
            self._connect(layers[_name(entry)], entry, layers)
        inputs, outputs = (
            self._ends(config.get(key), layers) for key in ("input_layers", "output_layers")
        )
        return Network(list(layers.values()), inputs, outputs)

    def _connect(self, layer: Layer, entry: Mapping[str, Any], layers: dict[str, Layer]) -> None:
        for node in entry.get("inbound_nodes") or []:
            if isinstance(node, dict) and "args" in node:
                args, kwargs = self.value(node["args"]), self.value(node.get("kwargs") or {})
            else:
                args, kwargs = self._node(node, layers)
            call = Call(tuple(_resolved(args, layers)), _resolved(kwargs, layers))
            if layer.type.startswith("tf."):
                layer.type, call = operations.operation(layer.type.removeprefix("tf."), call)
            layer.calls.append(call)
        if layer.type == "InputLayer":
            layer.calls[:] = [Call()]

    def _node(self, node: Any, layers: dict[str, Layer]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a call as Keras 1 and 2 write them."""
        kwargs: dict[str, Any] = {}

        def leaves(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: leaves(each) for key, each in value.items()}
            if not isinstance(value, list):
                raise FormatError("its inbound nodes are none")
            if value and isinstance(value[0], str):
                if len(value) > 3 and isinstance(value[3], dict):
                    kwargs.update(value[3])
                if value[0] == _CONSTANT:
                    return self.value(value[2])
                return Reference(value[:3])
            return [leaves(each) for each in value]

        first = leaves(node)
        alone = isinstance(first, list) and len(first) == 1
        found = {key: self._keyword(value, layers) for key, value in kwargs.items()}
        return [first[0] if alone else first], found

    def _keyword(self, value: Any, layers: dict[str, Layer]) -> Any:
        """A keyword's value, which may hold tensors."""
        if isinstance(value, list):
            whole = len(value) >= 3 and all(type(each) is int for each in value[1:3])
            if whole and isinstance(value[0], str) and value[0] in {*layers, _CONSTANT}:
                return self.value(value[2]) if value[0] == _CONSTANT else Reference(value[:3])
            return [self._keyword(each, layers) for each in value]
        if isinstance(value, dict) and "class_name" not in value:
            return {key: self._keyword(each, layers) for key, each in value.items()}
        return self.value(value)

    def _ends(self, said: Any, layers: dict[str, Layer]) -> list[Tensor]:
        """Inputs or outputs: one, a list, or a nest of such; dictionaries by the order of their keys."""
        if isinstance(said, dict):
            return [end for key in sorted(said) for end in self._ends(said[key], layers)]
        if isinstance(said, list) and said and isinstance(said[0], str):
            return [_tensor(Reference(said[:3]), layers)]
        if not isinstance(said, list):
            raise FormatError("its inputs and outputs are none")
        return [end for each in said for end in self._ends(each, layers)]

    def sequential(self, data: Mapping[str, Any], config: Mapping[str, Any]) -> Network:
        """A chain of layers; where it says no input, one is put before it."""
        layers = [self.layer(entry) for entry in config["layers"]]
        if not layers:
            raise FormatError("it has no layers")
        if layers[0].type != "InputLayer":
            if isinstance(layers[0].config.get("layers"), list):
                return self._merged(layers)
            layers.insert(0, self._input(layers[0], data, config))
        layers[0].calls[:] = [Call()]
        return Network(layers, [Tensor(layers[0])], _chain(layers[0], layers[1:]), sequential=True)

    def _merged(self, layers: list[Layer]) -> Network:
        """A Sequential of Keras 1 that begins with a Merge of models, which stand in its config."""
        branches = [self.layer(entry) for entry in layers[0].config.pop("layers")]
        inputs = [self._input(branch, {}, {}) for branch in branches]
        for number, (branch, given) in enumerate(zip(branches, inputs, strict=True), 1):
            inner = branch.network.layers[1] if branch.network is not None else branch
            given.name = f"{inner.said.lower()}_input_{number}"
            given.calls[:] = [Call()]
            branch.calls[:] = [Call((Tensor(given),))]
        layers[0].calls[:] = [Call(([Tensor(branch) for branch in branches],))]
        outputs = _chain(layers[0], layers[1:])
        ends = [Tensor(given) for given in inputs]
        return Network([*inputs, *branches, *layers], ends, outputs, sequential=True)

    def _input(self, first: Layer, data: Mapping[str, Any], config: Mapping[str, Any]) -> Layer:
        """The input that a Sequential has before its first layer."""
        own = first.config
        shape = (
            own.get("batch_input_shape")
            or own.get("batch_shape")
            or config.get("build_input_shape")
        )
        built = data.get("build_config") or {}
        shape = shape or built.get("input_shape")
        dtype = own.get("input_dtype")
        if first.network is not None and shape is None and len(first.network.inputs) == 1:
            inner = first.network.inputs[0].layer.config
            shape = inner.get("batch_shape") or inner.get("batch_input_shape")
            dtype = dtype or inner.get("dtype")
        dtype = dtype or (own.get("dtype") if isinstance(own.get("dtype"), str) else None)
        if first.type == "Embedding" and not own.get("input_dtype"):
            dtype = "int32" if shape is not None else dtype
            shape = shape or [None, own.get("input_length")]
        said = {"batch_shape": shape, "dtype": dtype or "float32"}
        old = self.generation is Generation.KERAS1
        name = f"{first.said.lower()}_input_1" if old else f"{first.name}_input"
        return Layer("InputLayer", name, said, "InputLayer")

    def layer(self, entry: Any) -> Layer:
        """A layer, what is inside it included."""
        if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
            raise FormatError("one of its layers is none")
        said, raw = entry["class_name"], entry.get("config") or {}
        if said in MODELS and _is_ours(entry):
            raw = {"layers": raw} if isinstance(raw, list) else raw
            inner = {**entry, "config": raw}
            layer = Layer("Functional", self._named(entry), said=said)
            layer.network = network(inner, self.generation)
            layer.config = {key: raw.get(key) for key in ("trainable", "dtype") if key in raw}
            return layer
        config = {key: self.value(value, key) for key, value in raw.items()}
        type_ = _type(entry, config)
        if self.generation is Generation.KERAS1:
            type_, config = keras1.renamed(type_, config)
        words = _WORDS.get(type_, {})
        config = {words.get(key, key): value for key, value in config.items()}
        if config.get("dtype", {}) and isinstance(config["dtype"], dict):
            config["quantized"] = config["dtype"].get("config", {}).get("mode")
        layer = Layer(type_, _name(entry), config, said)
        layer.parts = self._parts(layer)
        return layer

    def _named(self, entry: Mapping[str, Any]) -> str:
        """A model's name; that of a Sequential of Keras 1 is in no file, and is a number."""
        if self.generation is not Generation.KERAS1 or not isinstance(entry.get("config"), list):
            return _name(entry)
        self._unnamed += 1
        return str(entry.get("name") or f"sequential_{self._unnamed}")

    def _parts(self, layer: Layer) -> dict[str, Layer]:
        """The layers that a layer holds."""
        config, found = layer.config, {}
        for key in ("layer", "forward_layer", "backward_layer", "cell"):
            if isinstance(config.get(key), dict) and "class_name" in config[key]:
                found[key] = self.layer(config.pop(key))
        if isinstance(config.get("cells"), list):
            cells = [self.layer(each) for each in config.pop("cells")]
            keys = numbered([cell.said for cell in cells])
            found |= {f"cells/{key}": cell for key, cell in zip(keys, cells, strict=True)}
        if layer.type in _schema.CELLS:
            found["cell"] = Layer(_schema.CELLS[layer.type], layer.name, config, layer.said)
        if layer.type == "Bidirectional":
            found = _directions(found)
        if layer.type in _schema.PROJECTIONS:
            names = _schema.PROJECTIONS[layer.type](config)
            one = {"use_bias": None, "bias_axes": config.get("use_bias", True)}
            found |= {
                f"{name}_dense": Layer("EinsumDense", name, {**config, **one}) for name in names
            }
        return found

    def value(self, value: Any, key: str = "") -> Any:
        """A value of a config or a call: lists, numbers, texts, arrays, slices, tensors."""
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if not isinstance(value, dict):
            return value
        said, config = value.get("class_name"), value.get("config") or {}
        if said == "__keras_tensor__":
            return Reference(config["keras_history"])
        if said in _NUMBERS:
            return np.array(config["value"], str(config.get("dtype") or "float32"))
        if said == "__slice__":
            return slice(*(self.value(config[key]) for key in ("start", "stop", "step")))
        if said == "__ellipsis__":
            return Ellipsis
        if said in {"__tuple__", "TensorShape"}:
            return [self.value(each) for each in value.get("items", [])]
        if said == "__bytes__":
            return value.get("value", config)
        if key in {"layer", "forward_layer", "backward_layer", "cell", "cells"} or said in _CODE:
            return value
        return {name: self.value(each, name) for name, each in value.items()}


def _directions(parts: dict[str, Layer]) -> dict[str, Layer]:
    """Both layers of a Bidirectional; the one backwards is like the other where it is not said."""
    forward = parts.get("layer") or parts.get("forward_layer")
    if forward is None:
        return parts
    backward = parts.get("backward_layer")
    if backward is None:
        turned = {**forward.config, "go_backwards": not forward.config.get("go_backwards", False)}
        backward = Layer(forward.type, f"backward_{forward.name}", turned, forward.said)
        backward.parts = {
            key: Layer(part.type, part.name, part.config, part.said, parts=dict(part.parts))
            for key, part in forward.parts.items()
        }
    return {"forward_layer": forward, "backward_layer": backward}


def numbered(classes: list[str]) -> list[str]:
    """The keys of objects in the `.keras` format: classes, with a number from the second on."""
    counts: dict[str, int] = {}
    found = []
    for name in map(_schema.snake, classes):
        count = counts.get(name, 0)
        found.append(f"{name}_{count}" if count else name)
        counts[name] = count + 1
    return found


def _is_ours(entry: Mapping[str, Any]) -> bool:
    """Whether a class is Keras's own, not one of the user's with the same name."""
    module, registered = entry.get("module"), str(entry.get("registered_name") or "")
    if ">" in registered and not registered.startswith("keras"):
        return False
    return not isinstance(module, str) or module.split(".")[0] in {"keras", "tf_keras", "builtins"}


def _type(entry: Mapping[str, Any], config: dict[str, Any]) -> str:
    """What a layer is called here."""
    said, module = entry["class_name"], str(entry.get("module") or "")
    if said in {"TFOpLambda", "SlicingOpLambda"}:
        return f"tf.{config.pop('function', None)}"
    if not _is_ours(entry):
        return str(entry.get("registered_name") or said)
    bare = not module and "trainable" not in config and said in _schema.table()["operations"]
    if module.startswith(("keras.src.ops", "keras.ops")) or bare:
        return f"ops.{said}"
    return RENAMED.get(said, str(said))


def _name(entry: Any) -> str:
    """A layer's name."""
    config = entry.get("config") if isinstance(entry, dict) else None
    name = config.get("name") if isinstance(config, dict) else None
    found = (entry.get("name") or name) if isinstance(entry, dict) else None
    return str(found or _schema.snake(str(entry.get("class_name"))))


def _resolved(value: Any, layers: dict[str, Layer]) -> Any:
    if isinstance(value, Reference):
        return _tensor(value, layers)
    if isinstance(value, list):
        return [_resolved(each, layers) for each in value]
    if isinstance(value, dict):
        return {key: _resolved(each, layers) for key, each in value.items()}
    return value


def _tensor(reference: Reference, layers: dict[str, Layer]) -> Tensor:
    name, call, output = reference
    if name not in layers:
        raise FormatError(f"it has no layer '{name}', which another one reads")
    return Tensor(layers[name], int(call), int(output))


def _chain(first: Layer, others: list[Layer]) -> list[Tensor]:
    """What the last of some layers gives, each being called with what the one before gives."""
    tensor = Tensor(first)
    for layer in others:
        layer.calls[:] = [Call((tensor,))]
        tensor = Tensor(layer)
    return [tensor]
