"""Whether a variable is computed as an expression of `_blocks` says."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from mmdnn.frameworks.cntk import _blocks
from mmdnn.frameworks.cntk._blocks import Inside, parts
from mmdnn.frameworks.cntk.graph import ALL_STATIC, COMBINE, Axis, Function, Kind, Variable
from mmdnn.tensors import references

Pairs = list[tuple[ast.expr, Variable]]
OWN = "own"
"""Under this name a pattern has the attributes of the block that it is about."""
AXES = {"all_static": Axis(ALL_STATIC)}
_COMMUTATIVE = frozenset({"Plus", "ElementTimes"})


class Bound(dict[str, Any]):
    """What a pattern's names stand for: variables, attributes, functions."""

    def number(self, name: str) -> float | None:
        """A variable's one number; None where it is not a constant of one number."""
        return single(self[name])

    def are_numbers(self, *names: str) -> bool:
        """Whether variables are constants of one number each."""
        return all(self.number(name) is not None for name in names)

    def given(self, name: str, value: Any) -> Bound | None:
        """With one more name; None where it stands for something else."""
        if name not in self:
            return Bound({**self, name: value})
        known = self[name]
        if isinstance(value, Variable):
            found = number(value)
            both = known is value or (found is not None and found == number(known))
            return self if both else None
        return self if known is value or known == value else None


class Graph(Protocol):
    """How a model is seen.

    Attributes:
        exact: Whether nothing matches but what is written the same: operands in their order, all attributes.
    """

    exact: bool

    def resolve(self, variable: Variable) -> Variable:
        """What a variable stands for."""

    def seen(self, function: Function) -> tuple[list[Variable], Mapping[str, Any]] | None:
        """The operands and attributes of a function; None where it is none that a pattern can name."""

    def wild(self, name: str, function: Function) -> Any:
        """What a call of any operator binds its name to; None for a call of that operator."""

    def number(self, variable: Variable) -> float | None:
        """The number of a constant that a pattern may have in its place."""


def number(variable: object) -> float | None:
    """The number of a scalar constant that has no name."""
    if not isinstance(variable, Variable) or variable.kind != Kind.CONSTANT or variable.name:
        return None
    value = variable.value
    return None if value is None or value.shape.numpy() else float(references.read(value)[()])


def single(variable: Variable) -> float | None:
    """A constant's one number."""
    value = variable.value
    if value is None or math.prod(value.shape.numpy()) != 1:
        return None
    return float(references.read(value).reshape(()))


class Pattern(Inside):
    """An expression that variables are compared with."""

    def match(self, variable: Variable, graph: Graph) -> Bound | None:
        """What the pattern's names stand for if a variable is computed as it says, else None."""
        return next(match([(self.tree, variable)], Bound(), graph), None)


def match(pairs: Pairs, bound: Bound | None, graph: Graph) -> Iterator[Bound]:
    """What names stand for if variables are computed as expressions say, in each way that they may be."""
    if bound is None or not pairs:
        yield from [] if bound is None else [bound]
        return
    (node, variable), *rest = pairs
    found = graph.resolve(variable)
    if isinstance(node, ast.NamedExpr):
        named = [(ast.Name(node.target.id), found), (node.value, found)]
        yield from match([*named, *rest], bound, graph)
    elif isinstance(node, ast.Name):
        yield from match(rest, bound.given(node.id, found), graph)
    elif isinstance(node, ast.Constant):
        if graph.number(found) == float(np.float32(_blocks.number(node))):
            yield from match(rest, bound, graph)
    else:
        for operands, more in _call(node, found, bound, graph):
            yield from match([*operands, *rest], more, graph)


def _call(
    node: ast.expr, variable: Variable, bound: Bound, graph: Graph
) -> Iterator[tuple[Pairs, Bound]]:
    """What the operands of a function must be, if it is the operator that a pattern says."""
    owner = variable.owner
    if owner is None or variable.index or owner.op == COMBINE:
        return
    op, nodes, keywords = parts(node)
    wild = graph.wild(op, owner)
    if wild is None and op == "ElementDivide" and owner.type == "ElementTimes" and not graph.exact:
        op, nodes = owner.type, [nodes[0], ast.Call(ast.Name("Reciprocal"), [nodes[1]], [])]
    seen = graph.seen(owner) if wild is not None or op == owner.type else None
    if seen is None or len(seen[0]) != len(nodes):
        return
    found = bound if wild is None else bound.given(op, wild)
    found = found and _attributes(keywords, owner, seen[1], found, graph.exact)
    if found is None:
        return
    yield list(zip(nodes, seen[0], strict=True)), found
    if op in _COMMUTATIVE and not graph.exact:
        yield list(zip(nodes[::-1], seen[0], strict=True)), found


def _attributes(
    keywords: Mapping[str, ast.expr],
    function: Function,
    given: Mapping[str, Any],
    bound: Bound,
    exact: bool,
) -> Bound | None:
    """The names in attributes; what stands behind `**` is the function with those that are not named."""
    wanted = {key: node for key, node in keywords.items() if key != REST}
    rest = keywords.get(REST)
    if exact and rest is None and given.keys() != wanted.keys():
        return None
    found: Bound | None = bound
    for key, node in wanted.items():
        if found is not None and (key in given or rest is None):
            found = _fits(node, given.get(key), found)
    if isinstance(rest, ast.Name) and found is not None:
        others = {k: v for k, v in function.attributes.items() if k not in wanted}
        found = (
            None if function.name else found.given(rest.id, replace(function, attributes=others))
        )
    return found


REST = "None"
"""The key of what stands behind `**` among a call's keywords."""


def _fits(node: ast.expr, value: Any, bound: Bound) -> Bound | None:
    """The names in what a pattern says of an attribute; None where it is something else."""
    found: Bound | None = bound
    match node:
        case ast.Constant(value=expected) if expected is ...:
            return bound
        case ast.Name(name):
            if value is None or name in AXES:
                return bound if value is not None and value == AXES.get(name) else None
            return bound.given(name, value)
        case ast.Attribute(attr=name):
            return bound if name in bound[OWN] and bound[OWN][name] == value else None
        case ast.List(elts):
            if not isinstance(value, (list, tuple)) or len(value) != len(elts):
                return None
            for one, part in zip(elts, value, strict=True):
                found = found and _fits(one, part, found)
            return found
    expected = ast.literal_eval(node)
    if isinstance(value, (list, tuple)):
        return bound if all(one == expected for one in value) else None
    value = value.index if isinstance(value, Axis) else value
    return bound if type(value) is type(expected) and value == expected else None
