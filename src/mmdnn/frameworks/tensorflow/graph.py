"""A TensorFlow graph as plain objects: nodes, the functions that they call, and what goes in and out.

https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/framework (graph.proto, function.proto).
Edges are resolved: an input is a node and the number of its output, in function bodies too. Attributes are
Python values; one that a file leaves out has the default of its operator (`operators.json`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import onnx_ir as ir

from mmdnn.registry import Source
from mmdnn.tensors import protobuf

ARGUMENT = "_Arg"
"""The operator of a function's arguments."""


def schema() -> protobuf.Schema:
    """The messages of the files."""
    return protobuf.schema("mmdnn.frameworks.tensorflow", "tensorflow.desc")


@cache
def operators() -> dict[str, dict[str, Any]]:
    """Of each operator, the names of its outputs, and its attributes' defaults."""
    text = files("mmdnn.frameworks.tensorflow").joinpath("operators.json").read_text()
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found


DTYPES = {
    1: ir.DataType.FLOAT, 2: ir.DataType.DOUBLE, 3: ir.DataType.INT32, 4: ir.DataType.UINT8,
    5: ir.DataType.INT16, 6: ir.DataType.INT8, 7: ir.DataType.STRING, 8: ir.DataType.COMPLEX64,
    9: ir.DataType.INT64, 10: ir.DataType.BOOL, 11: ir.DataType.INT8, 12: ir.DataType.UINT8,
    13: ir.DataType.INT32, 14: ir.DataType.BFLOAT16, 15: ir.DataType.INT16, 16: ir.DataType.UINT16,
    17: ir.DataType.UINT16, 18: ir.DataType.COMPLEX128, 19: ir.DataType.FLOAT16,
    22: ir.DataType.UINT32, 23: ir.DataType.UINT64,
}  # fmt: skip
"""Types by their numbers; quantised ones are the integers that they are stored as."""
REFERENCE = 100
"""What is added to the number of a type of references."""


def dtype(number: int) -> ir.DataType:
    """A type by its number; UNDEFINED for resources, variants and what is not known."""
    return DTYPES.get(number % REFERENCE, ir.DataType.UNDEFINED)


class Ref(NamedTuple):
    """One output of a node."""

    node: str
    output: int = 0

    def __str__(self) -> str:
        return f"{self.node}:{self.output}" if self.output else self.node


class Call(NamedTuple):
    """A function that an attribute names."""

    function: str


@dataclass(eq=False)
class Node:
    """An operator.

    Attributes:
        name: Its name, unique in its graph.
        op: Its operator; or the function that it calls.
        inputs: What it reads.
        controls: The nodes that must run before it.
        attributes: As the file says them.
    """

    name: str
    op: str
    inputs: list[Ref] = field(default_factory=list)
    controls: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Graph:
    """Nodes by name, in the file's order, which need not be topological.

    Attributes:
        nodes: The nodes.
        arguments: The names of a function's arguments, which are nodes, too.
        results: What a function gives.
        name: A function's name.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    results: list[Ref] = field(default_factory=list)
    name: str = ""


class Given(NamedTuple):
    """An input of the model.

    Attributes:
        ref: What it feeds.
        dtype: Its type.
        shape: Its shape, None where it is open; None for one of any rank.
    """

    ref: Ref
    dtype: ir.DataType
    shape: tuple[int | None, ...] | None


@dataclass(eq=False)
class Model:
    """A graph, its functions and weights, and where it begins and ends.

    Attributes:
        graph: The nodes.
        functions: By name.
        inputs: By the names that the signature gives them, or their nodes'.
        outputs: Likewise.
        variables: The numbers of variables, by the names of their nodes.
        files: Where it was read from, and what the user said about it.
    """

    graph: Graph
    functions: dict[str, Graph] = field(default_factory=dict)
    inputs: dict[str, Given] = field(default_factory=dict)
    outputs: dict[str, Ref] = field(default_factory=dict)
    variables: dict[str, ir.TensorProtocol] = field(default_factory=dict)
    files: Source = field(default_factory=Source)

    def called(self, node: Node) -> Iterator[tuple[str, Graph]]:
        """The functions that a node names, by the attribute; by "" the one that it calls by its operator."""
        if node.op in self.functions:
            yield "", self.functions[node.op]
        for name, value in node.attributes.items():
            for call in value if isinstance(value, list) else [value]:
                if isinstance(call, Call) and call.function in self.functions:
                    yield name, self.functions[call.function]
