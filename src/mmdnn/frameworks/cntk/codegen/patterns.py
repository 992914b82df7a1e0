"""What the inside of a block must look like to be what a function of CNTK's makes.

    Select(Less(x, 0), ELU(x, name="_ELU") * alpha, x)

A call is a primitive operator, or a block that has a pattern itself, whose operands are that one's
names; its keywords are attributes, all of them (`**core` is the function, for those not named, which may
be absent then). A name is any variable or attribute, the same one wherever it stands; `own.size` is an
attribute of the block's; `(y := Exp(x))` names what is computed; a number is a constant without a name,
of an axis its index; `activation(x)` is any operator of one operand. `a, b` are the outputs of a block of
several. (`Sequence__Slice` is `Sequence::Slice`.)
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from mmdnn.frameworks.cntk import _blocks
from mmdnn.frameworks.cntk.graph import ALL_STATIC, COMBINE, Axis, Function, Kind, Variable
from mmdnn.tensors import references

T = TypeVar("T")
Bound = dict[str, Any]
"""What a pattern's names stand for: variables, attributes, functions."""
Pending = list[tuple[ast.expr, Variable]]

ANY = ("activation", "sigmoid")
"""Calls of any operator of one operand."""
DEEPEST = 6
"""How many blocks inside one another are known together."""
_AXES = {"all_static": Axis(ALL_STATIC)}
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
    depth: int = 0
    """How many blocks inside one another are being looked at."""

    def add(self, head: str, *patterns: str) -> Callable[[T], T]:
        """Register what to do with the blocks that match one of some patterns.

        Args:
            head: Their type, with attributes that they have: "Gemm(transA=False)".
            patterns: What is inside; what the table says unless given.
        """
        type_, _, own = parts(ast.parse(head, mode="eval").body)

        def register(make: T) -> T:
            for pattern in patterns or (_blocks.INSIDES[type_],):
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
                bound: Bound = {"own": own}
                if self._match(list(zip(known.trees, outputs, strict=True)), bound):
                    return known, bound
        return None

    def _match(self, pending: Pending, bound: Bound) -> bool:
        pending.reverse()
        while pending:
            node, variable = pending.pop()
            if isinstance(node, ast.NamedExpr):
                if bound.setdefault(node.target.id, variable) is not variable:
                    return False
                node = node.value
            if isinstance(node, ast.Name):
                if not _same(bound.setdefault(node.id, variable), variable):
                    return False
            elif isinstance(node, ast.Constant):
                if not _is_number(variable, node.value):
                    return False
            else:
                more = self._call(node, variable, bound)
                if more is None:
                    return False
                pending += reversed(more)
        return True

    def _call(self, node: ast.expr, variable: Variable, bound: Bound) -> Pending | None:
        """Match an operator: what its operands must match then."""
        function = variable.owner
        if function is None or function.op == COMBINE:
            return None
        name, args, keywords = parts(node)
        if name not in (*ANY, function.type):
            return None
        inputs, attributes = self._seen(function)
        if inputs is None or len(inputs) != len(args) or variable.index:
            return None
        if name in ANY and (
            len(args) != 1 or attributes or bound.setdefault(name, function.type) != function.type
        ):
            return None
        if function.name:
            attributes["name"] = function.name
        rest = keywords.pop("None", None)
        if rest is None:
            attributes = {k: v for k, v in attributes.items() if k not in _IGNORED}
        if (rest is None and attributes.keys() != keywords.keys()) or (rest and function.name):
            return None
        for key, value in keywords.items():
            if key in attributes and not _fits(value, attributes[key], bound):
                return None
        if isinstance(rest, ast.Name):
            others = {k: v for k, v in attributes.items() if k not in keywords}
            bound[rest.id] = replace(function, attributes=others)
        return list(zip(args, inputs, strict=True))

    def _seen(self, function: Function) -> tuple[list[Variable] | None, Bound]:
        """The operands and attributes that a pattern sees of a function."""
        if function.block is None:
            return function.inputs, dict(function.attributes)
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
        values = {name: bound[name] for name in known.names}
        inputs = [outer.get(one, one) for one in values.values() if isinstance(one, Variable)]
        return inputs, {k: v for k, v in values.items() if not isinstance(v, Variable)}


def _is_computed(value: Any) -> bool:
    """Whether it is a variable that a function inside computes: then there is more than the pattern."""
    return isinstance(value, Variable) and value.owner is not None


def _names(tree: ast.expr) -> list[str]:
    """The names of variables and attributes, in the order in which they first stand there."""
    hidden = {"own", *_AXES}
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
    """The operator, operands and attributes of a pattern's node; a head is a name, perhaps."""
    if isinstance(node, ast.Name):
        return node.id.replace("__", "::"), [], {}
    return _blocks.parts(node)


def _fits(node: ast.expr, value: Any, bound: Bound) -> bool:
    """Whether an attribute is what the pattern says."""
    match node:
        case ast.Name(name) if name in _AXES:
            return bool(value == _AXES[name])
        case ast.Name(name):
            return bool(bound.setdefault(name, value) == value)
        case ast.Attribute(attr=name):
            return name in bound["own"] and bool(bound["own"][name] == value)
        case ast.List(elts):
            whole = isinstance(value, (list, tuple)) and len(value) == len(elts)
            return whole and all(_fits(*pair, bound) for pair in zip(elts, value, strict=True))
        case ast.Constant(value=expected) if expected is ...:
            return True
    expected = ast.literal_eval(node)
    if isinstance(value, (list, tuple)):
        return all(one == expected for one in value)
    value = value.index if isinstance(value, Axis) else value
    return type(value) is type(expected) and bool(value == expected)


def _same(one: Any, other: Variable) -> bool:
    """Whether a name stands for the same variable, or the same number."""
    if one is other or not isinstance(one, Variable):
        return one is other
    return number(one) is not None and number(one) == number(other)


def number(variable: Variable) -> float | None:
    """The number of a scalar constant that has no name."""
    value = variable.value
    if variable.kind != Kind.CONSTANT or value is None or variable.name or value.shape.numpy():
        return None
    return float(references.read(value)[()])


def _is_number(variable: Variable, expected: Any) -> bool:
    found = number(variable)
    return found is not None and found == float(np.float32(expected)) and math.isfinite(found)
