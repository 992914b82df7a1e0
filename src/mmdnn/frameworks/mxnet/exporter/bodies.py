"""Bodies of loops and branches: symbols inside the symbol."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.names import name_nodes
from mmdnn.frameworks.mxnet.exporter.scope import Scope
from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode
from mmdnn.frameworks.mxnet.exporter.writer import Writer, write
from mmdnn.frameworks.mxnet.graph import VARIABLE, Entry, Node, Symbol, reachable

OF_A_GRAPH = ("values", "derived", "stacks", "views", "cuts")
"""What a scope knows of one graph; in a body it knows other things."""


def written(
    scope: Scope,
    graph: ir.Graph,
    outputs: Sequence[ir.Value],
    formal: Sequence[ir.Value],
    owner: ExportedNode,
) -> tuple[Symbol, list[ir.Value | None], list[Array]]:
    """A body's nodes as a symbol.

    MXNet finds the variables by walking from the outputs, and numbers them in that order.

    Returns:
        The symbol; of each of its variables the value it is, None for a parameter that was made on
        the way; and outside, the arrays of those that are not `formal`.
    """
    above = {name: getattr(scope, name) for name in OF_A_GRAPH}
    vars(scope).update({name: type(known)() for name, known in above.items()})
    places: dict[ir.Value, Node] = {}
    for value in [*formal, *_outside(graph), *graph.initializers.values()]:
        if value not in places:
            kind = value.dtype
            kind = ir.DataType.FLOAT if kind == ir.DataType.BOOL else kind
            places[value] = Node(VARIABLE, f"{value.name}")
            scope.values[value] = Array(Entry(places[value]), value, kind)
    for node in graph:
        write(scope, node)
    mx = Writer(scope, owner)
    arrays: list[Array] = []
    for value in outputs:
        array = scope.array(value)
        same = array.entry in [each.entry for each in arrays] or array.entry.node.is_variable
        arrays.append(mx.make("_copy", array) if same else array)
    read = reachable(array.entry.node for array in arrays)
    for value in formal:
        if places[value] not in read:
            arrays[0] = _read_too(mx, arrays[0], outputs[0], scope.values[value])
    nodes = reachable(array.entry.node for array in arrays)
    vars(scope).update(above)
    name_nodes(scope, nodes)
    variables = [node for node in nodes if node.is_variable]
    values: dict[Node, ir.Value | None] = {node: value for value, node in places.items()}
    known = [values.get(node) for node in variables]
    handed = [
        _hoisted(scope, node) if value is None else scope.array(value)
        for node, value in zip(variables, known, strict=True)
        if value not in formal
    ]
    return Symbol(nodes, [array.entry for array in arrays]), known, handed


def _outside(graph: ir.Graph) -> list[ir.Value]:
    """The values of an outer graph that a body reads."""
    own = {*graph.inputs, *graph.initializers.values()}
    found: dict[ir.Value, None] = {}
    for node in ir.traversal.RecursiveGraphIterator(graph):
        own.update(node.outputs)
    for node in ir.traversal.RecursiveGraphIterator(graph):
        found |= {value: None for value in node.inputs if value is not None and value not in own}
    return list(found)


def _hoisted(scope: Scope, node: Node) -> Array:
    """A parameter of a body, outside it."""
    return scope.parameter(node.name, scope.params.pop(node))


def _read_too(mx: Writer, x: Array, value: ir.Value, other: Array) -> Array:
    """x, in such a way that MXNet sees the other one read: plus the sum of as many zeros."""
    nothing = mx.Reshape(mx.sum(mx.zeros_like(other)), shape=(1,) * max(len(value.shape or ()), 1))
    kind = x.dtype or ir.DataType.FLOAT
    return mx.broadcast_add(x, nothing if other.dtype == kind else mx.cast(nothing, kind))
