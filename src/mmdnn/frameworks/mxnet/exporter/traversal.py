"""Walking through graphs."""

from __future__ import annotations

import re
from collections.abc import Iterable

import onnx_ir as ir

from mmdnn.frameworks.mxnet.graph import Node


def outside(graph: ir.Graph) -> list[ir.Value]:
    """The values of an outer graph that a body reads."""
    own = {*graph.inputs, *graph.initializers.values()}
    found: dict[ir.Value, None] = {}
    for node in ir.traversal.RecursiveGraphIterator(graph):
        own.update(node.outputs)
    for node in ir.traversal.RecursiveGraphIterator(graph):
        found |= {value: None for value in node.inputs if value is not None and value not in own}
    return list(found)


def reachable(heads: Iterable[Node]) -> list[Node]:
    """What the heads depend on, inputs before what reads them."""
    order: dict[Node, None] = {}
    todo = [(node, False) for node in reversed(list(heads))]
    while todo:
        node, done = todo.pop()
        if node in order:
            continue
        if done:
            order[node] = None
            continue
        todo.append((node, True))
        todo += [(entry.node, False) for entry in reversed(node.inputs)]
    return list(order)


def operator(node: ir.Node) -> str:
    """The name under which an operator is registered: its type, with its domain unless it is ONNX's."""
    return (
        plain(f"{node.domain}::{node.op_type}")
        if node.domain not in {"", "ai.onnx"}
        else node.op_type
    )


def plain(name: str) -> str:
    """The name of a local function, without the number that tells its variants apart."""
    return re.sub(r"_\d+$", "", name) if name.startswith("mmdnn.") else name
