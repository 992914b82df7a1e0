"""Blocks from the table of what is inside them (see `cntk._blocks`)."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mmdnn.frameworks.cntk._blocks import INSIDES, Inside, number, parts
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.writer import Writer

NONE: Mapping[str, float] = MappingProxyType({})


def inside(
    cntk: Writer,
    type_: str,
    *operands: Operand,
    position: int | None = None,
    numbers: Mapping[str, float] = NONE,
) -> Operand:
    """A block of a type, made of the functions inside it.

    Its operands are in the order in which the expression has them; those that are `numbers` are attributes
    of the block as well. `position` is the axis that is reduced.
    """
    found = Inside(INSIDES[type_])
    names = [name for name in found.operands if name not in numbers]
    bound = dict(zip(names, operands, strict=True))
    like = bound["x"]
    bound.update({name: cntk.number(value, like) for name, value in numbers.items()})
    attributes: dict[str, Any] = dict(numbers)
    if position is not None:
        attributes["axis"] = like.axis(position)
    made: dict[Any, Operand] = {}

    def call(node: ast.expr) -> Operand:
        op, nodes, keywords = parts(node)
        inputs = [of(one) for one in nodes]
        key = (op, *map(id, inputs))
        if key not in made:
            if op == "ReduceElements" and position is not None:
                how = ast.literal_eval(keywords["reductionOpName"])
                made[key] = cntk.reduce(how, inputs[0], [position])
            else:
                function = cntk.divide if op == "ElementDivide" else cntk[op]
                made[key] = function(*inputs)
        return made[key]

    def of(node: ast.expr) -> Operand:
        if isinstance(node, ast.Constant):
            return bound.setdefault(str(node.value), cntk.number(number(node), like))
        if isinstance(node, ast.Name):
            return bound[node.id]
        if isinstance(node, ast.NamedExpr):
            bound[node.target.id] = of(node.value)
            return bound[node.target.id]
        return call(node)

    with cntk.block(type_, **attributes):
        return of(found.tree)
