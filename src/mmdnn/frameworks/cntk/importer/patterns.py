"""What the inside of a block must look like, as an expression of primitive functions.

    Select(Less(x, zero), ElementTimes(alpha, x), x)

A call is a primitive operator, a name any variable: the same name, the same variable. A call in
lower case is any operator, which gets that name. What is commutative matches both ways. `(name :=
Call(...))` gives the function itself a name, so that its attributes can be read. Blocks inside that
are taken as what they are called are calls as well, of the names that their own pattern has.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mmdnn.frameworks.cntk.graph import Function, Variable
from mmdnn.tensors import references

COMMUTATIVE = frozenset({"Plus", "ElementTimes"})


class Graph(Protocol):
    """A graph without blocks."""

    def resolve(self, variable: Variable) -> Variable:
        """What a variable stands for."""

    def reads(self, function: Function) -> list[Variable]:
        """What a function reads."""


@dataclass(frozen=True)
class Bound:
    """What a pattern's names stand for.

    Attributes:
        variables: Variables by name.
        functions: Functions by name.
    """

    variables: dict[str, Variable]
    functions: dict[str, Function]

    def number(self, name: str) -> float | None:
        """A variable's one number; None where it is not a constant of one number."""
        value = self.variables[name].value
        if value is None or math.prod(value.shape.numpy()) != 1:
            return None
        return float(references.read(value).reshape(()))

    def is_number(self, **wanted: float | None) -> bool:
        """Whether variables are constants of these numbers; None: of any one number."""
        found = {name: self.number(name) for name in wanted}
        return all(
            found[name] is not None and wanted[name] in (None, found[name]) for name in wanted
        )


class Pattern:
    """A pattern; parsed once.

    Attributes:
        names: The variables that it binds, in the order in which the expression first has them.
        size: How many functions it is of.
    """

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text, mode="eval").body
        calls = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        targets = {
            id(node.target) for node in ast.walk(self.tree) if isinstance(node, ast.NamedExpr)
        }
        found = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Name) and id(node) not in calls | targets
        ]
        found.sort(key=lambda node: (node.lineno, node.col_offset))
        self.size = len(calls)
        self.names = list(dict.fromkeys(node.id for node in found))

    def match(self, variable: Variable, flat: Graph) -> Bound | None:
        """What the pattern's names stand for if a variable is computed as it says, else None."""
        return next(self._match(self.tree, variable, Bound({}, {}), flat), None)

    def _match(
        self, node: ast.expr, variable: Variable, bound: Bound, flat: Graph
    ) -> Iterator[Bound]:
        found = flat.resolve(variable)
        if isinstance(node, ast.Name):
            if bound.variables.get(node.id, found) is found:
                yield Bound({**bound.variables, node.id: found}, bound.functions)
            return
        owner = found.owner
        if owner is None or found.index:
            return
        if isinstance(node, ast.NamedExpr):
            functions = {**bound.functions, node.target.id: owner}
            yield from self._match(node.value, found, Bound(bound.variables, functions), flat)
            return
        called, inputs = _called(node), flat.reads(owner)
        if len(inputs) != len(_arguments(node)):
            return
        if called.islower():
            bound = Bound(bound.variables, {**bound.functions, called: owner})
        elif called != owner.type:
            return
        yield from self._arguments(_arguments(node), inputs, bound, flat)
        if called in COMMUTATIVE:
            yield from self._arguments(_arguments(node)[::-1], inputs, bound, flat)

    def _arguments(
        self, nodes: Sequence[ast.expr], inputs: Sequence[Variable], bound: Bound, flat: Graph
    ) -> Iterator[Bound]:
        if not nodes:
            yield bound
            return
        for each in self._match(nodes[0], inputs[0], bound, flat):
            yield from self._arguments(nodes[1:], inputs[1:], each, flat)


def _called(node: ast.expr) -> str:
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    return node.func.id


def _arguments(node: ast.expr) -> list[ast.expr]:
    assert isinstance(node, ast.Call)
    return node.args
