"""Statements: what the text of a function's body is made of, and what their values are called.

The functions and variables of the graph are operands of expressions, and have names later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from mmdnn.frameworks.cntk.graph import Function, Variable
from mmdnn.python import expressions
from mmdnn.python.expressions import Call, Operand, named

Target: TypeAlias = Variable | Function


def call(function: Operand, *args: Operand, **kwargs: Operand) -> Call:
    """A call; keyword arguments that are None are left out."""
    return expressions.call(function, *args, **{k: v for k, v in kwargs.items() if v is not None})


def owner(target: Target) -> Target:
    """The function whose output a variable is, if it is one."""
    return target.owner if isinstance(target, Variable) and target.owner is not None else target


def reads(x: Operand) -> Iterator[Target]:
    """The variables and functions that an expression reads, an output as the function's it is."""
    return (owner(one) for one in named(x) if isinstance(one, (Variable, Function)))


PASSING = "x"
"""What a value is called that only passes from one function to the next."""


@dataclass(eq=False)
class Assign:
    """`target = value`.

    The name is made of `wish`, or of the `kind` of thing that it is where that is of no use; of `several`
    outputs each is picked from what is made; what is `apart` has a line of its own.
    """

    target: Variable | Function
    value: Operand
    wish: str
    kind: str = ""
    several: bool = False
    apart: bool = True

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
    """A block: a decorated function of some placeholders, which the name of its own stands for."""

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
    """Calls one after the other, which only differ in their weights, as a loop."""

    calls: list[Assign]

    def reads(self) -> Iterator[Target]:
        """What is read from outside."""
        yield from self.calls[0].reads()


Statement = Assign | Do | Define | Repeat


def wish(function: Function) -> str:
    """What a variable's name is made of."""
    return function.name or kind(function)


def kind(function: Function) -> str:
    """What a function is, for a name."""
    return _WORDS.get(function.type) or _snake(function.type)


_WORDS = {
    "ReLU": "relu", "LeakyReLU": "leaky_relu", "PReLU": "prelu", "StableSigmoid": "sigmoid",
    "Plus": "total", "Minus": "difference", "ElementTimes": "product", "ElementDivide": "quotient",
    "Times": "times", "ReduceElements": "reduced", "Sequence::Slice": "frames", "Select": "chosen",
    "GatherPacked": "frames", "Slice": "part", "Abs": "magnitude", "Pow": "power",
    "NoOp": "alias", "TransposeAxes": "transposed", "RNNStep": "rnn",
    "PastValue": "past", "FutureValue": "future", "ReconcileDynamicAxis": "broadcast",
    "Sequence::BroadcastAs": "broadcast", "Sequence::ReduceElements": "reduced",
}  # fmt: skip


def _snake(text: str) -> str:
    """`BatchNormalization` as `batch_normalization`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()
