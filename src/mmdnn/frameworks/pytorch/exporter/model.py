"""From the IR to a PyTorch program: members, statements, and the names of both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch.exporter.blocks import fold_blocks
from mmdnn.frameworks.pytorch.exporter.sizes import prune
from mmdnn.frameworks.pytorch.exporter.table import Exporting, Writing, exporter
from mmdnn.frameworks.pytorch.exporter.unsigned import Unsigned
from mmdnn.frameworks.pytorch.exporter.views import View, turned_back
from mmdnn.frameworks.pytorch.graph import Member, Module, Program, Variable
from mmdnn.ir import LAYER, UNNAMED
from mmdnn.ir.exporting import is_used
from mmdnn.python.expressions import Code
from mmdnn.python.statements import Statement

MADE_UP = {
    "",
    "graph",
    "maingraph",
    "torchjit",
    "torchjitexport",
    "network",
    "net",
    "model",
    "tf2onnx",
}
"""Names of graphs that say nothing about the model."""

LONGEST_NAME = 40


def from_ir(model: ir.Model, *, name: str = "") -> Program:
    """A PyTorch program that computes what the model computes.

    Args:
        model: Any IR model; it is not changed.
        name: The name of the class; the model's own name, as a class's, unless given.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
    """
    model = exporter.canonical(model)
    exporter.check(model)
    program = Program(Module(name or _class_name(model.graph.name or "")), model=model)
    scope = Scope(program, model.graph)
    program.main.inputs = [scope.variable(value) for value in model.graph.inputs]
    program.main.statements = scope.nodes(model.graph)
    program.main.outputs = [scope.variable(value) for value in model.graph.outputs]
    program.main.statements = prune(program.main.statements, program.main.outputs)
    scope.place_constants()
    fold_blocks(program)
    return program


def _class_name(graph: str) -> str:
    """A class's name: ResNet50 for "ResNet-50", Net for names that exporters make up."""
    parts = re.findall(r"[A-Za-z0-9]+", graph)
    name = "".join(part[:1].upper() + part[1:] for part in parts)
    plain = name.lower() in MADE_UP or not name[:1].isalpha() or len(name) > LONGEST_NAME
    return "Net" if plain else name


class Scope:
    """What the functions of the table write into."""

    def __init__(self, program: Program, graph: ir.Graph) -> None:
        self.program = program
        self.graph = graph
        self.variables: dict[ir.Value, Variable] = {}
        self.statements: list[Statement] = []
        self.views: dict[ir.Value, View] = {}
        self._members: dict[Any, Member] = {}

    def variable(self, value: ir.Value) -> Variable:
        """The variable that holds an IR value."""
        if value not in self.variables:
            self.variables[value] = Variable(_hint(value), value)
        return self.variables[value]

    def let(self, hint: str, code: Code) -> Variable:
        """A variable of the generated source that is no value of the IR."""
        variable = Variable(hint)
        self.statements.append(Statement([variable], code))
        return variable

    def use_helper(self, name: str) -> None:
        """Have the source carry this helper."""
        if name not in self.program.helpers:
            self.program.helpers.append(name)

    def member(
        self,
        type_: str,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        tensors: dict[str, Any],
        layer: str,
    ) -> Member:
        """A member; layers that share all weights and settings share the member."""
        held = {key: _tensor(value) for key, value in tensors.items() if value is not None}
        key = (
            type_,
            repr(args),
            repr(sorted(kwargs.items())),
            tuple((k, id(t)) for k, t in held.items()),
        )
        if held and key in self._members:
            return self._members[key]
        member = Member("", type_, tuple(args), dict(kwargs), held, layer)
        self._members[key] = member
        self.program.main.members.append(member)
        return member

    def nodes(self, graph: Iterable[ir.Node]) -> list[Statement]:
        """The statements for these nodes, in order."""
        outer, self.statements = self.statements, []
        for node in graph:
            self._node(node)
        made, self.statements = self.statements, outer
        return made

    def _node(self, node: ir.Node) -> None:
        exporting = Exporting(node)
        if any(
            v is not None and v.dtype == ir.DataType.STRING for v in (*node.inputs, *node.outputs)
        ):
            exporting.refuse("torch has no tensors of strings")
        inputs = [None if value is None else self.variable(value) for value in node.inputs]
        writing = Writing(self, exporting)
        unsigned = Unsigned(exporting, writing)
        if unsigned.concerns:
            unsigned.check()
            inputs = unsigned.signed(inputs)
        codes = turned_back(node, self.views)
        if codes is None:
            codes = exporter.write(exporting, writing, *inputs)
        codes = unsigned.back(codes) if unsigned.concerns else codes
        if codes is None:
            return
        outputs = [self.variable(value) for value in node.outputs]
        if isinstance(codes, Variable):
            self._alias(node.outputs[0], codes)
        elif isinstance(codes, Code):
            targets = outputs[: max(exporting.outputs, 1)]
            self.statements.append(Statement(targets, codes, node=node))
        else:
            for output, code in zip(outputs, codes, strict=False):
                if output.value is not None and is_used(output.value):
                    self._assign(output, code, node)

    def _assign(self, output: Variable, code: Code | Variable, node: ir.Node) -> None:
        if isinstance(code, Variable):
            self._alias(output.value, code)
        else:
            self.statements.append(Statement([output], code, node=node))

    def _alias(self, value: ir.Value | None, variable: Variable) -> None:
        assert value is not None
        self.variables[value] = variable
        variable.aliases.append(value)

    def place_constants(self) -> None:
        """Initializers that expressions use become parameters or buffers of the module."""
        from mmdnn.frameworks.pytorch.exporter.constants import place

        place(self.program)


def _tensor(value: Any) -> ir.TensorProtocol:
    if isinstance(value, Variable):
        if value.constant is None:
            raise UnsupportedError(f"its weight '{value.hint}' is computed while the model runs")
        return value.constant
    return value


def _hint(value: ir.Value) -> str:
    """The source's name for it, or else that of the layer that makes it, or of its operator."""
    node = value.producer()
    if node is not None and UNNAMED in node.metadata_props:
        return node.op_type.lower()
    if node is None or not str(value.name).startswith(f"{node.name}"):
        return str(value.name).partition("@")[0]
    return node.metadata_props.get(LAYER) or str(node.name)
