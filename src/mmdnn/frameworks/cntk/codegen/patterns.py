"""What the inside of a block must look like to be what a function of CNTK's makes.

    Select(Less(x, 0), ELU(x, name="_ELU") * alpha, x)

A call is a primitive operator, or a block that has a pattern itself, whose operands are that one's
names; its keywords are attributes, all of them. A name is any variable or attribute, the same one
wherever it stands; `(y := Exp(x))` names what is computed; a number is a constant without a name;
`activation(x)` is any operator of one operand. `a, b` are the outputs of a block of several.
(`Sequence__Slice` is `Sequence::Slice`.)
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from mmdnn.frameworks.cntk.graph import COMBINE, Function, Kind, Variable
from mmdnn.tensors import references

T = TypeVar("T")
Bound = dict[str, Any]
"""What a pattern's names stand for: variables, and attributes."""

_INFIX = {ast.Add: "Plus", ast.Sub: "Minus", ast.Mult: "ElementTimes", ast.Div: "ElementDivide"}
ANY = "activation"
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
        make: What to do with it.
    """

    trees: list[ast.expr]
    names: list[str]
    make: T


@dataclass
class Catalogue(Generic[T]):
    """Known blocks, by their types; a type may have several patterns."""

    known: dict[str, list[Known[T]]] = field(default_factory=dict)
    inner: Catalogue[Any] | None = None
    """What blocks inside are known by, where it is another catalogue."""
    depth: int = 0
    """How many blocks inside one another are being looked at."""

    def add(self, type_: str, *patterns: str) -> Callable[[T], T]:
        """Register what to do with the blocks that match one of some patterns."""

        def register(make: T) -> T:
            for pattern in patterns:
                tree = ast.parse(pattern, mode="eval").body
                trees = tree.elts if isinstance(tree, ast.Tuple) else [tree]
                self.known.setdefault(type_, []).append(Known(trees, _names(tree), make))
            return make

        return register

    def find(self, function: Function) -> tuple[Known[T], Bound] | None:
        """What is known of a block, and what its names stand for inside."""
        assert function.block is not None
        found = self.match(function.block.type, function.block.outputs)
        if found is None or any(_is_computed(found[1][name]) for name in found[0].names):
            return None
        return found

    def match(self, type_: str, outputs: list[Variable]) -> tuple[Known[T], Bound] | None:
        """What is known of a block of that type, if it gave these variables inside."""
        for known in self.known.get(type_, ()):
            if len(known.trees) == len(outputs):
                bound = self._match(list(zip(known.trees, outputs, strict=True)))
                if bound is not None:
                    return known, bound
        return None

    def _match(self, pending: list[tuple[ast.expr, Variable]]) -> Bound | None:
        bound: Bound = {}
        pending.reverse()
        while pending:
            node, variable = pending.pop()
            if isinstance(node, ast.NamedExpr):
                if bound.setdefault(node.target.id, variable) is not variable:
                    return None
                node = node.value
            if isinstance(node, ast.Name):
                if bound.setdefault(node.id, variable) is not variable:
                    return None
                continue
            if isinstance(node, ast.Constant):
                if not _is_number(variable, node.value):
                    return None
                continue
            more = self._call(node, variable, bound)
            if more is None:
                return None
            pending += reversed(more)
        return bound

    def _call(
        self, node: ast.expr, variable: Variable, bound: Bound
    ) -> list[tuple[ast.expr, Variable]] | None:
        """Match an operator: what its operands must match then."""
        function = variable.owner
        if function is None or function.op == COMBINE:
            return None
        name, args, keywords = _parts(node)
        if name not in (ANY, function.type):
            return None
        inputs, attributes = self._seen(function)
        if inputs is None or len(inputs) != len(args) or variable.index:
            return None
        if name == ANY and (
            len(args) != 1 or attributes or bound.setdefault(name, function.type) != function.type
        ):
            return None
        if function.name:
            attributes["name"] = function.name
        if set(attributes) != set(keywords):
            return None
        for key, value in keywords.items():
            if not _fits(value, attributes[key], bound):
                return None
        return list(zip(args, inputs, strict=True))

    def _seen(self, function: Function) -> tuple[list[Variable] | None, Bound]:
        """The operands and attributes that a pattern sees of a function."""
        if function.block is None:
            found = {k: v for k, v in function.attributes.items() if k not in _IGNORED}
            return function.inputs, found
        if self.depth == DEEPEST:
            return None, {}
        catalogue = self.inner or self
        catalogue.depth += 1
        match = catalogue.find(function)
        catalogue.depth -= 1
        if match is None:
            return None, {}
        known, bound = match
        outer = function.block.arguments
        values = [bound[name] for name in known.names]
        inputs = [outer.get(one, one) for one in values if isinstance(one, Variable)]
        return inputs, {
            name: value
            for name, value in zip(known.names, values, strict=True)
            if not isinstance(value, Variable)
        }


def _is_computed(value: Any) -> bool:
    """Whether it is a variable that a function inside computes: then there is more than the pattern."""
    return isinstance(value, Variable) and value.owner is not None


def _names(tree: ast.expr) -> list[str]:
    """The names of variables and attributes, in the order in which they first stand there."""
    calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    targets = {node.target.id for node in ast.walk(tree) if isinstance(node, ast.NamedExpr)}
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and id(node) not in calls and node.id not in targets
    ]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return list(dict.fromkeys(node.id for node in found))


def _parts(node: ast.expr) -> tuple[str, list[ast.expr], dict[str, ast.expr]]:
    """The operator, operands and attributes of a pattern's node."""
    if isinstance(node, ast.BinOp):
        return _INFIX[type(node.op)], [node.left, node.right], {}
    if isinstance(node, ast.UnaryOp):
        return "Negate", [node.operand], {}
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    return (
        node.func.id.replace("__", "::"),
        node.args,
        {str(key.arg): key.value for key in node.keywords},
    )


def _fits(node: ast.expr, value: Any, bound: Bound) -> bool:
    """Whether an attribute is what the pattern says."""
    if isinstance(node, ast.Name):
        return bool(bound.setdefault(node.id, value) == value)
    expected = ast.literal_eval(node)
    given = list(value) if isinstance(value, tuple) else value
    return type(given) is type(expected) and bool(given == expected)


def number(variable: Variable) -> float | None:
    """The number of a scalar constant that has no name."""
    value = variable.value
    if variable.kind != Kind.CONSTANT or value is None or variable.name or value.shape.numpy():
        return None
    return float(references.read(value)[()])


def _is_number(variable: Variable, expected: Any) -> bool:
    found = number(variable)
    return found is not None and found == float(np.float32(expected)) and math.isfinite(found)
