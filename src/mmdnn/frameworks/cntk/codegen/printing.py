"""How statements are laid out: names, what becomes part of an expression, lines."""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mmdnn.frameworks.cntk.codegen.expressions import Expr, Raw, Ref, Target, reads, rebuilt
from mmdnn.frameworks.cntk.codegen.statements import (
    PASSING,
    Assign,
    Define,
    Do,
    Repeat,
    Statement,
    owner,
)
from mmdnn.frameworks.cntk.codegen.weights import Group, Weight, weights_of
from mmdnn.frameworks.cntk.graph import Function, Variable
from mmdnn.python.source import WIDTH, identifier, string
from mmdnn.python.source import call as spread

RESERVED = {"C", "np", "network", "load", "fit", "train", "restored", "weights", "arrays"}
RESERVED |= {"label", "loss", "error", "key", "i", "l", "O", "I", *dir(builtins)}
"""What variables may not be called."""
_INLINE_WIDTH, _INLINE_DEPTH = 44, 2
_PASSING = re.compile(r"x(_\d+)?")


@dataclass
class Scope:
    """Names, as they are seen from one function's body.

    Attributes:
        taken: Those that are used.
        root: The weights that the function is given.
        names: What stands for variables and functions.
        several: Functions whose outputs are picked from what is made.
    """

    taken: set[str]
    root: Group | None = None
    names: dict[Target, Expr] = field(default_factory=dict)
    several: set[Function] = field(default_factory=set)

    def inner(self) -> Scope:
        """The scope of a function within."""
        return Scope(set(self.taken), self.root, dict(self.names), set(self.several))

    def name(self, target: Target, wish: str) -> str:
        """Give a new name."""
        found = identifier(wish, self.taken, RESERVED)
        self.names[target] = Raw(found)
        return found

    def resolved(self, expr: Expr) -> Expr:
        """An expression with the names of what it reads."""
        found: Expr = rebuilt(expr, self._written)
        return found

    def _written(self, part: ast.AST) -> Expr | None:
        if isinstance(part, Ref):
            return self[part.target]
        if not isinstance(part, Weight):
            return None
        path = part.group.path[len(self.root.path) if self.root is not None else 0 :]
        names = [*path, *([] if part.name is None else [part.name])]
        return Raw("weights" + "".join(f"[{string(name)}]" for name in names))

    def __getitem__(self, target: Target) -> Expr:
        if target in self.names:
            return self.names[target]
        assert isinstance(target, Variable)
        assert target.owner is not None
        name = self.names[target.owner]
        if target.owner not in self.several:
            return name
        return ast.Attribute(value=name, attr=f"outputs[{target.index}]")


def text(expr: Expr, scope: Scope) -> str:
    """An expression on one line."""
    return ast.unparse(scope.resolved(expr))


def lines(head: str, expr: Expr, scope: Scope, indent: int) -> list[str]:
    """`head` and the expression, broken as formatters do where they are long."""
    expr = scope.resolved(expr)
    whole = f"{' ' * indent}{head}{ast.unparse(expr)}"
    if len(whole) <= WIDTH or not isinstance(expr, ast.Call):
        return [whole]
    given = [ast.unparse(one) for one in (*expr.args, *expr.keywords)]
    return spread(f"{head}{ast.unparse(expr.func)}(", given, indent)


def _depth(written: str) -> int:
    """How many calls stand inside one another."""
    found = deepest = 0
    for sign in re.sub(r'"[^"]*"', "", written):
        found += (sign == "(") - (sign == ")")
        deepest = max(deepest, found)
    return deepest


def print_body(
    statements: Sequence[Statement], results: Sequence[Expr], scope: Scope, indent: int
) -> Iterator[str]:
    """The lines of a function's body but for what it returns."""
    uses = Counter(owner(one) for each in statements for one in each.reads())
    kept = {owner(one) for result in results for one in reads(result)}
    last = _last_reads(statements, uses, kept)
    for place, statement in enumerate(statements):
        passing = {owner(one) for one in statement.reads() if last.get(owner(one)) == place}
        match statement:
            case Assign():
                single = uses[statement.target] == 1 and statement.target not in kept
                if single and not statement.apart and _fits(statement.value, scope):
                    scope.names[statement.target] = scope.resolved(statement.value)
                    continue
                yield from _assignment(statement, scope, indent, passing - kept)
            case Do(value):
                yield from lines("", value, scope, indent)
            case Define():
                yield from _definition(statement, scope, indent)
            case Repeat():
                yield from _loop(statement, scope, indent, passing - kept)


def _last_reads(
    statements: Sequence[Statement], uses: Counter[Target], kept: set[Target]
) -> dict[Target, int]:
    """Where targets are read last; what may become part of an expression reads where that stands."""
    found: dict[Target, int] = {}
    for place in range(len(statements) - 1, -1, -1):
        statement = statements[place]
        moves = isinstance(statement, Assign) and not statement.apart
        if isinstance(statement, Assign) and moves and uses[statement.target] == 1:
            place = found.get(statement.target, place)
        for one in statement.reads():
            found[owner(one)] = max(found.get(owner(one), 0), place)
    return {target: place for target, place in found.items() if target not in kept}


def _name(wish: str, scope: Scope, passing: Iterable[Target]) -> str:
    """A new name, or that of a value which nobody reads any more."""
    if wish == PASSING:
        for target in passing:
            before = scope.names.get(target)
            if isinstance(before, Raw) and _PASSING.fullmatch(before.id):
                return before.id
    return identifier(wish, scope.taken, RESERVED)


def _fits(value: Expr, scope: Scope) -> bool:
    written = text(value, scope)
    return len(written) <= _INLINE_WIDTH and _depth(written) <= _INLINE_DEPTH


def _assignment(
    statement: Assign, scope: Scope, indent: int, passing: Iterable[Target]
) -> Iterator[str]:
    value = statement.value
    name = _name(statement.wish, scope, passing)
    yield from lines(f"{name} = ", value, scope, indent)
    scope.names[statement.target] = Raw(name)
    if isinstance(statement.target, Function) and statement.several:
        scope.several.add(statement.target)


def _loop(statement: Repeat, scope: Scope, indent: int, passing: Iterable[Target]) -> Iterator[str]:
    first, last = statement.first.value, statement.calls[-1]
    assert isinstance(first, ast.Call)
    groups = [next(weights_of(one.value)).name for one in statement.calls]
    name = _name(last.wish, scope, passing)
    if text(first.args[0], scope) != name:
        yield from lines(f"{name} = ", first.args[0], scope, indent)
    counted = _counted(groups)
    key = "key"
    if counted is None:
        yield from spread("for key in (", [string(one) for one in groups], indent, "):")
    else:
        prefix, begin, end = counted
        key = f'f"{prefix}{{i}}"'
        yield f"{' ' * indent}for i in range({begin}, {end}):"
    args = [Raw(name), Raw(f"weights[{key}]"), *first.args[2:]]
    inside = ast.Call(func=first.func, args=args, keywords=first.keywords)
    yield from lines(f"{name} = ", inside, scope, indent + 4)
    scope.names[last.target] = Raw(name)


def _counted(names: Sequence[str]) -> tuple[str, int, int] | None:
    """What names that end in numbers one after the other begin with, and the range of these."""
    found = [re.fullmatch(r"(\w*_)(\d{1,6})", name, re.ASCII) for name in names]
    pairs = [(one[1], int(one[2])) for one in found if one is not None]
    prefix, begin = pairs[0] if pairs else ("", 0)
    wanted = [(prefix, begin + place) for place in range(len(names))]
    return (prefix, begin, begin + len(names)) if pairs == wanted else None


def _definition(statement: Define, scope: Scope, indent: int) -> Iterator[str]:
    function = statement.function
    assert function.block is not None
    margin = " " * indent
    inner = scope.inner()
    name = identifier(function.name or function.block.type, scope.taken, RESERVED)
    scope.names[function] = Raw(name)
    params = [inner.name(one, one.name or "x") for one in statement.params]
    type_ = string(function.block.type)
    named = f", {string(function.name)}" if function.name else ', ""'
    yield ""
    yield f"{margin}@C.BlockFunction({type_}{named})"
    yield f"{margin}def {name}({', '.join(params)}):"
    yield from print_body(statement.body, statement.results, inner, indent + 4)
    yield from returned(statement.results, inner, indent + 4)
    yield ""


def returned(results: Sequence[Expr], scope: Scope, indent: int) -> list[str]:
    """What a body returns."""
    if len(results) == 1:
        return lines("return ", results[0], scope, indent)
    written = [text(one, scope) for one in results]
    return (
        spread("return (", written, indent)
        if len(", ".join(written)) > WIDTH - indent - 7
        else [f"{' ' * indent}return {', '.join(written)}"]
    )
