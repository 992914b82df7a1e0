"""An MXNet model as plain objects: a symbol (a graph of operators) and its arrays.

What is known of each operator, its tensor inputs, its parameters with their types and defaults, and the
names that mean it, is MXNet's own (`_schema`). The names of values are those of
`symbol.get_internals().list_outputs()`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.mxnet import _attributes
from mmdnn.frameworks.mxnet._outputs import OUTPUTS
from mmdnn.frameworks.mxnet._schema import (
    LABELS,
    PARAMETERS,
    Operator,
    canonical,
    is_hidden,
    operators,
)
from mmdnn.registry import Source
from mmdnn.shapes import OpenShape

VARIABLE = "null"
"""What a file calls the operator of a variable: an input or a parameter."""


class Entry(NamedTuple):
    """One output of a node."""

    node: Node
    output: int = 0
    version: int = 0


@dataclass(eq=False)
class Node:
    """One operator, or a variable.

    Attributes:
        op: The operator as the file calls it; `VARIABLE` for a variable.
        name: The node's name; not unique in every file.
        attrs: The operator's parameters as the file writes them, texts; of a variable, and under
            names such as `__shape__`, what the user has attached.
        inputs: What it reads, in the operator's order, auxiliary states last.
        subgraphs: Of control flow operators.
        control: Nodes that must have run before (files of MXNet 1.x leave it out).
    """

    op: str
    name: str
    attrs: dict[str, str] = field(default_factory=dict)
    inputs: list[Entry] = field(default_factory=list)
    subgraphs: list[Symbol] = field(default_factory=list)
    control: list[Node] = field(default_factory=list)

    @property
    def is_variable(self) -> bool:
        """Whether it is an input or a parameter."""
        return self.op == VARIABLE

    @property
    def type(self) -> str:
        """The operator's own name, where the file uses another that means it."""
        return canonical(self.op)

    @property
    def schema(self) -> Operator | None:
        """What is known of the operator; None where MXNet 1.9.1 has no such one."""
        return operators().get(self.type)

    def param(self, name: str) -> Any:
        """A parameter, parsed as MXNet parses it, or the operator's default.

        Returns:
            bool, int, float, str, tuple or None, by the parameter's type.

        Raises:
            FormatError: The text cannot be parsed, or a parameter without default is missing.
            UnsupportedError: The operator has no such parameter.
        """
        schema = self.schema
        if schema is None or name not in schema.params:
            raise UnsupportedError(
                f"its parameter {name} is not known", layer=self.name, operator=self.op
            )
        kind, separator, default = schema.params[name].rpartition("=")
        if not separator:
            kind, default = default, ""
        try:
            if name in self.attrs:
                return _attributes.parse(kind, self.attrs[name])
            if not separator:
                raise ValueError("it is missing")
            return _attributes.parse(kind, default)
        except ValueError as error:
            raise FormatError(
                f"parameter {name}: {error}", layer=self.name, operator=self.op
            ) from None

    @property
    def read(self) -> list[Entry]:
        """What its outputs depend on: its inputs, without the label that only training reads."""
        return [e for place, e in enumerate(self.inputs) if place != LABELS.get(self.type)]

    @property
    def params(self) -> dict[str, str]:
        """The operator's parameters among the attributes, not what users attach to nodes."""
        return {key: text for key, text in self.attrs.items() if not is_hidden(key)}

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of its outputs, hidden ones included, without the node's name."""
        if self.type in OUTPUTS:
            named = OUTPUTS[self.type]
            return named if isinstance(named, tuple) else named(self)
        return ("output",)

    def output_name(self, index: int) -> str:
        """The name of an output's value; of a variable, its own.

        Raises:
            FormatError: It has no such output.
        """
        if self.is_variable and index == 0:
            return self.name
        if self.is_variable or index >= len(self.outputs):
            raise FormatError(f"it has no output {index}", layer=self.name, operator=self.op)
        output = self.outputs[index]
        return f"{self.name}_{output}" if self.name else output


def reachable(heads: Iterable[Node], *, labels: bool = True) -> list[Node]:
    """What the heads depend on, inputs before what reads them; without labels, at inference."""
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
        read = node.inputs if labels else node.read
        todo += [(entry.node, False) for entry in reversed(read)]
    return list(order)


@dataclass(eq=False)
class Symbol:
    """A graph.

    Attributes:
        nodes: In the file's order, which is topological.
        heads: Its outputs.
        attrs: The file's own, e.g. {"mxnet_version": ["int", 10901]}.
    """

    nodes: list[Node]
    heads: list[Entry]
    attrs: dict[str, Any] = field(default_factory=dict)

    @property
    def variables(self) -> list[Node]:
        """Inputs and parameters, in the file's order."""
        return [node for node in self.nodes if node.is_variable]

    @property
    def operators(self) -> list[Node]:
        """The nodes that compute."""
        return [node for node in self.nodes if not node.is_variable]

    @property
    def parameters(self) -> set[Node]:
        """Variables that layers have of their own, or that say how they are initialised.

        UpSampling takes several pictures instead of a weight, unless it is bilinear; MXNet itself says of
        these how they are initialised.
        """
        found = {node for node in self.variables if "__init__" in node.attrs}
        for node in self.operators:
            pictures = node.type == "UpSampling" and node.param("sample_type") != "bilinear"
            inputs = node.schema.inputs if node.schema is not None else ()
            if pictures:
                found -= {entry.node for entry in node.inputs}
            elif inputs[:1] == ("data",):
                read = zip(inputs, node.inputs, strict=False)
                found |= {entry.node for name, entry in read if name in PARAMETERS}
        return {node for node in found if node.is_variable}

    def walk(self) -> Iterator[Node]:
        """All nodes, those of subgraphs included."""
        for node in self.nodes:
            yield node
            for subgraph in node.subgraphs:
                yield from subgraph.walk()


@dataclass(eq=False)
class Model:
    """A symbol with its arrays.

    Attributes:
        symbol: The graph.
        params: Arrays by name: arguments and auxiliary states that the symbol may use.
        auxiliary: Which of the names are auxiliary states (running statistics).
        inputs: The variables that must be fed, and their shapes where something says them (None
            for a size, or a whole shape, that nothing does).
        numpy: Whether shapes follow NumPy: () is a scalar and 0 a size (arrays of format V3).
        files: Where it was read from, and what the user said about it.
        labels: Variables that only training reads.
        needed: What the first operators that read inputs say of their shapes.
        assumed: What is taken for the shapes of inputs that nothing says.
        weights: The file with the arrays, None where there is none.
        unused: Names of arrays that the file has, and no variable.
    """

    symbol: Symbol
    params: dict[str, ir.TensorProtocol] = field(default_factory=dict)
    auxiliary: set[str] = field(default_factory=set)
    inputs: dict[str, OpenShape | None] = field(default_factory=dict)
    numpy: bool = False
    files: Source = field(default_factory=Source)
    labels: tuple[str, ...] = ()
    needed: dict[str, OpenShape] = field(default_factory=dict)
    assumed: dict[str, OpenShape] = field(default_factory=dict)
    weights: Path | None = None
    unused: tuple[str, ...] = ()
