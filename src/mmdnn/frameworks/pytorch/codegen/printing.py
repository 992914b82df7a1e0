"""Printing a module: its `__init__` and its `forward`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mmdnn.frameworks.pytorch.codegen.naming import name_members, name_module
from mmdnn.frameworks.pytorch.graph import TORCH_TYPES, Member, Module
from mmdnn.python.expressions import Names, Record
from mmdnn.python.layout import INDENT, lay_out
from mmdnn.python.literals import literal
from mmdnn.python.statements import Printer, Statement, arrange


def print_module(module: Module, record: Record | None = None) -> list[str]:
    """The lines of one class.

    Args:
        module: The class.
        record: Wraps the expression of each variable, for runs that keep every layer's output.
    """
    name_members(module)
    lines = [f"class {module.name}(nn.Module):"]
    if module.members:
        lines += [*_init(module), ""]
    return [*lines, *_forward(module, record)]


def _init(module: Module) -> list[str]:
    lines = [f"{INDENT}def __init__({', '.join(['self', *module.parameters])}):"]
    lines = lay_out(lines[0])
    body = 2 * INDENT
    lines.append(f"{body}super().__init__()")
    for member in module.members:
        lines += construct(member, body)
    return lines


def construct(member: Member, indent: str = "") -> list[str]:
    """The lines that make a member."""
    if member.type in {"nn.Parameter", "buffer", "constant"}:
        return lay_out(indent + _tensor_member(member))
    condition = member.kwargs.get("when") if member.type == "nn.Sequential" else None
    if condition is None:
        return lay_out(f"{indent}self.{member.name} = {_made(member)}")
    return [
        f"{indent}self.{member.name} = nn.Identity()",
        f"{indent}if {condition}:",
        *lay_out(f"{indent}{INDENT}self.{member.name} = {_made(member)}"),
    ]


def _made(member: Member) -> str:
    if member.type == "nn.Sequential":
        return f"nn.Sequential({', '.join(map(_made, member.children))})"
    args = [literal(arg) for arg in member.args]
    args += [f"{key}={literal(value)}" for key, value in member.kwargs.items()]
    return f"{member.type}({', '.join(args)})"


def _tensor_member(member: Member) -> str:
    dtype = member.tensors[""].dtype.name
    typed = "" if dtype == "FLOAT" else f", dtype=torch.{TORCH_TYPES[dtype]}"
    args = ", ".join(map(literal, member.args)) or "()"
    value = f"torch.{'tensor' if member.type == 'constant' else 'zeros'}({args}{typed})"
    if member.type == "nn.Parameter":
        return f"self.{member.name} = nn.Parameter({value})"
    return f'self.register_buffer("{member.name}", {value})'


def _forward(module: Module, record: Record | None) -> list[str]:
    statements, names = arrange(
        module.statements,
        module.outputs,
        lambda inlined: name_module(replace(module, statements=inlined)),
        movable=_is_movable,
        named=_named,
    )
    printer = Printer(_named(names), record, _Shapes().comment)
    inputs = [names[variable] for variable in module.inputs]
    lines = lay_out(f"{INDENT}def forward({', '.join(['self', *inputs])}):")
    if statements and _returns(statements[-1], module):
        lines += printer.lines(statements[:-1], 2 * INDENT)
        return [*lines, *printer.result(statements[-1], 2 * INDENT)]
    lines += printer.lines(statements, 2 * INDENT)
    outputs = ", ".join(names[output] for output in module.outputs)
    return [*lines, *lay_out(f"{2 * INDENT}return {outputs}")]


def _named(names: Mapping[Any, str]) -> Names:
    return lambda x: f"self.{x.name}" if isinstance(x, Member) else names[x]


def _is_movable(statement: Statement) -> bool:
    """Whether it is no call of a block, which has a line of its own."""
    called = next(statement.code.references(Member), None)
    return called is None or called.block is None


def _returns(statement: Statement, module: Module) -> bool:
    """Whether a statement makes just what the module returns."""
    return statement.targets == module.outputs and not statement.bodies and not statement.form


class _Shapes:
    """Comments that say a result's shape, where it has changed."""

    def __init__(self) -> None:
        self.shape = ""

    def comment(self, statement: Statement) -> str:
        shape = statement.targets[0].shape if len(statement.targets) == 1 else None
        if not shape or None in shape:
            return ""
        text = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
        changed, self.shape = text != self.shape, text
        return text if changed and text.isprintable() else ""
