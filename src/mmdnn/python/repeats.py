"""What repeats among statements: pieces that are written the same but for their numbers and names.

    groups = repeated([*pieces.chains(steps, uses, 3, begins)], 3, signatures)
    given = parameters([signatures.holes(piece) for piece in group])

Each group may become a function (or a class) that takes as parameters what differs.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from os.path import commonprefix
from typing import Any, NamedTuple

from mmdnn.python.expressions import Call, Code, Operand, binary, call, is_plain
from mmdnn.python.literals import Raw, literal
from mmdnn.python.names import variable
from mmdnn.python.pieces import Piece

NAME = "name"
"""The argument that names a layer: names may have a rule where numbers are just taken."""


class Hole(NamedTuple):
    """A place for a literal.

    Attributes:
        value: What stands there, as text; None in a piece that lacks the place.
        label: What it is.
        default: What it is where it is left out, as text; None where it never is.
    """

    value: str | None
    label: str
    default: str | None = None


class Argument(NamedTuple):
    """A part of an expression: of a call an argument, its name, and its default as text."""

    value: Operand
    name: str = "value"
    default: str | None = None


@dataclass
class Parameter:
    """A parameter of what repeats.

    Attributes:
        name: Its name.
        values: What it is in each piece, as text.
        places: What stands in the piece's text, by the number of the hole.
        default: What it is where it is not given, as text.
    """

    name: str
    values: list[str]
    places: dict[int, Operand] = field(default_factory=dict)
    default: str | None = None

    @property
    def declared(self) -> str:
        """How a function declares it."""
        return self.name if self.default is None else f"{self.name}={self.default}"


def settled(x: Call, given: Iterable[Parameter]) -> Call:
    """A call as people write it: with what has no default by its place, and without what is the default."""
    args = [x.kwargs[one.name] for one in given if one.default is None]
    keyed = {
        one.name: (x.kwargs[one.name], one.default) for one in given if one.default is not None
    }
    rest = {name: one for name, (one, default) in keyed.items() if literal(one) != default}
    return call(x.function, *x.args, *args, **rest)


@dataclass
class Signatures:
    """What functions call their arguments.

    Attributes:
        positions: The names of those without a keyword, by function.
        defaults: What is left out often, by function.
        order: The order in which keyword arguments stand.
        plain: The name under which a function stands here.
        named: Whether a function takes a `name`.
        label: How an operand that has a name is told from others; None for a variable.
        owner: What a variable is an output of.
    """

    positions: Mapping[str, Sequence[str]]
    defaults: Mapping[str, Mapping[str, Any]]
    order: Sequence[str]
    plain: Callable[[str], str] = str
    named: Callable[[str], bool] = lambda _: False
    label: Callable[[Any], str | None] = lambda _: None
    owner: Callable[[Any], Any] = lambda variable: variable

    def parts(self, x: Operand) -> list[Argument]:
        """What an expression is made of: of a call what is called, and all arguments, those left out too."""
        if not isinstance(x, Call):
            return [Argument(one) for one in x.operands] if isinstance(x, Code) else []
        function = self.plain(x.function)
        names = self.positions.get(function, ())
        found = [Argument(one) for one in _called(x)]
        for place, value in enumerate(x.args):
            found.append(Argument(value, names[place] if place < len(names) else "value"))
        defaults = dict(self.defaults.get(function, {}))
        defaults |= {NAME: ""} if self.named(x.function) else {}
        given = x.kwargs
        for name, default in defaults.items():
            found.append(Argument(given.pop(name, default), name, literal(default)))
        return found + [Argument(value, name) for name, value in sorted(given.items())]

    def outline(self, x: Operand, places: Mapping[Any, int]) -> str:
        """An expression's text without its literals, variables by their numbers."""
        if is_plain(x):
            return "?"
        if not isinstance(x, Code):
            label = self.label(x)
            return f"{places[self.owner(x)]}.{getattr(x, 'index', 0)}" if label is None else label
        parts = (f"{part.name}={self.outline(part.value, places)}" for part in self.parts(x))
        return f"{x.function if isinstance(x, Call) else x.text}({', '.join(parts)})"

    def key(self, piece: Piece) -> str:
        """What is equal for pieces that are written the same but for literals and names."""
        places = {piece.entry: 0}
        texts = []
        for step in piece.steps:
            texts.append(self.outline(step.value, places))
            places[step.target] = len(places)
        return "; ".join(texts)

    def holes(self, piece: Piece) -> list[Hole]:
        """The literals of a piece, in order."""
        return [hole for step in piece.steps for hole in self._holes(Argument(step.value))]

    def _holes(self, part: Argument) -> Iterator[Hole]:
        if is_plain(part.value):
            yield Hole(literal(part.value), part.name, part.default)
        for one in self.parts(part.value):
            yield from self._holes(one)

    def filled(
        self, piece: Piece, given: Iterable[Parameter], targets: Mapping[Any, Operand]
    ) -> list[Operand]:
        """The expressions of a piece, with parameters in their places and others for some variables."""
        written = {place: one for each in given for place, one in each.places.items()}
        numbers = count()

        def of(x: Operand) -> Operand:
            if is_plain(x):
                return written.get(next(numbers), x)
            if isinstance(x, Call):
                return self._rebuilt(
                    x, [part._replace(value=of(part.value)) for part in self.parts(x)]
                )
            if isinstance(x, Code):
                return replace(x, operands=tuple(map(of, x.operands)))
            return x if self.label(x) is not None else targets.get(self.owner(x), x)

        return [of(step.value) for step in piece.steps]

    def _rebuilt(self, x: Call, parts: list[Argument]) -> Call:
        """A call of other arguments, without those that are the default."""
        begin = len(_called(x))
        function = parts[0].value if begin else x.function
        args = [part.value for part in parts[begin : begin + len(x.args)]]
        rest = {
            part.name: part.value
            for part in parts[begin + len(x.args) :]
            if not (is_plain(part.value) and literal(part.value) == part.default)
        }
        order = sorted(rest, key=lambda name: self._rank(name, x.keys))
        return call(function, *args, **{name: rest[name] for name in order})

    def _rank(self, name: str, given: Sequence[str]) -> tuple[int, int]:
        """Where an argument stands: as functions have it, or as it did."""
        if name in self.order:
            return self.order.index(name) - len(self.order), 0
        return (0, given.index(name)) if name in given and name != NAME else (1, name == NAME)


def _called(x: Call) -> tuple[Operand, ...]:
    """What is called, where that is an expression."""
    return x.operands[: x.function.count("{0}")]


def repeated(pieces: Iterable[Piece], often: int, signatures: Signatures) -> list[list[Piece]]:
    """Pieces with the same key that do not overlap, where there are so many."""
    groups: dict[str, list[Piece]] = defaultdict(list)
    for piece in pieces:
        groups[signatures.key(piece)].append(piece)
    apart = [
        [one for i, one in enumerate(group) if not i or group[i - 1].stop <= one.start]
        for group in groups.values()
    ]
    return [group for group in apart if len(group) >= often]


def _is_size(label: str) -> str:
    return str(label == "size")


def parameters(
    found: list[list[Hole]], taken: Iterable[str], kind: Callable[[str], str] = _is_size
) -> list[Parameter] | None:
    """The parameters of pieces whose keys are equal: literals that are not the same everywhere.

    Args:
        found: The holes of each piece.
        taken: Names of other parameters.
        kind: Labels of one kind may be the same parameter, where their literals are.

    Returns:
        Those without a default first; None where names differ in a way that has no rule.
    """
    columns = [list(column) for column in zip(*found, strict=True)]
    used, names = set(taken), []
    made: list[tuple[str, Parameter]] = []
    for place, column in enumerate(columns):
        values = [one.value for one in column]
        known = [value for value in values if value is not None]
        if len(set(values)) == 1:
            continue
        label, default = column[0].label, column[0].default
        if label == NAME:
            names.append(place)
            continue
        one = next((one for own, one in made if own == kind(label) and _fits(one, values)), None)
        if one is None:
            filled = [known[0] if value is None else value for value in values]
            if len(set(filled)) == 1:
                continue
            one = Parameter(variable(label, used), filled, {}, default)
            made.append((kind(label), one))
        one.default = one.default if one.default == default else None
        one.places[place] = Raw(one.name)
    named = _named(names, [[str(row[i].value) for i in names] for row in found])
    if named is None:
        return None
    given = [*(one for _, one in made), *named]
    return sorted(given, key=lambda one: one.default is not None)


def _fits(given: Parameter, values: Sequence[str | None]) -> bool:
    """Whether it is these values, where there are some."""
    return all(value in (None, own) for value, own in zip(values, given.values, strict=True))


def _named(places: list[int], rows: list[list[str]]) -> list[Parameter] | None:
    """One parameter for names: what those of each piece begin with."""
    if not places:
        return []
    names = [[str(ast.literal_eval(value)) for value in row] for row in rows]
    if len(places) == 1:
        default = literal("") if any(not row[0] for row in names) else None
        return [Parameter(NAME, [row[0] for row in rows], {places[0]: Raw(NAME)}, default)]
    prefixes = [commonprefix(row) for row in names]
    ends = {tuple(one[len(p) :] for one in row) for row, p in zip(names, prefixes, strict=True)}
    if len(ends) != 1 or not all(prefixes):
        return None
    written: dict[int, Operand] = {
        place: binary("+", Raw(NAME), end) if end else Raw(NAME)
        for place, end in zip(places, ends.pop(), strict=True)
    }
    return [Parameter(NAME, [literal(prefix) for prefix in prefixes], written)]
