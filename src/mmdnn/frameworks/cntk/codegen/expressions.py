"""Python expressions, before variables have names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from mmdnn.frameworks.cntk.codegen.weights import Weight
from mmdnn.frameworks.cntk.graph import Function, Variable
from mmdnn.python.source import WIDTH, string
from mmdnn.python.source import call as spread


@dataclass(frozen=True)
class Raw:
    """Text as it stands: a name, a number, a string literal."""

    text: str


@dataclass(frozen=True)
class Ref:
    """A variable of the graph, or a function, by whatever name it will have."""

    target: Variable | Function


@dataclass(frozen=True)
class Call:
    """A call; `function` is a name, or what was called before: `C.layers.Dense(5)(x)`."""

    function: str | Expr
    args: tuple[Expr, ...] = ()
    kwargs: tuple[tuple[str, Expr], ...] = ()


@dataclass(frozen=True)
class Infix:
    """`left + right`."""

    symbol: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Prefix:
    """`-operand`."""

    symbol: str
    operand: Expr


@dataclass(frozen=True)
class Listed:
    """`[a, b]`."""

    items: tuple[Expr, ...]


@dataclass(frozen=True)
class Mapped:
    """`{a: b}`."""

    items: tuple[tuple[Expr, Expr], ...]


@dataclass(frozen=True)
class Member:
    """`value.name`."""

    value: Expr
    name: str


Expr: TypeAlias = Raw | Ref | Weight | Call | Infix | Prefix | Listed | Mapped | Member


class Names(Protocol):
    """What is written where a variable or function is read."""

    def __getitem__(self, target: Variable | Function) -> Expr:
        """The name, or a whole expression."""

    def weight(self, weight: Weight) -> str:
        """Where arrays are taken from."""


_LEVELS = {"+": 1, "-": 1, "*": 2, "/": 2}
_UNARY, _ATOM = 3, 4


def literal(value: Any) -> Raw:
    """A Python value; an array as nested lists."""
    return Raw(_literal(value))


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return string(value)
    if isinstance(value, np.ndarray):
        if not value.shape:
            return _literal(value[()])
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, np.floating):
        return _float(float(str(value)))
    if isinstance(value, np.integer):
        return repr(int(value))
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, (tuple, list)):
        items = ", ".join(map(_literal, value))
        if isinstance(value, list):
            return f"[{items}]"
        return f"({items}{',' if len(value) == 1 else ''})"
    return repr(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        return f'float("{value}")'
    return f"{value:.1f}" if value.is_integer() and abs(value) < 1e15 else repr(value)


def call(function: str | Expr, *args: Expr, **kwargs: Expr | None) -> Call:
    """A call; keyword arguments that are None are left out."""
    return Call(function, args, tuple((k, v) for k, v in kwargs.items() if v is not None))


def reads(expr: Expr) -> Iterator[Variable | Function]:
    """The variables and functions that an expression reads, each as often as it reads it."""
    pending = [expr]
    while pending:
        one = pending.pop()
        if isinstance(one, Ref):
            yield one.target
        pending += reversed(list(parts(one)))


def parts(expr: Expr) -> Iterator[Expr]:
    """What an expression is made of."""
    match expr:
        case Call(function, args, kwargs):
            if not isinstance(function, str):
                yield function
            yield from args
            yield from (value for _, value in kwargs)
        case Infix(_, left, right):
            yield from (left, right)
        case Prefix(_, operand):
            yield operand
        case Listed(items):
            yield from items
        case Mapped(pairs):
            yield from (one for pair in pairs for one in pair)
        case Member(value, _):
            yield value


def text(expr: Expr, names: Names) -> str:
    """The expression on one line."""
    return _text(expr, names)[0]


def _text(expr: Expr, names: Names) -> tuple[str, int]:
    """The expression, and how tightly it binds."""
    match expr:
        case Raw(written):
            return written, _ATOM if not written.startswith("-") else _UNARY
        case Ref(target):
            return _text(names[target], names)
        case Weight():
            return names.weight(expr), _ATOM
        case Call(function, _, _):
            head = function if isinstance(function, str) else text(function, names)
            return f"{head}({', '.join(arguments(expr, names))})", _ATOM
        case Infix(symbol, left, right):
            level = _LEVELS[symbol]
            sides = (_within(left, names, level), _within(right, names, level + 1))
            return f" {symbol} ".join(sides), level
        case Prefix(symbol, operand):
            return f"{symbol}{_within(operand, names, _UNARY)}", _UNARY
        case Listed(listed):
            return f"[{', '.join(text(one, names) for one in listed)}]", _ATOM
        case Mapped(pairs):
            items = (f"{text(key, names)}: {text(value, names)}" for key, value in pairs)
            return f"{{{', '.join(items)}}}", _ATOM
        case Member(value, name):
            return f"{_within(value, names, _ATOM)}.{name}", _ATOM


def _within(expr: Expr, names: Names, level: int) -> str:
    written, own = _text(expr, names)
    return written if own >= level else f"({written})"


def arguments(expr: Call, names: Names) -> list[str]:
    """What stands between a call's parentheses."""
    found = [text(one, names) for one in expr.args]
    return found + [f"{key}={text(value, names)}" for key, value in expr.kwargs]


def depth(written: str) -> int:
    """How many calls stand inside one another."""
    found = deepest = 0
    for sign in re.sub(r'"[^"]*"', "", written):
        found += (sign == "(") - (sign == ")")
        deepest = max(deepest, found)
    return deepest


def lines(head: str, expr: Expr, names: Names, indent: int) -> list[str]:
    """`head` and the expression, broken as formatters do where they are long."""
    margin = " " * indent
    whole = f"{margin}{head}{text(expr, names)}"
    if len(whole) <= WIDTH or not isinstance(expr, Call):
        return [whole]
    function = expr.function
    head += function if isinstance(function, str) else text(function, names)
    return spread(f"{head}(", arguments(expr, names), indent)
