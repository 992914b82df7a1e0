"""Whether a variable is computed as an expression says (see `_blocks`), among primitive functions.

What is commutative matches both ways; a quotient may be spelled out, and a constant may have any shape of one
element. Blocks that are taken as what they are called are calls of the operands that their own pattern has.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from mmdnn.frameworks.cntk._blocks import Inside, number, parts
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
        attributes: Attributes by name.
    """

    variables: dict[str, Variable] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)

    def number(self, name: str) -> float | None:
        """A variable's one number; None where it is not a constant of one number."""
        return _number(self.variables[name])

    def are_numbers(self, *names: str) -> bool:
        """Whether variables are constants of one number each."""
        return all(self.number(name) is not None for name in names)

    def given(self, table: str, name: str, value: Any) -> Bound | None:
        """With one more name; None where it stands for something else."""
        known = getattr(self, table)
        if name in known:
            return self if known[name] is value or known[name] == value else None
        return replace(self, **{table: {**known, name: value}})


class Pattern(Inside):
    """An expression that variables are compared with."""

    def match(self, variable: Variable, flat: Graph) -> Bound | None:
        """What the pattern's names stand for if a variable is computed as it says, else None."""
        return next(_match(self.tree, variable, Bound(), flat), None)


def _number(variable: Variable) -> float | None:
    value = variable.value
    if value is None or math.prod(value.shape.numpy()) != 1:
        return None
    return float(references.read(value).reshape(()))


def _match(node: ast.expr, variable: Variable, bound: Bound | None, flat: Graph) -> Iterator[Bound]:
    found = flat.resolve(variable)
    if isinstance(node, ast.NamedExpr) and bound is not None:
        bound, node = bound.given("variables", node.target.id, found), node.value
    elif isinstance(node, ast.Name) and bound is not None:
        bound = bound.given("variables", node.id, found)
    if bound is None:
        return
    if isinstance(node, ast.Name):
        yield bound
    elif isinstance(node, ast.Constant):
        if _number(found) == np.float32(number(node)):
            yield bound
    else:
        yield from _call(node, found, bound, flat)


def _call(node: ast.expr, variable: Variable, bound: Bound, flat: Graph) -> Iterator[Bound]:
    owner = variable.owner
    if owner is None or variable.index:
        return
    op, nodes, keywords = parts(node)
    inputs = flat.reads(owner)
    if op == "ElementDivide" and owner.type == "ElementTimes":
        op, inverse = owner.type, ast.Call(ast.Name("Reciprocal"), [nodes[1]], [])
        nodes = [nodes[0], inverse]
    found: Bound | None = bound
    if op.islower():
        found = bound.given("functions", op, owner)
    elif op != owner.type:
        return
    for name, value in keywords.items():
        found = found and _attribute(value, owner.attributes.get(name), found)
    if found is None or len(nodes) != len(inputs):
        return
    yield from _operands(nodes, inputs, found, flat)
    if op in COMMUTATIVE:
        yield from _operands(nodes[::-1], inputs, found, flat)


def _attribute(node: ast.expr, value: Any, bound: Bound) -> Bound | None:
    if isinstance(node, ast.Name):
        return None if value is None else bound.given("attributes", node.id, value)
    return bound if value == ast.literal_eval(node) else None


def _operands(
    nodes: Sequence[ast.expr], inputs: Sequence[Variable], bound: Bound, flat: Graph
) -> Iterator[Bound]:
    if not nodes:
        yield bound
        return
    for each in _match(nodes[0], inputs[0], bound, flat):
        yield from _operands(nodes[1:], inputs[1:], each, flat)
