"""Functions for what repeats: a residual unit is written once, and called as often as it is there.

Pieces of the network with the same text become one function; where their numbers differ, it takes
parameters. First layers with what follows them (convolution, normalisation, activation), then whatever
begins and ends where a single value is alive.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from mmdnn.frameworks.cntk.codegen.expressions import Target, call, owner
from mmdnn.frameworks.cntk.codegen.holes import fill, holes
from mmdnn.frameworks.cntk.codegen.parameters import Parameter, parameters
from mmdnn.frameworks.cntk.codegen.pieces import LAYERS, LONGEST, Piece, Pieces
from mmdnn.frameworks.cntk.codegen.statements import PASSING, Assign, Repeat, Statement
from mmdnn.frameworks.cntk.codegen.weights import Weight, Weights, weights_of
from mmdnn.frameworks.cntk.graph import Kind, Variable
from mmdnn.python.expressions import SUM, Call, Code, Operand, is_plain
from mmdnn.python.literals import Raw, literal
from mmdnn.python.names import variable as identifier

_SHORT = {"batch_normalization": "bn", "max_pooling": "pool", "average_pooling": "pool"} | LAYERS
OFTEN = {"chain": 3, "cell": 2}
"""How often something must be there to become a function."""
MOST = 6
"""How many parameters a function may take."""


@dataclass
class Unit:
    """A function for what repeats.

    Attributes:
        name: Its name.
        about: What it is.
        x: What it is given.
        parameters: What else it is given, weights apart.
        body: Its statements.
        root: The weights of the piece that the body was taken from; None where it has none.
    """

    name: str
    about: str
    x: Variable
    parameters: list[Parameter]
    body: list[Assign]
    root: Weight | None


@dataclass
class Folding:
    """Statements in which what repeats becomes calls.

    Attributes:
        statements: They.
        results: What is read besides.
        weights: The arrays.
        units: The functions, in the order in which they may be defined.
        taken: The names of functions.
    """

    statements: list[Statement]
    results: Sequence[Operand]
    weights: Weights
    units: list[Unit] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    @property
    def pieces(self) -> Pieces:
        """What may become functions."""
        return Pieces(self.statements, self.results)

    def run(self) -> None:
        """Fold chains, then cells, then calls that follow one another."""
        for length in range(LONGEST, 1, -1):
            self._fold(list(self.pieces.chains(length)), OFTEN["chain"])
        self._fold(list(self.pieces.cells()), OFTEN["cell"])
        self._settle()
        self._number()
        self._repeat()

    def _fold(self, pieces: list[Piece], often: int) -> None:
        groups: dict[str, list[Piece]] = defaultdict(list)
        for piece in pieces:
            groups[piece.key].append(piece)
        calls: dict[int, tuple[Piece, Assign]] = {}
        for group in groups.values():
            apart = [one for i, one in enumerate(group) if not i or group[i - 1].stop <= one.start]
            if len(apart) >= often:
                calls |= self._unit(apart)
        folded: list[Statement] = []
        place = 0
        while place < len(self.statements):
            if place in calls:
                piece, made = calls[place]
                folded.append(made)
                place = piece.stop
            else:
                folded.append(self.statements[place])
                place += 1
        self.statements[:] = folded

    def _unit(self, group: list[Piece]) -> dict[int, tuple[Piece, Assign]]:
        """Make a function of pieces that have the same text, and the calls of it."""
        found = [[hole for one in piece.statements for hole in holes(one.value)] for piece in group]
        given = parameters(found)
        if given is None or len(given) > MOST:
            return {}
        wish = _wish(group[0])
        name = identifier(wish, self.taken)
        roots = [self._together(piece, wish) for piece in group]
        x = Variable("x", Kind.PLACEHOLDER)
        body = _body(group[0], given, x)
        self.units.append(Unit(name, _about(group[0], wish), x, given, body, roots[0]))
        calls = {}
        for place, (piece, root) in enumerate(zip(group, roots, strict=True)):
            last = piece.statements[-1]
            args: list[Operand] = [piece.x, *([root] if root is not None else [])]
            value = call(name, *args, **{one.name: Raw(one.values[place]) for one in given})
            named = last.wish if last.wish != last.kind else PASSING
            calls[piece.start] = (
                piece,
                replace(last, value=value, wish=named, kind=PASSING, apart=True),
            )
        return calls

    def _settle(self) -> None:
        """Write calls of functions as people do: without keywords, and without what is the default."""
        units = {one.name: one for one in self.units}
        for statement in [*self.statements, *(each for one in self.units for each in one.body)]:
            value = statement.value if isinstance(statement, Assign) else None
            if (
                isinstance(statement, Assign)
                and isinstance(value, Call)
                and value.function in units
            ):
                statement.value = _settled(value, units[value.function])

    def _together(self, piece: Piece, wish: str) -> Weight | None:
        """One group for a piece's weights."""
        inner = [one for each in piece.statements for one in weights_of(each.value)]
        if not inner:
            return None
        whole = self.weights.group(wish, wish)
        self.weights.together(list(dict.fromkeys(inner)), whole)
        return Weight(whole)

    def _number(self) -> None:
        """Number the weights of calls in their order."""
        calls = [one for one in self.statements if isinstance(one, Assign) and one.kind == PASSING]
        groups = [one for each in calls for one in weights_of(each.value)]
        self.weights.number(groups)

    def _repeat(self) -> None:
        """Calls that only differ in their weights, one after the other, become loops."""
        uses = self.pieces.uses()
        names = {one.name for one in self.units}
        folded: list[Statement] = []
        for statement in self.statements:
            before = folded[-1] if folded else None
            if isinstance(before, Assign) and _follows(statement, before, names, uses):
                folded[-1] = before = Repeat(before, [before])
            if isinstance(before, Repeat) and _follows(statement, before.calls[-1], names, uses):
                assert isinstance(statement, Assign)
                before.calls.append(statement)
            else:
                folded.append(statement)
        self.statements[:] = folded


def _settled(value: Call, unit: Unit) -> Call:
    given = value.kwargs
    args = [given[one.name] for one in unit.parameters if one.default is None]
    rest = {
        one.name: given[one.name]
        for one in unit.parameters
        if one.default is not None and literal(given[one.name]) != one.default
    }
    return call(unit.name, *value.args, *args, **rest)


def _follows(statement: Statement, before: Assign, names: set[str], uses: Counter[Target]) -> bool:
    """Whether a statement calls a function as the one before it, which it alone reads."""
    first, second = before.value, statement.value if isinstance(statement, Assign) else None
    if not isinstance(first, Call) or not isinstance(second, Call) or len(second.args) < 2:
        return False
    if first.function not in names or first.text != second.text or uses[before.target] != 1:
        return False
    weights = isinstance(first.args[1], Weight) and isinstance(second.args[1], Weight)
    return weights and second.args[0] is before.target and first.operands[2:] == second.operands[2:]


def _wish(piece: Piece) -> str:
    """What a function is called: by its layers, or by how its branches meet."""
    kinds = [one.kind for one in piece.statements]
    read = [owner(one) for each in piece.statements for one in each.reads()]
    if len(set(read)) == len(read) and kinds[0] in LAYERS:
        return "_".join(_SHORT.get(kind, kind) for kind in kinds)
    for one in reversed(piece.statements):
        for part in _parts(one.value):
            sides = [owner(each) for each in part.operands if not is_plain(each)]
            if (
                part.binds == SUM
                and len(sides) == 2
                and not any(isinstance(x, Code) for x in sides)
            ):
                return "residual_unit" if piece.x in sides else "projection_unit"
        if isinstance(one.value, Call) and one.value.function == "C.splice":
            return "inception_unit"
    return "unit"


def _parts(x: Operand) -> Iterator[Code]:
    """The expressions that one is made of, itself included."""
    if isinstance(x, Code):
        yield x
        for one in x.operands:
            yield from _parts(one)


def _about(piece: Piece, wish: str) -> str:
    """The docstring of a function."""
    if wish.endswith("unit"):
        return f"{'An' if wish[0] in 'aeiou' else 'A'} {wish.replace('_', ' ')}.".replace(
            "A unit", "A part"
        )
    words = [one.kind.replace("_", " ") for one in piece.statements]
    text = f"{', '.join(words[:-1])} and {words[-1]}."
    return text[0].upper() + text[1:]


def _body(piece: Piece, given: list[Parameter], x: Variable) -> list[Assign]:
    """The statements of a function, with its parameters in the places that they are for."""
    written: dict[int, Operand] = {
        place: one for each in given for place, one in each.places.items()
    }
    body = []
    count = 0
    for one in piece.statements:
        own = len(list(holes(one.value)))
        fillings = {i: written[count + i] for i in range(own) if count + i in written}
        value = fill(one.value, fillings, {piece.x: x})
        body.append(replace(one, value=value, wish=one.kind or one.wish))
        count += own
    return body
