"""Statements: what the text of a function's body is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mmdnn.frameworks.cntk.codegen.expressions import Target, reads
from mmdnn.frameworks.cntk.graph import Function, Kind, Variable
from mmdnn.python.expressions import Operand

PASSING = "x"
"""What a value is called that only passes from one function to the next."""


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
    value: Operand
    wish: str
    kind: str = ""
    several: bool = False
    apart: bool = True

    @property
    def is_stored(self) -> bool:
        """Whether it is a parameter or a constant."""
        target = self.target
        return isinstance(target, Variable) and target.kind in (Kind.PARAMETER, Kind.CONSTANT)

    def reads(self) -> Iterator[Target]:
        """What it reads, each as often as it does."""
        return reads(self.value)


@dataclass(eq=False)
class Do:
    """An expression for what it does."""

    value: Operand

    def reads(self) -> Iterator[Target]:
        """What it reads."""
        return reads(self.value)


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
    results: list[Operand]

    def reads(self) -> Iterator[Target]:
        """What its body reads, twice each: it is no part of an expression."""
        for statement in self.body:
            for one in statement.reads():
                yield from (one, one)


@dataclass(eq=False)
class Repeat:
    """Calls one after the other, which only differ in their weights, as a loop.

    Attributes:
        first: The first.
        calls: They all.
    """

    first: Assign
    calls: list[Assign]

    def reads(self) -> Iterator[Target]:
        """What is read from outside."""
        yield from self.first.reads()


Statement = Assign | Do | Define | Repeat
