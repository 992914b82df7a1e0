"""What the inside of a block must look like, as an expression of primitive functions.

    Select(Less(x, zero), ElementTimes(alpha, x), x)

A call is a primitive operator, a name any variable: the same name, the same variable. `(name :=
Call(...))` gives the function itself a name, so that its attributes can be read. Blocks inside that
are taken as what they are called are calls as well, of the names that their own pattern has.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from typing import Protocol

from mmdnn.frameworks.cntk.graph import Function, Variable
from mmdnn.tensors import references


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
        self.names = list(dict.fromkeys(node.id for node in found))

    def match(self, variable: Variable, flat: Graph) -> Bound | None:
        """What the pattern's names stand for if a variable is computed as it says, else None."""
        variables: dict[str, Variable] = {}
        functions: dict[str, Function] = {}
        pending: list[tuple[ast.expr, Variable]] = [(self.tree, variable)]
        while pending:
            node, found = pending.pop()
            found = flat.resolve(found)
            if isinstance(node, ast.Name):
                if variables.setdefault(node.id, found) is not found:
                    return None
                continue
            if isinstance(node, ast.NamedExpr):
                if found.owner is None or found.index:
                    return None
                functions[node.target.id] = found.owner
                pending.append((node.value, found))
                continue
            owner = found.owner
            if owner is None or found.index or owner.type != _called(node):
                return None
            inputs = flat.reads(owner)
            if len(inputs) != len(_arguments(node)):
                return None
            pending += zip(_arguments(node), inputs, strict=True)
        return Bound(variables, functions)


def _called(node: ast.expr) -> str:
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    return node.func.id


def _arguments(node: ast.expr) -> list[ast.expr]:
    assert isinstance(node, ast.Call)
    return node.args
