"""Walking through graphs."""

from __future__ import annotations

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
