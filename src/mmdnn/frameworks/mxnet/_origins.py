"""What nodes were before they were MXNet's, as attributes of theirs, which MXNet keeps and does not read.

`__layer__` is the layer's `Origin` (see `mmdnn.ir.origin`); `__computed__` is on variables that are no
weights, but numbers of the source's own code; `__fixed__` on inputs whose batch cannot be another one;
`__input__` on inputs that a layer takes in the place of a weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import onnx_ir as ir

from mmdnn.frameworks.mxnet.graph import Entry, Node
from mmdnn.ir import COMPUTED, origin

LAYERS = "__layer__"
FIXED = "__fixed__"
INPUT = "__input__"
KEYS = {LAYERS: origin.ORIGIN, "__computed__": COMPUTED}
"""Attributes, and the metadata in the IR."""
ATTRIBUTES = frozenset({*KEYS, FIXED, INPUT})


def write(
    model: ir.Model, made: Mapping[Node, ir.Node], held: Iterable[tuple[ir.Value, Entry]]
) -> None:
    """Write down what nodes were, unless they were MXNet's.

    Args:
        model: What they were made of.
        made: The IR's node that each was made for.
        held: The IR's values, and what holds them.
    """
    note = origin.notes(model, "mxnet")

    def tell(node: Node, props: Mapping[str, str]) -> None:
        said = {attribute: props.get(key, "") for attribute, key in KEYS.items()}
        said[LAYERS] = note(props)
        node.attrs.update({attribute: text for attribute, text in said.items() if text})

    for node, source in made.items():
        tell(node, source.metadata_props)
    for value, entry in held:
        if entry.node.is_variable:
            tell(entry.node, value.metadata_props)
            batch = value.shape[0] if value.shape else None
            if value.is_graph_input() and isinstance(batch, int) and LAYERS in entry.node.attrs:
                entry.node.attrs[FIXED] = "yes"


def read(
    nodes: Iterable[Node], values: Mapping[tuple[Node, int], ir.Value], graph: ir.Graph
) -> None:
    """Record in the IR what nodes say they were.

    Args:
        nodes: The symbol's.
        values: What was made of their outputs.
        graph: The IR's nodes, which know the name of theirs.
    """
    for attribute, key in KEYS.items():
        said = {node.name: node.attrs[attribute] for node in nodes if attribute in node.attrs}
        origin.record(graph, said, key)
        for (node, _), value in values.items():
            if node.is_variable and attribute in node.attrs:
                value.metadata_props[key] = node.attrs[attribute]


def is_fixed(node: Node) -> bool:
    """Whether an input says that its batch cannot be another one."""
    return FIXED in node.attrs
