"""From the IR to a Keras model, node by node."""

from __future__ import annotations

from functools import partial

import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.keras._order import ordered
from mmdnn.frameworks.keras.exporter.table import NAMES, Array, ExportedNode, exporter
from mmdnn.frameworks.keras.exporter.writer import Scope, Writer, write
from mmdnn.frameworks.keras.graph import Call, Generation, Layer, Model, Network, Tensor
from mmdnn.ir import layout
from mmdnn.ir.exporting import Refusals
from mmdnn.ir.passes.unrolling import unroll

MOST_STEPS = 64
"""Steps of a loop that is written out, at most."""


def from_ir(model: ir.Model, *, keep_layout: str = "") -> Model:
    """A Keras 3 model that computes what the IR model computes.

    Args:
        model: Any IR model; it is not changed.
        keep_layout: Whether inputs and outputs stay channels-first.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
    """
    model = exporter.canonical(model)
    while unroll(model, MOST_STEPS):
        model = exporter.canonical(model)
    layout.channels_last(model, keep=bool(keep_layout))
    exporter.check(model)
    scope = Scope(model)
    for value in model.graph.inputs:
        scope.values[value] = _input(scope, value)
    refusals = Refusals("Keras")
    for node in model.graph:
        if not refusals.attempt(ExportedNode(node), partial(write, scope, node)):
            scope.give_up(node)
    refusals.check()
    outputs = [_output(scope, value) for value in model.graph.outputs]
    _name(scope)
    inputs = [scope.values[value].tensor for value in model.graph.inputs]
    network = Network([], [t for t in inputs if t is not None], outputs)
    used = set(ordered(network))
    network.layers = [layer for layer in scope.layers if layer in used]
    made = Model(network, _identifier(model), Generation.KERAS3)
    made.values = _values(scope)
    made.arrangements = layout.arrangements(model)
    return made


def _identifier(model: ir.Model) -> str:
    return (
        "".join(c if c.isalnum() or c in "_-" else "_" for c in model.graph.name or "") or "model"
    )


def _input(scope: Scope, value: ir.Value) -> Array:
    kind = value.dtype or ir.DataType.FLOAT
    if kind not in NAMES:
        raise UnsupportedError(f"Keras has no inputs of {kind.name}", layer=str(value.name))
    if value.shape is None:
        raise UnsupportedError("Keras wants the rank of each input", layer=str(value.name))
    shape = [dim if isinstance(dim, int) else None for dim in value.shape]
    layer = Layer("InputLayer", scope.name(str(value.name)), said="InputLayer")
    layer.config |= {"batch_shape": shape, "dtype": NAMES[kind]}
    layer.calls.append(Call())
    scope.layers.append(layer)
    return Array.of(value, Tensor(layer))


def _output(scope: Scope, value: ir.Value) -> Tensor:
    """An output; one that is an input, or another output, has an operation of its own."""
    array, node = scope.array(value), value.producer()
    if array.tensor is None and array.constant is not None:
        nodes = [node] if node is not None else list(scope.model.graph)
        if not nodes or not scope.model.graph.inputs:
            raise UnsupportedError("it depends on no input", layer=str(value.name))
        array = Writer(scope, ExportedNode(nodes[0])).tensor(array)
        scope.values[value] = Array.of(value, array.tensor)
    if array.tensor is None:
        raise UnsupportedError(
            "it is a size, and Keras's networks have no such values", layer=str(value.name)
        )
    if array.tensor.layer.type == "InputLayer" and node is not None:
        array = Writer(scope, ExportedNode(node)).ops.Copy(array)
        scope.values[value] = Array.of(value, array.tensor)
    assert array.tensor is not None
    return array.tensor


def _name(scope: Scope) -> None:
    """The layer that makes a value has the value's name, or that of the layer before; others are numbered."""
    final: dict[Layer, ir.Value] = {}
    for value, array in scope.values.items():
        if array.tensor is not None and array.tensor.output == 0:
            final.setdefault(array.tensor.layer, value)
    for layer in scope.layers:
        if not layer.name and layer in final:
            node = scope.makers[layer]
            last = node.output is final[layer] and not _goes_on(final[layer], node.source_layer)
            wish = node.source_layer if last and node.source_layer else str(final[layer].name)
            layer.name = scope.name(wish)
    for layer in scope.layers:
        if not layer.name:
            layer.name = scope.name(f"{scope.makers[layer].layer}_{layer.said.lower()}")


def _goes_on(value: ir.Value, layer: str) -> bool:
    """Whether a further node of that layer reads a value."""
    return any(ExportedNode(use.node).source_layer == layer for use in value.uses())


def _values(scope: Scope) -> dict[str, str]:
    """The names of the IR's values by those of Keras's tensors: `layer`, and `layer.1` for its second."""
    found: dict[str, str] = {}
    for value, array in scope.values.items():
        if array.tensor is not None:
            layer, _, place = array.tensor
            found.setdefault(f"{layer.name}.{place}" if place else layer.name, str(value.name))
    return found
