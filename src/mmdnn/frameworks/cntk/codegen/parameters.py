"""The parameters of a function for what repeats: literals that are not the same everywhere."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from os.path import commonprefix

from mmdnn.frameworks.cntk.codegen.holes import NAMELESS, Hole
from mmdnn.python.expressions import Operand, binary
from mmdnn.python.literals import Raw, literal
from mmdnn.python.names import variable as identifier


@dataclass
class Parameter:
    """A parameter.

    Attributes:
        name: Its name.
        values: What it is in each call.
        places: What stands in the function's text, by the number of the hole.
        default: What it is where it is not given.
    """

    name: str
    values: list[str]
    places: dict[int, Operand] = field(default_factory=dict)
    default: str | None = None


def parameters(found: list[list[Hole]]) -> list[Parameter] | None:
    """The parameters of pieces whose texts are the same.

    Args:
        found: The holes of each piece.

    Returns:
        Those without a default first; None where names differ in a way that has no rule.
    """
    columns = [list(column) for column in zip(*found, strict=True)]
    differing = [
        place for place, column in enumerate(columns) if len({one.value for one in column}) > 1
    ]
    names = [place for place in differing if columns[place][0].label == "name"]
    taken: set[str] = {"x", "weights"}
    made: dict[tuple[str, ...], Parameter] = {}
    for place in differing:
        if place in names:
            continue
        column = columns[place]
        values = [one.value for one in column]
        key = (column[0].label == "size", *values)
        if key not in made:
            name = identifier(column[0].label, taken)
            made[key] = Parameter(name, values, {}, column[0].default)
        one = made[key]
        one.default = one.default if one.default == column[0].default else None
        one.places[place] = Raw(one.name)
    rows = [[columns[place][row].value for place in names] for row in range(len(found))]
    named = _named(names, rows)
    if named is None:
        return None
    every = [*made.values(), *named]
    return sorted(every, key=lambda one: one.default is not None)


def _named(places: list[int], rows: list[list[str]]) -> list[Parameter] | None:
    """One parameter for names: what those of each piece begin with."""
    if not places:
        return []
    names = [[str(ast.literal_eval(value)) for value in row] for row in rows]
    if len(places) == 1:
        (place,) = places
        default = NAMELESS if any(not row[0] for row in names) else None
        return [Parameter("name", [row[0] for row in rows], {place: Raw("name")}, default)]
    prefixes = [commonprefix(row) for row in names]
    ends = {tuple(one[len(p) :] for one in row) for row, p in zip(names, prefixes, strict=True)}
    if len(ends) != 1 or not all(prefixes):
        return None
    written: dict[int, Operand] = {
        place: binary("+", Raw("name"), end) if end else Raw("name")
        for place, end in zip(places, ends.pop(), strict=True)
    }
    return [Parameter("name", [literal(prefix) for prefix in prefixes], written)]
