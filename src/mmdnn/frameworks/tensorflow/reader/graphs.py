"""Graphs and function bodies: nodes with their edges resolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmdnn.errors import FormatError
from mmdnn.frameworks.tensorflow.graph import ARGUMENT, Graph, Node, Ref, operators
from mmdnn.frameworks.tensorflow.reader.attributes import NOWHERE, TENSOR, Place, attribute
from mmdnn.tensors.wire import Path_, Piece, Tree

_ATTRIBUTE: Tree = {5: {2: {8: TENSOR}}}
GRAPH: Tree = {1: _ATTRIBUTE, 2: {1: {3: _ATTRIBUTE}}}
"""What of a GraphDef is left in the file: the numbers of its tensors."""
_INSIDE = 4
"""The steps of a path from a node to a tensor's field: the attribute, its value, the tensor, the field."""


class Places:
    """Where the tensors of a message's nodes lie.

    Args:
        path: The file.
        pieces: What `wire.carve` took out.
        prefix: The path to the GraphDef.
    """

    def __init__(self, path: Any, pieces: Mapping[Path_, list[Piece]], prefix: Path_ = ()) -> None:
        self.path = path
        self.nodes: dict[Path_, dict[int, list[Piece]]] = {}
        for steps, found in pieces.items():
            if steps[: len(prefix)] == prefix:
                node = steps[len(prefix) : -_INSIDE]
                number = steps[-1]
                assert isinstance(number, int)
                fields = self.nodes.setdefault(node, {})
                if fields:
                    raise FormatError("a node has two large tensors", file=path)
                fields[number] = found

    def of(self, *node: tuple[int, int]) -> Place:
        """Where the tensor of a node lies."""
        found = self.nodes.get(node)
        return Place(self.path, found) if found else NOWHERE


def graph(message: Any, places: Places) -> tuple[Graph, dict[str, Graph]]:
    """A GraphDef's nodes, and its functions by name.

    Raises:
        FormatError: Two nodes have one name, or an edge comes from nowhere.
    """
    functions = {function.signature.name: function for function in message.library.function}
    nodes = [_node(m, places.of((1, i))) for i, m in enumerate(message.node)]
    found = _graph(nodes, "")
    for node, said in zip(nodes, message.node, strict=True):
        for text in said.input:
            name, _, place = text.partition(":")
            if text.startswith("^"):
                node.controls.append(text[1:])
            else:
                node.inputs.append(_ref(found, name, place or "0", node.name))
    bodies = {}
    for index, body in enumerate(message.library.function):
        bodies[body.signature.name] = _function(body, index, places, functions)
    return found, bodies


def _graph(nodes: list[Node], name: str) -> Graph:
    by_name = {node.name: node for node in nodes}
    if len(by_name) < len(nodes):
        raise FormatError("two nodes have one name")
    return Graph(by_name, name=name)


def _node(message: Any, place: Place) -> Node:
    try:
        attributes = {
            key: attribute(value, place if value.HasField("tensor") else NOWHERE)
            for key, value in message.attr.items()
            if not key.startswith("_") or key == "_output_shapes"
        }
    except FormatError as error:
        error.layer, error.operator = error.layer or message.name, error.operator or message.op
        raise
    attributes.pop("_output_shapes", None)
    return Node(message.name, message.op, attributes=attributes)


def _ref(graph: Graph, name: str, place: str, reader: str) -> Ref:
    if name not in graph.nodes:
        raise FormatError(f"it reads '{name}', which is nowhere", layer=reader)
    if not place.isdigit():
        raise FormatError(f"it reads '{name}:{place}'", layer=reader)
    return Ref(name, int(place))


def _function(message: Any, index: int, places: Places, functions: Mapping[str, Any]) -> Graph:
    """A function's body; its arguments are nodes."""
    arguments = [Node(arg.name, ARGUMENT) for arg in message.signature.input_arg]
    nodes = [
        _node(m, places.of((2, 0), (1, index), (3, i))) for i, m in enumerate(message.node_def)
    ]
    found = _graph([*arguments, *nodes], message.signature.name)
    found.arguments = [node.name for node in arguments]
    body = _Body(found, functions)
    for node, said in zip(nodes, message.node_def, strict=True):
        for text in said.input:
            if text.startswith("^"):
                node.controls.append(text[1:])
            else:
                node.inputs.append(body.ref(text, node.name))
    returned = [message.ret.get(arg.name, "") for arg in message.signature.output_arg]
    found.results = [body.ref(text, message.signature.name) for text in returned]
    return found


class _Body:
    """The names of outputs in a function's body."""

    def __init__(self, graph: Graph, functions: Mapping[str, Any]) -> None:
        self.graph = graph
        self.functions = functions
        self.starts: dict[tuple[str, str], int] = {}

    def ref(self, text: str, reader: str) -> Ref:
        """`argument`, or `node:output:index`."""
        name, *rest = text.split(":")
        if not rest:
            return _ref(self.graph, name, "0", reader)
        if len(rest) == 1:
            return _ref(self.graph, name, rest[0], reader)
        plain = _ref(self.graph, name, rest[1], reader)
        node = self.graph.nodes[name]
        return Ref(name, self._start(node, rest[0], reader) + plain.output)

    def _start(self, node: Node, output: str, reader: str) -> int:
        """The number of the first output of that name."""
        if (node.name, output) not in self.starts:
            start = 0
            for name, count in self._outputs(node):
                self.starts[node.name, name] = start
                start += count
        if (node.name, output) not in self.starts:
            raise FormatError(f"it reads '{node.name}:{output}', which is nowhere", layer=reader)
        return self.starts[node.name, output]

    def _outputs(self, node: Node) -> list[tuple[str, int]]:
        if node.op in self.functions:
            return [(arg.name, 1) for arg in self.functions[node.op].signature.output_arg]
        rows = operators().get(node.op, {}).get("outputs", [["output"]])
        return [(row[0], _count(node, row[1]) if len(row) > 1 else 1) for row in rows]


def _count(node: Node, attribute: str) -> int:
    """How many outputs an attribute says: a number, or a list of types."""
    value = node.attributes.get(attribute, 1)
    return len(value) if isinstance(value, list) else int(value)
