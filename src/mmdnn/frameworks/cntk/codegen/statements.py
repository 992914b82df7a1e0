"""Statements: what the text of a function's body is made of, and how it is laid out."""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mmdnn.frameworks.cntk.codegen.expressions import (
    Call,
    Expr,
    Member,
    Raw,
    Ref,
    depth,
    lines,
    reads,
    text,
)
from mmdnn.frameworks.cntk.codegen.weights import Group, Weight
from mmdnn.frameworks.cntk.graph import Function, Variable
from mmdnn.python_source import WIDTH, identifier, string
from mmdnn.python_source import call as spread

RESERVED = {"C", "np", "network", "load", "fit", "train", "restored", "weights", "arrays"}
RESERVED |= {"label", "loss", "error", "l", "O", "I", *dir(builtins)}
"""What variables may not be called."""
_INLINE_WIDTH, _INLINE_DEPTH = 44, 2
_MAX_NESTING = 32


@dataclass(eq=False)
class Assign:
    """`target = value`.

    Attributes:
        target: What the name stands for.
        value: What it is made of.
        wish: What the name is made of.
        kind: What it is, for a name where the function's own is of no use.
        several: Whether the target's outputs are picked from what is made.
        apart: Whether it always stands on a line of its own.
    """

    target: Variable | Function
    value: Expr
    wish: str
    kind: str = ""
    several: bool = False
    apart: bool = True


@dataclass(eq=False)
class Do:
    """An expression for what it does."""

    value: Expr


@dataclass(eq=False)
class Define:
    """A block: a decorated function, which the name of its own stands for.

    Attributes:
        function: The block.
        params: The placeholders that it is called with.
        body: What it does.
        results: What it returns.
    """

    function: Function
    params: list[Variable]
    body: list[Statement]
    results: list[Expr]


Statement = Assign | Do | Define


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
    names: dict[Variable | Function, Expr] = field(default_factory=dict)
    several: set[Function] = field(default_factory=set)

    def inner(self) -> Scope:
        """The scope of a function within."""
        return Scope(set(self.taken), self.root, dict(self.names), set(self.several))

    def name(self, target: Variable | Function, wish: str) -> str:
        """Give a new name."""
        found = identifier(wish, self.taken, RESERVED)
        self.names[target] = Raw(found)
        return found

    def weight(self, weight: Weight) -> str:
        """Where arrays are taken from: `weights["conv1"]`, `weights["conv1"]["W"]`."""
        path = weight.group.path[len(self.root.path) if self.root is not None else 0 :]
        names = [*path, *([] if weight.name is None else [weight.name])]
        return "weights" + "".join(f"[{string(name)}]" for name in names)

    def __getitem__(self, target: Variable | Function) -> Expr:
        if target in self.names:
            return self.names[target]
        assert isinstance(target, Variable)
        assert target.owner is not None
        name = self.names[target.owner]
        return Member(name, f"outputs[{target.index}]") if target.owner in self.several else name


def print_body(
    statements: Sequence[Statement], results: Sequence[Expr], scope: Scope, indent: int
) -> Iterator[str]:
    """The lines of a function's body but for what it returns."""
    uses = Counter(_owner(one) for each in statements for one in _reads(each))
    uses.update(_owner(one) for result in results for one in reads(result))
    kept = {_owner(one) for result in results for one in reads(result)}
    for statement in statements:
        match statement:
            case Assign():
                single = uses[statement.target] == 1 and statement.target not in kept
                if single and not statement.apart and _fits(statement.value, scope):
                    scope.names[statement.target] = statement.value
                    continue
                yield from _assignment(statement, scope, indent)
            case Do(value):
                yield from lines("", value, scope, indent)
            case Define():
                yield from _definition(statement, scope, indent)


def _owner(target: Variable | Function) -> Variable | Function:
    return target.owner if isinstance(target, Variable) and target.owner is not None else target


def _reads(statement: Statement) -> Iterable[Variable | Function]:
    if isinstance(statement, Define):
        inner = [one for each in statement.body for one in _reads(each)]
        return [*inner, *inner]  # what is read within is no part of an expression
    return reads(statement.value)


def _fits(value: Expr, scope: Scope) -> bool:
    written = text(value, scope)
    return len(written) <= _INLINE_WIDTH and depth(written) <= _INLINE_DEPTH


def _assignment(statement: Assign, scope: Scope, indent: int) -> Iterator[str]:
    value = statement.value
    name = identifier(statement.wish, scope.taken, RESERVED)
    yield from lines(f"{name} = ", value, scope, indent)
    scope.names[statement.target] = Raw(name)
    if isinstance(statement.target, Function) and statement.several:
        scope.several.add(statement.target)


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


__all__ = ["WIDTH", "Assign", "Call", "Define", "Do", "Ref", "Scope", "Statement", "print_body"]
