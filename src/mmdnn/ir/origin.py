"""What a model was before: the layers that it had in the framework before this one.

A model that goes from one framework to another and back should be what it was. So a framework whose files
can say it (MXNet's nodes take attributes of any name) writes down each node's layer; the importer records
that here, and the exporter of the framework before takes it up. It is a hint, never trusted: a layer is
written as the one that it was only where it still computes the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import onnx_ir as ir

from mmdnn.ir import FRAMEWORK, LAYER, TYPE

ORIGIN = "mmdnn.origin"
"""Of a node, input or initializer: framework, place, type and name of the layer before, by colons."""


def notes(model: ir.Model, target: str) -> Callable[[Mapping[str, str]], str]:
    """What to write down of a node or value with this metadata, "" if nothing is known.

    That is its own layer; for a model of no framework, the one before that it knows already. It is nothing
    where that layer was one of the framework that is written: its files say it themselves.
    """
    framework = model.metadata_props.get(FRAMEWORK, "")
    layers = (each.metadata_props.get(LAYER) for each in _tagged(model.graph))
    places = {layer: place for place, layer in enumerate(dict.fromkeys(layers))}

    def note(props: Mapping[str, str]) -> str:
        found = props.get(ORIGIN, "")
        if framework and LAYER in props:
            layer = props[LAYER]
            found = f"{framework}:{places.get(layer, len(places))}:{props.get(TYPE, '')}:{layer}"
        return "" if found.startswith(f"{target}:") else found

    return note


def record(graph: ir.Graph, said: Mapping[str, str], key: str = ORIGIN) -> None:
    """Tell nodes what they were, or another fact, as the files say it by the names of their layers."""
    for node in graph:
        if node.metadata_props.get(LAYER) in said:
            node.metadata_props[key] = said[node.metadata_props[LAYER]]


def _tagged(graph: ir.Graph) -> Iterator[ir.Value | ir.Node]:
    yield from graph.inputs
    yield from graph.initializers.values()
    yield from graph


def adopt(model: ir.Model, framework: str) -> None:
    """Make what the model was in this framework its layers again, in their order, in place."""
    places: dict[ir.Node | ir.Value, int] = {}
    for each in _tagged(model.graph):
        parts = each.metadata_props.get(ORIGIN, "").split(":", 3)
        if len(parts) == 4 and parts[0] == framework and parts[1].isdigit():
            places[each] = int(parts[1])
            each.metadata_props[LAYER] = parts[3]
            if parts[2]:
                each.metadata_props[TYPE] = parts[2]
    if places:
        model.metadata_props[FRAMEWORK] = framework
        _reorder(model.graph, places)


def _reorder(graph: ir.Graph, places: Mapping[ir.Node | ir.Value, int]) -> None:
    """Inputs and nodes as their layers were, where each node still comes after what it reads."""
    inputs = sorted(graph.inputs, key=lambda value: places.get(value, len(places)))
    graph.inputs[:] = inputs
    nodes, last = list(graph), 0
    keys: dict[ir.Node, int] = {}
    for node in nodes:
        last = keys[node] = places.get(node, last)
    wanted = sorted(nodes, key=keys.__getitem__)
    position = {node: place for place, node in enumerate(wanted)}
    for node in wanted:
        makers = (value.producer() for value in node.inputs if value is not None)
        if any(position.get(maker, -1) > position[node] for maker in makers if maker is not None):
            return
    graph.remove(nodes)
    graph.extend(wanted)
