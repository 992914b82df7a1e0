"""Python statements: what moves into the expression that uses it, what variables are called, the lines.

statements, names = arrange(statements, outputs, lambda inlined: name_variables(inlined, ...))
lines = Printer(names.__getitem__).lines(statements, "    ")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from mmdnn.names import take
from mmdnn.python.expressions import Code, Names, Record, is_plain, text
from mmdnn.python.layout import INDENT, WIDTH, lay_out
from mmdnn.python.literals import literal

T = TypeVar("T")

NESTING = 3
"""How many expressions may stand inside one another on a line."""

INLINE_WIDTH = 76
"""Columns that an expression may have, about, where others have moved into it."""


@dataclass(eq=False)
class Statement:
    """`targets = code`, or, with bodies, a compound statement (`if`, `for`, `while`).

    Attributes:
        targets: What is assigned; empty for a bare expression.
        code: The right side, or the header of a compound statement ("if {0}:").
        bodies: For a compound statement, pairs of header and statements ("else:" has no operands).
        node: What it came from.
        form: How several targets stand on the left, e.g. "{0}, ({1}, {2})"; plainly in a row if empty.
    """

    targets: list[Any]
    code: Code
    bodies: list[tuple[Code, list[Statement]]] = field(default_factory=list)
    node: Any = None
    form: str = ""

    def references(self, kind: type[T]) -> Iterator[T]:
        """What it reads, in its bodies too, in order."""
        yield from self.code.references(kind)
        for header, body in self.bodies:
            yield from header.references(kind)
            for inner in body:
                yield from inner.references(kind)


def walk(statements: Iterable[Statement]) -> Iterator[Statement]:
    """Every statement, those in bodies too."""
    for statement in statements:
        yield statement
        for _, body in statement.bodies:
            yield from walk(body)


def arrange(
    statements: Sequence[Statement],
    outputs: Iterable[Any],
    name: Callable[[list[Statement]], Mapping[Any, str]],
    *,
    movable: Callable[[Statement], bool] = lambda _: True,
    named: Callable[[Mapping[Any, str]], Names] = lambda names: names.__getitem__,
) -> tuple[list[Statement], Mapping[Any, str]]:
    """The statements as they stand on lines, and the names: what makes a line too long stays apart.

    Args:
        statements: Those of a function.
        outputs: What it returns.
        name: Gives names, once it is clear what has a line of its own.
        movable: Whether a statement's expression may become part of another one.
        named: What is printed for operands, given the names.
    """
    apart: set[Any] = set()
    while True:
        inlined = inline(statements, [*outputs, *apart], movable)
        names = name(inlined)
        long = _too_long(inlined, Printer(named(names)), 2)
        if not long:
            return inlined, names
        apart |= long


def _too_long(statements: Sequence[Statement], printer: Printer, depth: int) -> set[Any]:
    """What was moved into lines that do not fit their width."""
    found: set[Any] = set()
    for statement in statements:
        for _, body in statement.bodies:
            found |= _too_long(body, printer, depth + 1)
        if not statement.bodies and printer.width(statement) + len(INDENT) * depth > WIDTH:
            found |= {code.variable for code in _moved(statement.code)}
    return found


def _moved(code: Code) -> Iterator[Code]:
    """The outermost expressions within it that were moved there."""
    for operand in code.operands:
        if isinstance(operand, Code):
            yield from [operand] if operand.variable is not None else _moved(operand)


def inline(
    statements: Sequence[Statement],
    kept: Iterable[Any] = (),
    movable: Callable[[Statement], bool] = lambda _: True,
) -> list[Statement]:
    """The statements, those used once and at once moved into the expression that uses them.

    Args:
        statements: Those of a function.
        kept: What is read besides, or is to have a line of its own.
        movable: Whether a statement's expression may become part of another one.
    """
    uses = Counter(target for statement in statements for target in statement.references(object))
    return _inlined(statements, uses + Counter(kept), movable)


def _inlined(
    statements: Sequence[Statement], uses: Counter[Any], movable: Callable[[Statement], bool]
) -> list[Statement]:
    kept: list[Statement] = []
    for statement in statements:
        code = statement.code
        before = kept[-1] if kept else None
        if before is not None and not before.bodies and not statement.bodies:
            single = len(before.targets) == 1 and uses[before.targets[0]] == 1
            if single and movable(before):
                moved = replace(before.code, variable=before.targets[0])
                inner = substitute(code, {before.targets[0]: moved})
                if inner is not code and _fits(inner):
                    kept.pop()
                    code = inner
        bodies = [(header, _inlined(body, uses, movable)) for header, body in statement.bodies]
        kept.append(replace(statement, code=code, bodies=bodies))
    return kept


def substitute(code: Code, by: Mapping[Any, Any]) -> Code:
    """The code with other operands for some; the same object where there are none of these."""
    operands = tuple(
        substitute(x, by) if isinstance(x, Code) else x if is_plain(x) else by.get(x, x)
        for x in code.operands
    )
    same = all(a is b for a, b in zip(operands, code.operands, strict=True))
    return code if same else replace(code, operands=operands)


def _fits(code: Code) -> bool:
    nesting, length = _size(code)
    return nesting <= NESTING and length <= INLINE_WIDTH


def _size(code: Code) -> tuple[int, int]:
    """How deep an expression nests, and about how long it is."""
    display = code.text.startswith(("(", "[", "{{"))
    inner, length = 0, len(code.text) - 3 * display
    for operand in code.operands:
        if isinstance(operand, Code):
            deep, long = _size(operand)
            inner, length = max(inner, deep), length + long
        elif is_plain(operand):
            length += len(literal(operand)) - 3
        else:
            length += 5 + len(getattr(operand, "name", ""))
    return inner + (not display), length


class Printer:
    """Statements as lines, once names are given.

    Args:
        names: What is printed for operands.
        record: Wraps the expression of each variable, for runs that keep every value.
        comment: What stands behind a statement, where there is room.
    """

    def __init__(
        self,
        names: Names,
        record: Record | None = None,
        comment: Callable[[Statement], str] = lambda _: "",
    ) -> None:
        self.names = names
        self.record = record
        self.comment = comment

    def lines(self, statements: Iterable[Statement], indent: str) -> list[str]:
        """The lines of these statements."""
        return [line for statement in statements for line in self._statement(statement, indent)]

    def result(self, statement: Statement, indent: str) -> list[str]:
        """The last statement, as what is returned."""
        text = self._recorded(statement, self.code(statement.code))
        return lay_out(f"{indent}return {text}", self.comment(statement))

    def width(self, statement: Statement) -> int:
        """The columns a statement takes on one line."""
        return len(f"{', '.join(self._targets(statement))} = {self.code(statement.code)}")

    def code(self, code: Code) -> str:
        """An expression on one line."""
        return text(code, self.names, self.record)

    def _targets(self, statement: Statement) -> list[str]:
        return [self._target(target) for target in statement.targets]

    def _target(self, target: Any) -> str:
        """Its name, or that of what nobody reads."""
        try:
            return str(self.names(target))
        except KeyError:
            return "_"

    def _recorded(self, statement: Statement, text: str) -> str:
        if self.record is None or len(statement.targets) != 1:
            return text
        return self.record(statement.targets[0], text)

    def _statement(self, statement: Statement, indent: str) -> list[str]:
        if statement.bodies:
            lines = []
            for header, body in statement.bodies:
                inside = self.lines(body, indent + INDENT) or [f"{indent}{INDENT}pass"]
                lines += [*lay_out(indent + self.code(header)), *inside]
            return lines
        text = self._recorded(statement, self.code(statement.code))
        if not statement.targets:
            return lay_out(indent + text)
        names = self._targets(statement)
        targets = statement.form.format(*names) if statement.form else ", ".join(names)
        lines = lay_out(f"{indent}{targets} = {text}", self.comment(statement))
        if self.record is not None and len(names) > 1:
            pairs = zip(statement.targets, names, strict=True)
            lines += [indent + self.record(target, name) for target, name in pairs if name != "_"]
        return lines


def name_variables(
    statements: Sequence[Statement],
    inputs: Iterable[Any],
    outputs: Iterable[Any],
    wish: Callable[[Any], str],
    taken: set[str],
    passing: Sequence[str] = ("x",),
) -> dict[Any, str]:
    """A name for each target: `x` along the main path, names of their own where paths branch.

    Args:
        statements: Those of a function, as they stand on lines.
        inputs: Its parameters.
        outputs: What it returns.
        wish: The name that a variable would like to have, an identifier.
        taken: Names that mean something else there; those given join them.
        passing: Names to use again and again, as soon as what has them is not needed any more.
    """
    naming = _Naming(wish, taken, passing)
    for variable in inputs:
        naming.own(variable)
    naming.measure(statements)
    for variable in outputs:
        naming.last[variable] = naming.clock + 1
    naming.clock = 0
    naming.assign(statements, top=True)
    return naming.names


class _Naming:
    """Variables' names by when they are needed last, in steps of a clock."""

    def __init__(self, wish: Callable[[Any], str], taken: set[str], passing: Sequence[str]) -> None:
        self.wish, self.taken, self.passing = wish, taken, passing
        self.names: dict[Any, str] = {}
        self.holder: dict[str, Any] = {}
        self.last: dict[Any, int] = {}
        self.clock = 0

    def measure(self, statements: Sequence[Statement]) -> None:
        """When variables are needed last; what a compound statement touches, until its end."""
        for statement in statements:
            self.clock += 1
            for _, body in statement.bodies:
                self.measure(body)
            used = list(statement.references(object))
            if statement.bodies:
                self.clock += 1
                used += [target for inner in walk([statement]) for target in inner.targets]
            self.last |= dict.fromkeys(used, self.clock)

    def assign(self, statements: Sequence[Statement], *, top: bool) -> None:
        """Give names, in the order of the statements."""
        for statement in statements:
            self.clock += 1
            if statement.bodies:
                for target in statement.targets:
                    self.own(target)
                for _, body in statement.bodies:
                    self.assign(body, top=False)
                self.clock += 1
                continue
            for target in statement.targets:
                unused = target not in self.last and len(statement.targets) > 1
                if target in self.names or unused:
                    continue
                free = [name for name in self.passing if self._is_free(name)]
                if top and len(statement.targets) == 1 and free:
                    self.names[target] = free[0]
                    self.taken.add(free[0])
                    self.holder[free[0]] = target
                else:
                    self.own(target)

    def own(self, target: Any) -> None:
        """A name of its own, unless it has one."""
        if target not in self.names:
            self.names[target] = take(self.wish(target), self.taken, 2)
            self.holder[self.names[target]] = target

    def _is_free(self, name: str) -> bool:
        holder = self.holder.get(name)
        return holder is None or self.last.get(holder, 0) <= self.clock
