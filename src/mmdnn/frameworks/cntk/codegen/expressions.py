"""Expressions of a network: the functions and variables of the graph are operands that have names later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from mmdnn.frameworks.cntk.graph import Function, Variable
from mmdnn.python import expressions
from mmdnn.python.expressions import Call, Code, Operand

Target: TypeAlias = Variable | Function


def call(function: Operand, *args: Operand, **kwargs: Operand) -> Call:
    """A call; keyword arguments that are None are left out."""
    return expressions.call(function, *args, **{k: v for k, v in kwargs.items() if v is not None})


def named(x: Operand) -> Iterator[Any]:
    """What has a name in an expression, each as often as it stands there."""
    if isinstance(x, Code):
        yield from x.references(object)
    elif not expressions.is_plain(x):
        yield x


def owner(target: Target) -> Target:
    """The function whose output a variable is, if it is one."""
    return target.owner if isinstance(target, Variable) and target.owner is not None else target


def reads(x: Operand) -> Iterator[Target]:
    """The variables and functions that an expression reads, an output as the function's it is."""
    return (owner(one) for one in named(x) if isinstance(one, (Variable, Function)))
