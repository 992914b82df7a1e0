"""The table of Keras's layers and operations, and what an importing function is given."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError
from mmdnn.frameworks.keras import _schema
from mmdnn.frameworks.keras.graph import Call, Generation, Layer, Model, Network, Tensor
from mmdnn.frameworks.keras.importer import masks
from mmdnn.frameworks.keras.importer.arguments import filled_call, flattened, tensors
from mmdnn.frameworks.keras.importer.dtypes import compute_dtype
from mmdnn.ir import importing
from mmdnn.ir.builder import Builder
from mmdnn.ir.operators import Entry

API = "https://keras.io/api"
LAYERS = f"{API}/layers"
OPS = f"{API}/ops"

importer = importing.Importer("Keras")
"""Registers a function `(node, op, *inputs) -> output or outputs` for a layer or an operation."""

Value: TypeAlias = ir.Value

_UNCAST = {"Embedding", "Functional", "InputLayer", "TimeDistributed", "Bidirectional"}
"""Layers whose inputs are not cast to the type that they compute in: those inside do it."""


class GraphImporter(importing.GraphImporter):
    """A model's graph on its way in.

    Attributes:
        model: The whole model.
        masks: Of values, which of their steps count.
        initializers: Weights that have been made.
    """

    def __init__(self, model: Model, builder: Builder | None = None) -> None:
        super().__init__(builder or Builder("mmdnn.keras", model.name), model.files.network)
        self.model = model
        self.masks: dict[Value, Value | None] = {}
        self.initializers: dict[tuple[int, str], Value] = {}

    def run(
        self,
        network: Network,
        given: Sequence[ir.Value],
        prefix: str,
        ends: Sequence[Tensor],
    ) -> list[ir.Value]:
        """The values of some tensors of a network."""
        values: dict[Tensor, Any] = dict(zip(network.inputs, given, strict=True))
        first = {layer: _first(network, layer) for layer in network.layers}
        todo = [*reversed(ends)]
        while todo:
            tensor = todo[-1]
            if tensor in values:
                todo.pop()
                continue
            layer, place = tensor.layer, tensor.call - first[tensor.layer]
            if not 0 <= place < len(layer.calls):
                raise FormatError(
                    f"it has no call {tensor.call}", layer=layer.name, operator=layer.said
                )
            call = layer.calls[place]
            needed = tensors((call.args, call.kwargs))
            missing = [each for each in needed if each not in values]
            if missing:
                if len(todo) > MOST_DEPTH:
                    raise FormatError("its layers read each other in a circle", layer=layer.name)
                todo += missing
                continue
            todo.pop()
            name = f"{prefix}{layer.name}" + (f"@{tensor.call}" if tensor.call else "")
            found = self.call(layer, filled_call(call, values), name)
            for index, value in enumerate(found):
                values[Tensor(layer, tensor.call, index)] = value
            if tensor not in values:
                raise FormatError(
                    f"it has no output {tensor.output}", layer=layer.name, operator=layer.said
                )
        return [values[end] for end in ends]

    def call(self, layer: Layer, call: Call, name: str) -> list[Any]:
        """What a layer gives, by its name.

        Args:
            layer: The layer.
            call: What it is called with, tensors being values.
            name: Its name, those of the models around it included.
        """
        if layer.network is not None:
            return self._model(layer.network, call, name)
        node = ImportedNode(layer, call, name, self)
        with self.errors_of(node), self.builder.layer(name, node.type):
            node.call_ = call = _cast(node, call)
            inputs = list(call.args) if layer.is_operation else flattened(call.args)
            inputs = [node.constant(x) if isinstance(x, np.ndarray) else x for x in inputs]
            outputs = node.call(importer.entry(layer.type), inputs)
            found = [self._named(value, name, i, len(outputs)) for i, value in enumerate(outputs)]
            strict = self.model.generation is Generation.KERAS3
            masks.follow(self.masks, layer, self.builder.op, inputs, outputs, found, strict=strict)
            return found

    def _model(self, network: Network, call: Call, name: str) -> list[Any]:
        """A model that is called as a layer."""
        given = [value for value in flattened(call.args) if isinstance(value, ir.Value)]
        mask = call.kwargs.get("mask")
        if len(given) != len(network.inputs):
            raise FormatError(f"it is called with {len(given)} inputs", layer=name)
        if isinstance(mask, ir.Value):
            self.masks[given[0]] = mask
        values = self.run(network, given, f"{name}/", network.outputs)
        with self.builder.layer(name, "Functional"):
            found = [self._named(value, name, i, len(values)) for i, value in enumerate(values)]
        for value, inner in zip(found, values, strict=True):
            self.masks[value] = self.masks.get(inner)
        return found

    def _named(self, value: Any, name: str, index: int, count: int) -> Any:
        """A value by the layer's name; one that has a name already is passed on under the new one."""
        if not isinstance(value, ir.Value):
            return value
        if value.producer() is None or value in self.named:
            value = self.builder.op.Identity(value)
        self.rename(value, f"{name}.{index}" if count > 1 else name)
        return value

    def within(self, builder: Builder) -> GraphImporter:
        """The same, making operators in the body of a loop."""
        inner = GraphImporter(self.model, builder)
        inner.root, inner.shared, inner.sources = self.root, self.shared, self.sources
        inner.initializers = self.initializers
        return inner


class ImportedNode(importing.ImportedLayer):
    """A call of a layer on its way in.

    Attributes:
        layer: The layer of the native graph.
        call_: What it is called with, tensors being values.
        graph: The graph that it becomes a part of.
        path: The names of the models that it is in, and its own.
    """

    graph: GraphImporter

    def __init__(self, layer: Layer, call: Call, path: str, graph: GraphImporter) -> None:
        super().__init__(
            path, layer.type if layer.is_operation else layer.said or layer.type, graph
        )
        self.layer = layer
        self.call_ = call
        self.path = path
        self.taken: set[str] = set()

    @property
    def generation(self) -> Generation:
        """Who has saved the model."""
        return self.graph.model.generation

    @property
    def config(self) -> dict[str, Any]:
        """The layer's parameters as the file says them."""
        return self.layer.config

    def parameter(self, name: str) -> Any:
        """A parameter, or an argument of the call; its default where neither is said."""
        self.taken.add(name)
        if name in self.call_.kwargs:
            return self.call_.kwargs[name]
        if name == "data_format":
            return self._data_format()
        found = self.layer.config.get(name)
        return found if name in self.layer.config else self._default(name)

    def _default(self, name: str) -> Any:
        return _schema.default(self.layer.type, name, self.generation)

    def _data_format(self) -> str:
        first = self.graph.model.channels_first
        return self.config.get("data_format") or ("channels_first" if first else "channels_last")

    def argument(self, name: str, default: Any = None) -> Any:
        """An argument that the layer is called with by its name."""
        self.taken.add(name)
        return self.call_.kwargs.get(name, default)

    @property
    def trains(self) -> bool:
        """Whether it is called as in training; in Keras 3 how the whole model is called goes before that."""
        said = self.argument("training")
        return said is not None and bool(said) and self.generation is not Generation.KERAS3

    def unread(self) -> dict[str, object]:
        """Parameters and arguments that say something else than the default, and nobody has taken."""
        found: dict[str, object] = {}
        for name, value in {**self.config, **self.call_.kwargs}.items():
            if name in self.taken or _schema.is_ignored(name):
                continue
            if name == "training" and self.generation is Generation.KERAS3:
                continue
            default = self._default(name)
            if value is not None and not _same(value, default):
                found[name] = value
        return found

    def call(self, entry: Entry, inputs: Sequence[Any]) -> list[Any]:
        """What a function of the table makes of the layer; arguments may also be given by name."""
        positional = [
            parameter.name
            for parameter in list(inspect.signature(entry.function).parameters.values())[2:]
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        given = list(inputs)
        for name in positional[len(given) :]:
            if name not in self.call_.kwargs:
                break
            value = self.argument(name)
            given.append(self.constant(value) if isinstance(value, np.ndarray) else value)
        return super().call(entry, given)

    def weight(self, name: str, *, dtype: ir.DataType | None = None) -> Value:
        """One of the layer's variables, in the type that it computes in.

        Raises:
            FormatError: No file holds it.
        """
        return self.weight_of(self.layer, name, dtype)

    def weight_of(self, layer: Layer, name: str, dtype: ir.DataType | None = None) -> Value:
        """A variable of a layer inside."""
        tensor = layer.weights.get(name)
        if tensor is None:
            raise FormatError(
                f"no file holds its {name}",
                layer=self.name,
                operator=self.type,
                hint="Give the file with the weights, too.",
            )
        key = id(layer), name
        if key not in self.graph.initializers:
            label = self.path if layer is self.layer else f"{self.path}.{layer.name}"
            value = self.graph.root.initializer(f"{label}.{name}", tensor)
            self.graph.initializers[key] = value
        value = self.graph.initializers[key]
        wanted = dtype or self.dtype
        if value.dtype == wanted or not _is_float(value):
            return value
        numpy = wanted.numpy()
        cast = self.graph.changed(
            value, wanted.name.lower(), lambda a: a.astype(numpy), dtype=wanted
        )
        return self.sure(cast)

    def has(self, name: str) -> bool:
        """Whether the layer has that variable."""
        return name in self.layer.weights

    def constant(self, array: np.ndarray, dtype: ir.DataType | None = None) -> Value:
        """Numbers that are no weights; floats in the type that the layer computes in."""
        wanted = dtype or (self.dtype if array.dtype.kind == "f" else None)
        return self.builder.constant(array, wanted.numpy() if wanted else None)

    @property
    def dtype(self) -> ir.DataType:
        """The type of floats that the layer computes in."""
        return compute_dtype(self.layer)

    @property
    def mask(self) -> Value | None:
        """The mask of its first input, said or followed."""
        said = self.argument("mask")
        if isinstance(said, Value):
            return said
        first = next((v for v in flattened(self.call_.args) if isinstance(v, Value)), None)
        return None if first is None else self.graph.masks.get(first)

    def sure(self, value: Value | None) -> Value:
        """A value that is there."""
        assert value is not None
        return value

    def inner(self, layer: Layer, call: Call, name: str = "") -> list[Any]:
        """What a layer inside this one gives, called so."""
        return self.graph.call(layer, call, name or f"{self.path}/{layer.name}")


MOST_DEPTH = 1 << 20


def _first(network: Network, layer: Layer) -> int:
    """The number of a layer's first call: until Keras 3, models inside begin with one of their own."""
    if layer.network is None:
        return 0
    reads = [call for other in network.layers for call in other.calls]
    found = [*tensors([(call.args, call.kwargs) for call in reads]), *network.outputs]
    most = max((tensor.call for tensor in found if tensor.layer is layer), default=0)
    return 1 if most >= len(layer.calls) else 0


def _cast(node: ImportedNode, call: Call) -> Call:
    """Floats are cast to the type that the layer computes in; operations take what they are given."""
    layer = node.layer
    if layer.is_operation or layer.type in _UNCAST or layer.config.get("autocast") is False:
        return call
    wanted = node.dtype

    def cast(value: Any) -> Any:
        if isinstance(value, list):
            return [cast(each) for each in value]
        is_float = isinstance(value, ir.Value) and value.dtype and value.dtype.is_floating_point()
        if not is_float or value.dtype == wanted:
            return value
        made = node.builder.op.Cast(value, to=wanted)
        node.graph.masks[made] = node.graph.masks.get(value)
        return made

    return Call(tuple(map(cast, call.args)), {k: cast(v) for k, v in call.kwargs.items()})


def _is_float(value: Value) -> bool:
    return value.dtype is not None and value.dtype.is_floating_point()


def _same(value: Any, default: Any) -> bool:
    if isinstance(value, (np.ndarray, Value)):
        return False
    if isinstance(value, list) and not isinstance(default, list):
        return all(each == default for each in value) and default is not None
    return bool(value == default)
