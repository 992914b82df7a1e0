"""How statements are laid out: names, what becomes part of an expression, lines."""

from __future__ import annotations

import builtins
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmdnn.frameworks.cntk.codegen.statements import (
    PASSING,
    Assign,
    Define,
    Do,
    Repeat,
    Statement,
    Target,
    reads,
)
from mmdnn.frameworks.cntk.codegen.weights import Group, Weight, weights_of
from mmdnn.frameworks.cntk.graph import Function
from mmdnn.python import expressions
from mmdnn.python.expressions import Call, Operand, member, text
from mmdnn.python.layout import lay_out
from mmdnn.python.literals import Raw, string
from mmdnn.python.names import numbered
from mmdnn.python.names import variable as identifier

RESERVED = {"C", "np", "network", "load", "fit", "train", "restored", "weights", "arrays"}
RESERVED |= {"label", "loss", "error", "key", "i", "l", "O", "I", *dir(builtins)}
"""What variables may not be called."""
_INLINE_WIDTH, _INLINE_DEPTH = 44, 2
_PASSING = re.compile(r"x(_\d+)?")


@dataclass
class Scope:
    """Names, as they are seen from one function's body.

    The function is given the weights `root`; outputs of functions in `several` are picked from these.
    """

    taken: set[str]
    root: Group | None = None
    names: dict[Any, Operand] = field(default_factory=dict)
    several: set[Function] = field(default_factory=set)

    def inner(self) -> Scope:
        """The scope of a function within."""
        return Scope(set(self.taken), self.root, dict(self.names), set(self.several))

    def name(self, target: Target, wish: str) -> str:
        """Give a new name."""
        found = identifier(wish, self.taken, RESERVED)
        self.names[target] = found
        return found

    def __call__(self, one: Any) -> Operand:
        """What stands for a variable, a function, or an array: `weights["conv1"]["W"]`."""
        if isinstance(one, Weight):
            path = one.group.path[len(self.root.path) if self.root is not None else 0 :]
            names = [*path, *([] if one.name is None else [one.name])]
            return "weights" + "".join(f"[{string(name)}]" for name in names)
        if one in self.names:
            return self.names[one]
        name = self.names[one.owner]
        return member(Raw(name), f"outputs[{one.index}]") if one.owner in self.several else name


def lines(head: str, x: Operand, scope: Scope, indent: int) -> list[str]:
    """`head` and an operand, broken as formatters do where they are long."""
    return lay_out(f"{' ' * indent}{head}{text(x, scope)}")


def _depth(written: str) -> int:
    """How many calls stand inside one another."""
    found = deepest = 0
    for sign in re.sub(r'"[^"]*"', "", written):
        found += (sign == "(") - (sign == ")")
        deepest = max(deepest, found)
    return deepest


def print_body(
    statements: Sequence[Statement], results: Sequence[Operand], scope: Scope, indent: int
) -> Iterator[str]:
    """The lines of a function's body but for what it returns."""
    uses = Counter(one for each in statements for one in each.reads())
    kept = {one for result in results for one in reads(result)}
    last = _last_reads(statements, uses, kept)
    for place, statement in enumerate(statements):
        passing = {one for one in statement.reads() if last.get(one) == place}
        match statement:
            case Assign():
                single = uses[statement.target] == 1 and statement.target not in kept
                if single and not statement.apart and _fits(statement.value, scope):
                    scope.names[statement.target] = statement.value
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
            found[one] = max(found.get(one, 0), place)
    return {target: place for target, place in found.items() if target not in kept}


def _name(wish: str, scope: Scope, passing: Iterable[Target]) -> str:
    """A new name, or that of a value which nobody reads any more."""
    if wish == PASSING:
        for target in passing:
            before = scope.names.get(target)
            if isinstance(before, str) and _PASSING.fullmatch(before):
                return before
    return identifier(wish, scope.taken, RESERVED)


def _fits(value: Operand, scope: Scope) -> bool:
    written = text(value, scope)
    return len(written) <= _INLINE_WIDTH and _depth(written) <= _INLINE_DEPTH


def _assignment(
    statement: Assign, scope: Scope, indent: int, passing: Iterable[Target]
) -> Iterator[str]:
    value = statement.value
    name = _name(statement.wish, scope, passing)
    yield from lines(f"{name} = ", value, scope, indent)
    scope.names[statement.target] = name
    if isinstance(statement.target, Function) and statement.several:
        scope.several.add(statement.target)


def _loop(statement: Repeat, scope: Scope, indent: int, passing: Iterable[Target]) -> Iterator[str]:
    first, last = statement.calls[0].value, statement.calls[-1]
    assert isinstance(first, Call)
    groups = [next(weights_of(one.value)).name for one in statement.calls]
    name = _name(last.wish, scope, passing)
    if text(first.args[0], scope) != name:
        yield from lines(f"{name} = ", first.args[0], scope, indent)
    counted = numbered(groups)
    key = "key"
    if counted is None:
        keys = ", ".join(map(string, groups))
        yield from lay_out(f"{' ' * indent}for key in ({keys}):")
    else:
        prefix, begin, end = counted
        key = f'f"{prefix}{{i}}"'
        yield f"{' ' * indent}for i in range({begin}, {end}):"
    args = [Raw(name), Raw(f"weights[{key}]"), *first.args[2:]]
    inside = expressions.call(first.function, *args, **first.kwargs)
    yield from lines(f"{name} = ", inside, scope, indent + 4)
    scope.names[last.target] = name


def _definition(statement: Define, scope: Scope, indent: int) -> Iterator[str]:
    function = statement.function
    assert function.block is not None
    margin = " " * indent
    inner = scope.inner()
    name = identifier(function.name or function.block.type, scope.taken, RESERVED)
    scope.names[function] = name
    params = [inner.name(one, one.name or "x") for one in statement.params]
    type_ = string(function.block.type)
    named = f", {string(function.name)}" if function.name else ', ""'
    yield ""
    yield f"{margin}@C.BlockFunction({type_}{named})"
    yield f"{margin}def {name}({', '.join(params)}):"
    yield from print_body(statement.body, statement.results, inner, indent + 4)
    yield from returned(statement.results, inner, indent + 4)
    yield ""


def returned(results: Sequence[Operand], scope: Scope, indent: int) -> list[str]:
    """What a body returns."""
    return lay_out(f"{' ' * indent}return {', '.join(text(one, scope) for one in results)}")
