"""Blocks that are known by what is inside them (see `_matching`).

In a pattern `**core` stands for the function with the attributes that are not named, which may be absent
then; `activation(x)` and `sigmoid(x)` are any operator of one operand; `a, b` are the outputs of a block of
several.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mmdnn.frameworks.cntk import _blocks
from mmdnn.frameworks.cntk._matching import AXES, Bound, match, number
from mmdnn.frameworks.cntk.graph import Function, Variable

T = TypeVar("T")
ANY = ("activation", "sigmoid")
"""Calls of any operator of one operand."""
DEEPEST = 6
"""How many blocks inside one another are known together."""
_IGNORED = {"lowerPad", "upperPad", "rngOffset", "maxTempMemSizeInSamples"}
"""Attributes that CNTK works out, and those that no block of its own sets."""


@dataclass
class Known(Generic[T]):
    """A block that is known.

    Attributes:
        trees: What it gives, as expressions.
        names: The names in them, in order.
        own: Attributes that it has.
        make: What to do with it.
    """

    trees: list[ast.expr]
    names: list[str]
    own: Mapping[str, Any]
    make: T


@dataclass
class Catalogue(Generic[T]):
    """Known blocks, by their types; a type may have several patterns."""

    known: dict[str, list[Known[T]]] = field(default_factory=dict)
    inner: Catalogue[Any] | None = None
    """What blocks inside are known by, where it is another catalogue."""
    exact: bool = True
    depth: int = 0
    """How many blocks inside one another are being looked at."""

    def add(self, head: str, *patterns: str) -> Callable[[T], T]:
        """Register what to do with the blocks that match one of some patterns.

        Args:
            head: Their type, which inside they have, their attributes: "A.other(size=1)".
            patterns: What is inside; what the table says unless given.
        """
        row, _, own = parts(ast.parse(head, mode="eval").body)
        type_ = row.partition(".")[0]

        def register(make: T) -> T:
            for pattern in patterns or (_blocks.INSIDES[row],):
                tree = ast.parse(pattern, mode="eval").body
                trees = tree.elts if isinstance(tree, ast.Tuple) else [tree]
                wanted = {str(key): ast.literal_eval(value) for key, value in own.items()}
                self.known.setdefault(type_, []).append(Known(trees, _names(tree), wanted, make))
            return make

        return register

    def find(self, function: Function) -> tuple[Known[T], Bound] | None:
        """What is known of a block, and what its names stand for inside."""
        assert function.block is not None
        block = function.block
        found = self.match(block.type, block.outputs, function.attributes)
        if found is None or any(_is_computed(found[1][name]) for name in found[0].names):
            return None
        return found

    def match(
        self, type_: str, outputs: list[Variable], own: Mapping[str, Any] | None = None
    ) -> tuple[Known[T], Bound] | None:
        """What is known of a block of that type, if it gave these variables inside."""
        own = own or {}
        for known in self.known.get(type_, ()):
            if len(known.trees) == len(outputs) and known.own.items() <= own.items():
                pairs = list(zip(known.trees, outputs, strict=True))
                bound = next(match(pairs, Bound(own=own), self), None)
                if bound is not None:
                    return known, bound
        return None

    def resolve(self, variable: Variable) -> Variable:
        """Nothing stands for anything else inside a block."""
        return variable

    def seen(self, function: Function) -> tuple[list[Variable], dict[str, Any]] | None:
        """The operands and attributes that a pattern sees of a function."""
        name: dict[str, Any] = {"name": function.name} if function.name else {}
        if function.block is None:
            given = {k: v for k, v in function.attributes.items() if k not in _IGNORED}
            return function.inputs, given | name
        if self.depth == DEEPEST:
            return None
        catalogue = self.inner or self
        catalogue.depth += 1
        match = catalogue.find(function)
        catalogue.depth -= 1
        if match is None:
            return None
        outer = function.block.arguments
        values = {name: match[1][name] for name in match[0].names}
        inputs = [outer.get(one, one) for one in values.values() if isinstance(one, Variable)]
        return inputs, {k: v for k, v in values.items() if not isinstance(v, Variable)} | name

    def wild(self, name: str, function: Function) -> str | None:
        """Some calls are any operator of one operand."""
        return function.type if name in ANY else None

    def number(self, variable: Variable) -> float | None:
        """The number of a scalar constant that has no name."""
        return number(variable)


def _is_computed(value: Any) -> bool:
    """Whether it is a variable that a function inside computes: then there is more than the pattern."""
    return isinstance(value, Variable) and value.owner is not None


def _names(tree: ast.expr) -> list[str]:
    """The names of variables and attributes, in the order in which they first stand there."""
    hidden = {"own", *AXES}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            apart = [node.func, *(one.value for one in node.keywords if one.arg is None)]
            hidden |= {one.id for one in apart if isinstance(one, ast.Name)}
        elif isinstance(node, ast.NamedExpr):
            hidden.add(node.target.id)
    found = [one for one in ast.walk(tree) if isinstance(one, ast.Name) and one.id not in hidden]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return list(dict.fromkeys(node.id for node in found))


def parts(node: ast.expr) -> tuple[str, list[ast.expr], dict[str, ast.expr]]:
    """The operator, operands and attributes of a pattern's node; a head may be a name alone."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        return ast.unparse(node).replace("__", "::"), [], {}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = ast.Call(ast.Name(ast.unparse(node.func)), node.args, node.keywords)
    return _blocks.parts(node)
