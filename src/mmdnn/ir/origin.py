"""What a model was before: the layers that it had in the framework before this one.

A model that goes from one framework to another and back should be what it was. So a framework whose files
can say it (MXNet's nodes take attributes of any name) writes down each node's layer; the importer records
that here, and the exporter of the framework before takes it up. It is a hint, never trusted: a layer is
written as the one that it was only where it still computes the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import onnx_ir as ir

from mmdnn.ir import FRAMEWORK, LAYER, PARAMETERS, TYPE

ORIGIN = "mmdnn.origin"
"""Of a node, input or initializer: the text of the `Origin` of its layer."""


@dataclass(frozen=True)
class Origin:
    """A layer of the framework before.

    Attributes:
        framework: That framework's name.
        place: The layer's place among the others.
        type: Its type, "" for an input or a weight.
        name: Its name.
        parameters: What the files said of it (see `PARAMETERS`), "" where nothing is known.
    """

    framework: str
    place: int
    type: str
    name: str
    parameters: str = ""

    @property
    def text(self) -> str:
        """It as JSON, as files and metadata have it."""
        return json.dumps({k: v for k, v in asdict(self).items() if v != ""}, ensure_ascii=False)

    @classmethod
    def of(cls, text: str) -> Origin | None:
        """What such a text says; None for any other."""
        try:
            found = cls(**{"type": "", **parsed(text)})
        except TypeError:
            return None
        kinds = {field.name: int if field.name == "place" else str for field in fields(cls)}
        usual = all(type(getattr(found, name)) is kind for name, kind in kinds.items())
        return found if usual else None


def parsed(text: str) -> dict[str, Any]:
    """What JSON of a file says by name; nothing where it is anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def describe(value: ir.Value, said: Mapping[str, bool | int | float]) -> None:
    """Note on the node that makes a value what its layer's parameters are besides."""
    node = value.producer()
    if node is not None and said:
        node.metadata_props[PARAMETERS] = json.dumps(dict(sorted(said.items())))


def described(node: ir.Node, like: Mapping[str, Any]) -> dict[str, Any]:
    """Of these parameters what was noted, of these types; else what is given."""
    found = parsed(node.metadata_props.get(PARAMETERS, ""))
    return {
        name: found[name] if type(found.get(name)) is type(value) else value
        for name, value in like.items()
    }


def notes(model: ir.Model, target: str) -> Callable[[Mapping[str, str]], str]:
    """What to write down of a node or value with this metadata, "" if nothing is known.

    That is its own layer; for a model of no framework, the one before that it knows already. It is nothing
    where that layer was one of the framework that is written: its files say it themselves.
    """
    framework = model.metadata_props.get(FRAMEWORK, "")
    layers = (each.metadata_props.get(LAYER) for each in _tagged(model.graph))
    places = {layer: place for place, layer in enumerate(dict.fromkeys(layers))}

    def note(props: Mapping[str, str]) -> str:
        if not framework or LAYER not in props:
            before = Origin.of(props.get(ORIGIN, ""))
            return before.text if before is not None and before.framework != target else ""
        if framework == target:
            return ""
        place = places.get(props[LAYER], len(places))
        said = props.get(TYPE, ""), props[LAYER], props.get(PARAMETERS, "")
        return Origin(framework, place, *said).text

    return note


def record(graph: ir.Graph, said: Mapping[str, str], key: str = ORIGIN) -> None:
    """Tell nodes what they were, or another fact, as the files say it by the names of their layers."""
    for node in graph:
        if node.metadata_props.get(LAYER) in said:
            node.metadata_props[key] = said[node.metadata_props[LAYER]]


def recorded(graph: ir.Graph, key: str = ORIGIN) -> dict[str, str]:
    """What is recorded of a graph's layers, by their names."""
    nodes = (node.metadata_props for node in graph)
    return {props[LAYER]: props[key] for props in nodes if props.keys() >= {LAYER, key}}


def _tagged(graph: ir.Graph) -> Iterator[ir.Value | ir.Node]:
    yield from graph.inputs
    yield from graph.initializers.values()
    yield from graph


def adopt(model: ir.Model, framework: str) -> None:
    """Make what the model was in this framework its layers again, in their order, in place."""
    places: dict[ir.Node | ir.Value, int] = {}
    for each in _tagged(model.graph):
        props = each.metadata_props
        before = Origin.of(props.get(ORIGIN, ""))
        if before is not None and before.framework == framework:
            places[each] = before.place
            props.pop(PARAMETERS, None)
            was = {LAYER: before.name, TYPE: before.type, PARAMETERS: before.parameters}
            props.update({key: text for key, text in was.items() if text})
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
