"""Python expressions as Python's own syntax trees, before variables have names."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from mmdnn.frameworks.cntk.graph import Function, Variable
from mmdnn.python.source import string

Expr: TypeAlias = ast.expr
Target: TypeAlias = Variable | Function


Raw: TypeAlias = ast.Name
"""Text as it stands: a name, a number, a string literal."""


class Ref(ast.expr):
    """A variable of the graph, or a function, by whatever name it will have."""

    _fields = ("target",)

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target


def literal(value: Any) -> Raw:
    """A Python value; an array as nested lists."""
    return Raw(_literal(value))


def _literal(value: Any) -> str:
    match value:
        case str():
            return string(value)
        case np.ndarray():
            return f"[{', '.join(map(_literal, value))}]" if value.shape else _literal(value[()])
        case np.floating():
            return _float(float(str(value)))
        case np.integer():
            return repr(int(value))
        case float():
            return _float(value)
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case tuple():
            return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        return f'float("{value}")'
    return f"{value:.1f}" if value.is_integer() and abs(value) < 1e15 else repr(value)


def call(function: str | Expr, *args: Expr, **kwargs: Expr | None) -> ast.Call:
    """A call; keyword arguments that are None are left out."""
    head = Raw(function) if isinstance(function, str) else function
    keywords = [ast.keyword(arg=k, value=v) for k, v in kwargs.items() if v is not None]
    return ast.Call(func=head, args=list(args), keywords=keywords)


def called(expr: Expr) -> str:
    """The name of the function that is called; "" where there is none."""
    return expr.func.id if isinstance(expr, ast.Call) and isinstance(expr.func, Raw) else ""


def walk(expr: ast.AST) -> Iterator[ast.AST]:
    """An expression and what it is made of, in the order in which it is written."""
    yield expr
    for part in ast.iter_child_nodes(expr):
        yield from walk(part)


def reads(expr: Expr) -> Iterator[Target]:
    """The variables and functions that an expression reads, each as often as it reads it."""
    return (one.target for one in walk(expr) if isinstance(one, Ref))


def rebuilt(expr: Any, by: Callable[[ast.AST], ast.AST | None]) -> Any:
    """An expression with other ones in the place of parts; None leaves a part as it is."""
    if isinstance(expr, list):
        return [rebuilt(one, by) for one in expr]
    if not isinstance(expr, ast.AST):
        return expr
    other = by(expr)
    if other is not None:
        return other
    return type(expr)(**{name: rebuilt(part, by) for name, part in ast.iter_fields(expr)})


def same(one: Expr, other: Expr) -> bool:
    """Whether two expressions are written the same, once the same names stand for what they read."""
    first, second = (
        ast.unparse(
            rebuilt(
                expr, lambda part: Raw(f"_{id(part.target)}") if isinstance(part, Ref) else None
            )
        )
        for expr in (one, other)
    )
    return first == second
