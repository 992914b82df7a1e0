"""Where tensors stand in ONNX's protobuf messages.

The schema: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Graphs stand within attributes
of nodes, and tensors within both, so the trees and walks here are recursive.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mmdnn.tensors.wire import Path_, Take, Tree

if TYPE_CHECKING:
    import onnx

SMALL = 1024
"""Bytes below which a tensor stays in memory, with its graph."""

FLOAT_DATA, RAW_DATA, DOUBLE_DATA = 4, 9, 10

_BIG = Take(SMALL)
_TENSOR: Tree = {FLOAT_DATA: _BIG, RAW_DATA: _BIG, DOUBLE_DATA: _BIG}
_SPARSE: Tree = {1: _TENSOR, 2: _TENSOR}
_ATTRIBUTE: dict[int, Tree] = {5: _TENSOR, 10: _TENSOR, 22: _SPARSE, 23: _SPARSE}
_GRAPH: Tree = {1: {5: _ATTRIBUTE}, 5: _TENSOR, 15: _SPARSE}
_ATTRIBUTE |= {6: _GRAPH, 11: _GRAPH}
MODEL: Tree = {7: _GRAPH, 25: {7: {5: _ATTRIBUTE}, 11: _ATTRIBUTE}}
"""The big payloads of a ModelProto, for `wire.carve`."""

_VALUES = {
    "f": "FLOAT",
    "i": "INT",
    "s": "STRING",
    "t": "TENSOR",
    "g": "GRAPH",
    "floats": "FLOATS",
    "ints": "INTS",
    "strings": "STRINGS",
    "tensors": "TENSORS",
    "graphs": "GRAPHS",
}
"""The fields of AttributeProto that hold a value, and the type that each means."""

Found = tuple[Path_, "onnx.TensorProto"]


def tensors(model: onnx.ModelProto) -> Iterator[Found]:
    """Every dense TensorProto of a model, with its path as `wire.carve` gives it."""
    yield from _in_graph(model.graph, ((7, 0),))
    for index, function in enumerate(model.functions):
        path = ((25, index),)
        yield from _in_nodes(function.node, 7, path)
        for place, attribute in enumerate(function.attribute_proto):
            yield from _in_attribute(attribute, (*path, (11, place)))


def sparse(model: onnx.ModelProto) -> Iterator[tuple[str, Any]]:
    """What holds a sparse tensor (a graph or an attribute), with its name."""
    for graph in graphs(model):
        if getattr(graph, "sparse_initializer", None):  # functions have none
            yield graph.sparse_initializer[0].values.name, graph
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                    yield node.name or node.op_type, attribute


def graphs(model: onnx.ModelProto) -> Iterator[Any]:
    """The main graph, the functions, and every graph inside their nodes."""
    stack: list[Any] = [model.graph, *model.functions]
    while stack:
        graph = stack.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    stack.append(attribute.g)
                stack.extend(attribute.graphs)


def check_text(proto: Any) -> None:
    """Texts must be UTF-8; protobuf hands those that are not on as bytes."""
    stack = [proto]
    while stack:
        for field, value in stack.pop().ListFields():
            if field.type == field.TYPE_MESSAGE:
                stack += [value] if hasattr(value, "ListFields") else value
            elif field.type == field.TYPE_STRING:
                for text in [value] if isinstance(value, str | bytes) else value:
                    if not isinstance(text, str):
                        raise ValueError(f"the {field.name} {text[:40]!r} is no text")


def give_types(proto: onnx.ModelProto) -> None:
    """Attributes of the first IR versions have a value and no type."""
    for graph in graphs(proto):
        for attribute in (attr for node in graph.node for attr in node.attribute):
            if attribute.type or attribute.ref_attr_name:
                continue
            found = [f.name for f, _ in attribute.ListFields() if f.name in _VALUES]
            if len(found) != 1:
                raise ValueError(f"attribute '{attribute.name}' has no type")
            attribute.type = attribute.AttributeType.Value(_VALUES[found[0]])


def _in_graph(graph: onnx.GraphProto, path: Path_) -> Iterator[Found]:
    for index, tensor in enumerate(graph.initializer):
        yield (*path, (5, index)), tensor
    yield from _in_nodes(graph.node, 1, path)


def _in_nodes(nodes: Any, number: int, path: Path_) -> Iterator[Found]:
    for index, node in enumerate(nodes):
        for place, attribute in enumerate(node.attribute):
            yield from _in_attribute(attribute, (*path, (number, index), (5, place)))


def _in_attribute(attribute: onnx.AttributeProto, path: Path_) -> Iterator[Found]:
    if attribute.HasField("t"):
        yield (*path, (5, 0)), attribute.t
    for index, tensor in enumerate(attribute.tensors):
        yield (*path, (10, index)), tensor
    if attribute.HasField("g"):
        yield from _in_graph(attribute.g, (*path, (6, 0)))
    for index, graph in enumerate(attribute.graphs):
        yield from _in_graph(graph, (*path, (11, index)))
