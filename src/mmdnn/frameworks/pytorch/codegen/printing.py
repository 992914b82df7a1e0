"""Printing a module: its `__init__` and its `forward`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from mmdnn.frameworks.pytorch.codegen.layout import INDENT, WIDTH, lay_out
from mmdnn.frameworks.pytorch.codegen.naming import name_members, name_variables
from mmdnn.frameworks.pytorch.exporter.table import Raw, source
from mmdnn.frameworks.pytorch.graph import (
    ANY,
    TORCH_TYPES,
    Code,
    Member,
    Module,
    Operand,
    Statement,
    Variable,
)

SIMPLE_POWER = re.compile(r"^([\w.]+) \*\* (-?[\w.]+)$")
"""A power of names and numbers stands without blanks, as formatters have it."""

NESTING = 3
"""How many calls may stand inside one another on a line."""

INLINE_WIDTH = 76
Record = Callable[[Variable, str], str]


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
    args = [source(arg) for arg in member.args]
    args += [f"{key}={source(value)}" for key, value in member.kwargs.items()]
    return f"{member.type}({', '.join(args)})"


def _tensor_member(member: Member) -> str:
    dtype = member.tensors[""].dtype.name
    typed = "" if dtype == "FLOAT" else f", dtype=torch.{TORCH_TYPES[dtype]}"
    args = ", ".join(map(source, member.args)) or "()"
    value = f"torch.{'tensor' if member.type == 'constant' else 'zeros'}({args}{typed})"
    if member.type == "nn.Parameter":
        return f"self.{member.name} = nn.Parameter({value})"
    return f'self.register_buffer("{member.name}", {value})'


def _forward(module: Module, record: Record | None) -> list[str]:
    statements, names = _settled(module)
    printer = Printer(names, record)
    inputs = [names[variable] for variable in module.inputs]
    lines = lay_out(f"{INDENT}def forward({', '.join(['self', *inputs])}):")
    if statements and _returns(statements[-1], module):
        lines += printer.lines(statements[:-1], 2 * INDENT)
        return [*lines, *printer.result(statements[-1], 2 * INDENT)]
    lines += printer.lines(statements, 2 * INDENT)
    outputs = ", ".join(names[output] for output in module.outputs)
    return [*lines, *lay_out(f"{2 * INDENT}return {outputs}")]


def _settled(module: Module) -> tuple[list[Statement], dict[Variable, str]]:
    """The statements as they stand on lines, and the names: what makes a line too long stays apart."""
    apart: set[Variable] = set()
    while True:
        statements = inline(module, apart)
        names = name_variables(replace(module, statements=statements))
        long = _too_long(statements, Printer(names, None), 2)
        if not long:
            return statements, names
        apart |= long


def _too_long(statements: Sequence[Statement], printer: Printer, depth: int) -> set[Variable]:
    """What was moved into lines that do not fit their width."""
    found: set[Variable] = set()
    for statement in statements:
        for _, body in statement.bodies:
            found |= _too_long(body, printer, depth + 1)
        if not statement.bodies and printer.width(statement) + len(INDENT) * depth > WIDTH:
            found |= {code.variable for code in _moved(statement.code) if code.variable is not None}
    return found


def _moved(code: Code) -> Iterable[Code]:
    """The outermost expressions within it that were moved there."""
    for operand in code.operands:
        if isinstance(operand, Code):
            yield from [operand] if operand.variable is not None else _moved(operand)


def _returns(statement: Statement, module: Module) -> bool:
    """Whether a statement makes just what the module returns."""
    return statement.targets == module.outputs and not statement.bodies and not statement.form


class Printer:
    """Expressions and statements as text, once names are given."""

    def __init__(self, names: dict[Variable, str], record: Record | None) -> None:
        self.names = names
        self.record = record
        self.shape: str = ""

    def statements(self, statements: Sequence[Statement], indent: str) -> list[str]:
        """The lines of a body, which must not be empty."""
        return self.lines(statements, indent) or [f"{indent}pass"]

    def lines(self, statements: Sequence[Statement], indent: str) -> list[str]:
        """The lines of these statements."""
        return [line for statement in statements for line in self._statement(statement, indent)]

    def result(self, statement: Statement, indent: str) -> list[str]:
        """The last statement, as what is returned."""
        text = self.code(statement.code)
        if self.record is not None:
            text = self.record(statement.targets[0], text)
        return lay_out(f"{indent}return {text}", self._comment(statement))

    def _statement(self, statement: Statement, indent: str) -> list[str]:
        if statement.bodies:
            lines = []
            for header, body in statement.bodies:
                lines += [
                    *lay_out(indent + self.code(header)),
                    *self.statements(body, indent + INDENT),
                ]
            return lines
        text = self.code(statement.code)
        if not statement.targets:
            return lay_out(indent + text)
        if self.record is not None and len(statement.targets) == 1:
            text = self.record(statement.targets[0], text)
        names = [self.names.get(target, "_") for target in statement.targets]
        targets = statement.form.format(*names) if statement.form else ", ".join(names)
        lines = lay_out(f"{indent}{targets} = {text}", self._comment(statement))
        if self.record is not None and len(statement.targets) > 1:
            lines += [
                indent + self.record(target, self.names[target])
                for target in statement.targets
                if target in self.names
            ]
        return lines

    def width(self, statement: Statement) -> int:
        """The columns a statement takes on one line."""
        names = ", ".join(self.names.get(target, "_") for target in statement.targets)
        return len(f"{names} = {self.code(statement.code)}")

    def code(self, code: Code) -> str:
        """An expression."""
        parts = [self._operand(operand, code.need(i)) for i, operand in enumerate(code.operands)]
        return SIMPLE_POWER.sub(r"\1**\2", code.text.format(*parts))

    def _operand(self, operand: Operand, need: int) -> str:
        if isinstance(operand, Member):
            return f"self.{operand.name}"
        if isinstance(operand, Variable):
            return self.names[operand]
        text = self.code(operand)
        if operand.variable is not None and self.record is not None:
            return self.record(operand.variable, text)
        return f"({text})" if operand.binds < need else text

    def _comment(self, statement: Statement) -> str:
        """The shape, where it has changed."""
        shape = statement.targets[0].shape if len(statement.targets) == 1 else None
        if not shape or None in shape:
            return ""
        text = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
        changed, self.shape = text != self.shape, text
        return text if changed else ""


def inline(module: Module, apart: Iterable[Variable] = ()) -> list[Statement]:
    """The statements, those used once and at once moved into the expression that uses them.

    Args:
        module: The class.
        apart: Variables that keep a line of their own.
    """
    uses = Counter(_used(module.statements)) + Counter(module.outputs)
    return _inlined(module.statements, uses + Counter(apart))


def _inlined(statements: Sequence[Statement], uses: Counter[Variable]) -> list[Statement]:
    kept: list[Statement] = []
    for statement in statements:
        code = statement.code
        before = kept[-1] if kept else None
        if before is not None and _movable(before, uses) and not statement.bodies:
            moved = replace(before.code, variable=before.targets[0])
            inner = _substitute(code, before.targets[0], moved)
            if inner is not code and _fits(inner):
                kept.pop()
                code = inner
        bodies = [(header, _inlined(body, uses)) for header, body in statement.bodies]
        kept.append(replace(statement, code=code, bodies=bodies))
    return kept


def _movable(statement: Statement, uses: Counter[Variable]) -> bool:
    simple = len(statement.targets) == 1 and not statement.bodies
    called = next(statement.code.members(), None)
    block = called is not None and called.block is not None
    return simple and not block and uses[statement.targets[0]] == 1


def _substitute(code: Code, variable: Variable, by: Code) -> Code:
    """The same code object where the variable does not occur."""
    operands = tuple(
        by if x is variable else _substitute(x, variable, by) if isinstance(x, Code) else x
        for x in code.operands
    )
    same = all(a is b for a, b in zip(operands, code.operands, strict=True))
    return code if same else replace(code, operands=operands)


def _fits(code: Code) -> bool:
    nesting, length = _size(code)
    return nesting <= NESTING and length <= INLINE_WIDTH


def _size(code: Code) -> tuple[int, int]:
    """How deep an expression nests, and about how long it is."""
    inner, length = 0, len(code.text)
    for operand in code.operands:
        if isinstance(operand, Code):
            deep, long = _size(operand)
            inner, length = max(inner, deep), length + long
        else:
            length += 5 + len(operand.name) if isinstance(operand, Member) else 5
    return 1 + inner, length


def _used(statements: Iterable[Statement]) -> Iterable[Variable]:
    for statement in statements:
        yield from statement.code.variables()
        for header, body in statement.bodies:
            yield from header.variables()
            yield from _used(body)


__all__ = ["ANY", "Printer", "Raw", "construct", "inline", "print_module"]
