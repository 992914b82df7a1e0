"""A model without its blocks, but for those that are taken as what they are called.

Inside a block, placeholders stand for variables outside; outside, a block's outputs are those of a
function inside. `Flat.resolve` follows both, so that the graph is one of primitive functions and
named blocks, without a copy of anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.cntk._matching import Bound, Pattern, single
from mmdnn.frameworks.cntk._order import components
from mmdnn.frameworks.cntk.graph import COMBINE, Function, Model, Variable, inside
from mmdnn.ir.operators import Entry


@dataclass(frozen=True)
class Named:
    """A block that is taken as what it is called, where its inside is what it should be."""

    pattern: Pattern
    entry: Entry
    check: Callable[[Bound], bool]


blocks: dict[str, list[Named]] = {}
"""What is known of blocks, by their names."""


@dataclass(frozen=True)
class Match:
    """A block that is taken as what it is called.

    Attributes:
        named: What is known of it.
        inputs: The variables that its pattern names, in the pattern's order.
        bound: What its pattern's names stand for.
    """

    named: Named
    inputs: tuple[Variable, ...]
    bound: Bound


class Flat:
    """A model's graph of primitive functions and named blocks.

    Attributes:
        aliases: What placeholders and outputs of blocks stand for.
        outer: The block's output that a variable inside is, outermost last found.
        parents: The block that a function is directly inside of.
        matches: The named blocks.
    """

    exact = False

    def __init__(self, model: Model) -> None:
        self.aliases: dict[Variable, Variable] = {}
        self.outer: dict[Variable, Variable] = {}
        self.parents: dict[Function, Function] = {}
        self.matches: dict[Function, Match] = {}
        functions = list(model.walk())
        for function in functions:
            self._open(function)
        for function in reversed(functions):
            self._close(function)

    def _open(self, function: Function) -> None:
        if function.op == COMBINE:
            for index, one in enumerate(function.inputs):
                self.aliases[function.output(index)] = one
        if function.block is None:
            return
        for placeholder, argument in function.block.arguments.items():
            if self.aliases.setdefault(placeholder, argument) is not argument:
                raise UnsupportedError(
                    "its placeholder stands for two variables",
                    layer=function.label,
                    operator=function.type,
                )
        for index, one in enumerate(function.block.outputs):
            self.aliases[function.output(index)] = one
            self.outer.setdefault(one, function.output(index))
        for each in inside(function.block):
            self.parents.setdefault(each, function)

    def _close(self, function: Function) -> None:
        """Take a block as what it is called, where its inside is what it should be."""
        if function.block is None or len(function.block.outputs) != 1:
            return
        for named in blocks.get(function.block.type, ()):
            found = named.pattern.match(function.block.outputs[0], self)
            if found is not None and named.check(found):
                inputs = tuple(found[name] for name in named.pattern.operands)
                self.matches[function] = Match(named, inputs, found)
                del self.aliases[function.output()]
                return

    def resolve(self, variable: Variable) -> Variable:
        """What a variable stands for.

        Raises:
            FormatError: It stands for itself.
        """
        seen = variable
        for _ in range(len(self.aliases) + 1):
            if seen not in self.aliases:
                return seen
            seen = self.aliases[seen]
        raise FormatError("it stands for itself", layer=variable.uid)

    def reads(self, function: Function) -> list[Variable]:
        """What a function reads, resolved: of a named block, what its pattern names."""
        match = self.matches.get(function)
        return [self.resolve(one) for one in (match.inputs if match else function.inputs)]

    def seen(self, function: Function) -> tuple[list[Variable], dict[str, Any]]:
        """What a pattern sees of a function: what it reads, and its attributes."""
        return self.reads(function), function.attributes

    def wild(self, name: str, function: Function) -> Function | None:
        """A call in lower case is any operator."""
        return function if name.islower() else None

    def number(self, variable: Variable) -> float | None:
        """A constant's one number, whatever its shape."""
        return single(variable)

    def components(self, outputs: Iterable[Variable]) -> list[list[Function]]:
        """The functions that these depend on, in an order of dependence; loops come as one component."""
        owners = [self.resolve(one).owner for one in outputs]
        return components([one for one in owners if one is not None], self.reads)
