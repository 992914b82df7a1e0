"""What exporting functions write into: the program, its variables, and the statements so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch.graph import Member, Program, Variable
from mmdnn.ir import LAYER, UNNAMED
from mmdnn.ir.recurrent.views import Views
from mmdnn.python.expressions import Code
from mmdnn.python.statements import Statement


class Scope:
    """What the functions of the table write into.

    Args:
        program: What is being made.
        write: Writes a node into the scope.
    """

    def __init__(self, program: Program, write: Callable[[Scope, ir.Node], None]) -> None:
        self.program = program
        self.write = write
        self.variables: dict[ir.Value, Variable] = {}
        self.statements: list[Statement] = []
        self.views: Views[Variable] = Views()
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
            self.write(self, node)
        made, self.statements = self.statements, outer
        return made

    def assign(self, output: Variable, code: Code | Variable, node: ir.Node) -> None:
        """Make a node's output what the code computes, or another name of a variable."""
        if isinstance(code, Variable):
            self.alias(output.value, code)
        else:
            self.statements.append(Statement([output], code, node=node))

    def alias(self, value: ir.Value | None, variable: Variable) -> None:
        """The IR value is what a variable holds already."""
        assert value is not None
        self.variables[value] = variable
        variable.aliases.append(value)


def _tensor(value: Any) -> ir.TensorProtocol:
    if isinstance(value, Variable):
        if value.constant is None:
            raise UnsupportedError(f"its weight '{value.hint}' is computed while the model runs")
        value = value.constant
    tensor: ir.TensorProtocol = value
    return tensor


def _hint(value: ir.Value) -> str:
    """The source's name for it, or else that of the layer that makes it, or of its operator."""
    node = value.producer()
    if node is not None and UNNAMED in node.metadata_props:
        return node.op_type.lower()
    if node is None or not str(value.name).startswith(f"{node.name}"):
        return str(value.name).partition("@")[0]
    return node.metadata_props.get(LAYER) or str(node.name)
