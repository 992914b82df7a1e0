"""The nodes of one source layer, and what is known of their values."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from mmdnn.ir import COMPUTED, LAYER, TYPE
from mmdnn.ir.builder import dimensions
from mmdnn.tensors import references


class GiveUp(Exception):  # noqa: N818 - a signal: the group is not what was thought
    """The group cannot have come of such a layer."""


@dataclass(eq=False)
class Group:
    """The nodes of one source layer.

    Attributes:
        name: The layer's name.
        type: Its type.
        nodes: Its nodes, in order; an Identity at the end is no part of what is compared.
        values: The graph's values by name.
        bottoms: The values that it reads and that are no constants, each once, in order.
        weights: The initializers that it reads, each once, in order, those computed left out.
        tops: The values it makes for others.
    """

    name: str
    type: str
    nodes: list[ir.Node]
    values: dict[str, ir.Value]
    bottoms: list[ir.Value] = field(default_factory=list)
    weights: list[ir.Value] = field(default_factory=list)
    tops: list[ir.Value] = field(default_factory=list)


def groups(model: ir.Model, types: Container[str]) -> Iterator[Group]:
    """The groups of a model whose layers are of these types.

    Args:
        model: Any IR model; a group that is asked for sees what was made of those before.
        types: Of layers.
    """
    graph = model.graph
    found: dict[tuple[str, str], Group] = {}
    values = {str(value.name): value for value in graph.inputs}
    for node in graph:
        values |= {str(value.name): value for value in node.outputs}
        name, type_ = node.metadata_props.get(LAYER, ""), node.metadata_props.get(TYPE, "")
        if name and type_ in types:
            group = found.setdefault((name, type_), Group(name, type_, [], values))
            group.nodes.append(node)
    for group in found.values():
        _survey(group)
        yield group


def _survey(group: Group) -> None:
    inside = set(group.nodes)
    for node in group.nodes:
        for value in node.inputs:
            if value is None or value.producer() in inside:
                continue
            if value.const_value is None:
                _once(group.bottoms, value)
            elif COMPUTED not in value.metadata_props:
                _once(group.weights, value)
    for node in group.nodes:
        for output in node.outputs:
            users = [use.node for use in output.uses()]
            inner = bool(users) and all(user in inside for user in users)
            made_up = not users and str(output.name).startswith(f"{group.name}/")
            if output.is_graph_output() or not (inner or made_up):
                group.tops.append(output)


def _once(values: list[ir.Value], value: ir.Value) -> None:
    if value not in values:
        values.append(value)


def sizes(value: ir.Value) -> tuple[int, ...]:
    """The sizes, an open one as 0."""
    return tuple(dim if isinstance(dim, int) else 0 for dim in dimensions(value))


def stored(value: ir.Value) -> tuple[int, ...]:
    """The sizes of a weight."""
    assert value.const_value is not None
    return tuple(int(dim) for dim in value.const_value.shape.numpy())


def small(value: ir.Value | None) -> np.ndarray | None:
    """The numbers of a constant that is small and at hand."""
    tensor = value.const_value if value is not None else None
    if value is None or tensor is None or tensor.size > 1 << 16:
        return None
    if isinstance(tensor, ir.ExternalTensor):
        return references.read(tensor) if COMPUTED in value.metadata_props else None
    return tensor.numpy()
