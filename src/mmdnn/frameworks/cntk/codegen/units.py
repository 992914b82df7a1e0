"""Functions for what repeats: a residual unit is written once, and called as often as it is there.

Pieces of the network with the same text become one function; where their numbers differ, it takes
parameters. First layers with what follows them (convolution, normalisation, activation), then whatever
begins and ends where a single value is alive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mmdnn.frameworks.cntk.codegen.statements import (
    PASSING,
    Assign,
    Repeat,
    Statement,
    Target,
    call,
    owner,
    reads,
)
from mmdnn.frameworks.cntk.codegen.weights import Weight, Weights, weights_of
from mmdnn.frameworks.cntk.graph import Function, Kind, Variable
from mmdnn.python import pieces, repeats
from mmdnn.python.expressions import SUM, Call, Code, Operand, is_plain, walk
from mmdnn.python.literals import Raw
from mmdnn.python.names import variable as identifier
from mmdnn.python.pieces import Piece, Step
from mmdnn.python.repeats import Parameter, Signatures

_PADDED = {"pad": False, "strides": 1}
SIGNATURES = Signatures(
    positions={
        **dict.fromkeys(
            ("C.layers.Convolution", "C.layers.ConvolutionTranspose"), ("size", "filters")
        ),
        **dict.fromkeys(("C.layers.MaxPooling", "C.layers.AveragePooling"), ("window",)),
        "C.layers.Dense": ("size",),
        "C.layers.Dropout": ("rate",),
    },
    defaults={
        "C.layers.Convolution": _PADDED | {"dilation": 1},
        "C.layers.ConvolutionTranspose": _PADDED,
        "C.layers.MaxPooling": _PADDED,
        "C.layers.AveragePooling": _PADDED,
    },
    order=("activation", "pad", "strides", "bias", "output_shape", "reduction_rank", "dilation"),
    plain=lambda name: name[:-2] if name.endswith(("1D", "2D", "3D")) else name,
    named=lambda name: name.startswith("C."),
    label=lambda x: f"w{x.name or ''}" if isinstance(x, Weight) else None,
    owner=owner,
)
"""What CNTK's layers call their arguments; those of 1, 2 and 3 axes have the same."""
LAYERS = {"convolution": "conv", "convolution_transpose": "deconv", "dense": "dense"}
"""What a chain may begin with, and what it is called in short."""
LONGEST = 4
"""How many statements a chain may have."""
_SHORT = {"batch_normalization": "bn", "max_pooling": "pool", "average_pooling": "pool"} | LAYERS
OFTEN = {"chain": 3, "cell": 2}
"""How often something must be there to become a function."""
MOST = 6
"""How many parameters a function may take."""


@dataclass
class Unit:
    """A function for what repeats, of x and parameters; `root` has the weights that its body is about."""

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
        results: What is read besides.
        units: The functions, in the order in which they may be defined.
        taken: The names of functions.
    """

    statements: list[Statement]
    results: Sequence[Operand]
    weights: Weights
    units: list[Unit] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    @property
    def steps(self) -> list[Step | None]:
        """The statements as what pieces are made of."""
        return [
            Step(one.target, one.value, list(one.reads()), one)
            if isinstance(one, Assign) and not one.several
            else None
            for one in self.statements
        ]

    def uses(self) -> Counter[Target]:
        """How often targets are read; what is read at the end counts twice."""
        read = [one for result in self.results for one in reads(result)]
        return Counter([*(one for each in self.statements for one in each.reads()), *read, *read])

    def run(self) -> None:
        """Fold chains, then cells, then calls that follow one another."""
        for length in range(LONGEST, 1, -1):
            begins = pieces.chains(
                self.steps, self.uses(), length, lambda one: one.statement.kind in LAYERS
            )
            self._fold(begins, OFTEN["chain"])
        self._fold(self._cells(), OFTEN["cell"])
        self._settle()
        self._number()
        self._repeat()

    def _cells(self) -> Iterator[Piece]:
        last: dict[Any, int] = {}
        for place, statement in enumerate(self.statements):
            last |= dict.fromkeys(statement.reads(), place)
        end = len(self.statements)
        last |= {read: end for result in self.results for read in reads(result)}
        inputs = [one for one in self.steps if one is not None and _is(one.target, Kind.INPUT)]

        def counts(step: Step) -> bool:
            several = _is(step.target, Kind.INPUT) and len(inputs) > 1
            return not several and not _is(step.target, Kind.PARAMETER, Kind.CONSTANT)

        def follows(step: Step, after: Step) -> bool:
            """Whether it is a function of it alone, which has no weights."""
            x = step.target.output() if isinstance(step.target, Function) else step.target
            value = after.value
            return isinstance(value, Call) and value.args == (x,) and not value.keys

        return pieces.cells(self.steps, last, counts, follows)

    def _fold(self, found: Iterator[Piece], often: int) -> None:
        calls: dict[int, tuple[int, Assign]] = {}
        for group in repeats.repeated(found, often, SIGNATURES):
            calls |= self._unit(group)
        folded: list[Statement] = []
        place = 0
        while place < len(self.statements):
            stop, made = calls.get(place, (place + 1, self.statements[place]))
            folded.append(made)
            place = stop
        self.statements[:] = folded

    def _unit(self, group: list[Piece]) -> dict[int, tuple[int, Assign]]:
        """Make a function of pieces that have the same text, and the calls of it."""
        given = repeats.parameters([SIGNATURES.holes(piece) for piece in group], ("x", "weights"))
        if given is None or len(given) > MOST:
            return {}
        wish = _wish(group[0])
        name = identifier(wish, self.taken)
        roots = [self._together(piece, wish) for piece in group]
        x = Variable("x", Kind.PLACEHOLDER)
        values = SIGNATURES.filled(group[0], given, {group[0].entry: x})
        body = [
            replace(one, value=value, wish=one.kind or one.wish)
            for one, value in zip(_statements(group[0]), values, strict=True)
        ]
        self.units.append(Unit(name, _about(group[0], wish), x, given, body, roots[0]))
        calls = {}
        for place, (piece, root) in enumerate(zip(group, roots, strict=True)):
            last = _statements(piece)[-1]
            args: list[Operand] = [piece.entry, *([root] if root is not None else [])]
            value = call(name, *args, **{one.name: Raw(one.values[place]) for one in given})
            named = last.wish if last.wish != last.kind else PASSING
            made = replace(last, value=value, wish=named, kind=PASSING, apart=True)
            calls[piece.start] = (piece.stop, made)
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
                statement.value = repeats.settled(value, units[value.function].parameters)

    def _together(self, piece: Piece, wish: str) -> Weight | None:
        """One group for a piece's weights."""
        inner = [one for each in piece.steps for one in weights_of(each.value)]
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
        uses = self.uses()
        names = {one.name for one in self.units}
        folded: list[Statement] = []
        for statement in self.statements:
            before = folded[-1] if folded else None
            if isinstance(before, Assign) and _follows(statement, before, names, uses):
                folded[-1] = before = Repeat([before])
            if isinstance(before, Repeat) and _follows(statement, before.calls[-1], names, uses):
                assert isinstance(statement, Assign)
                before.calls.append(statement)
            else:
                folded.append(statement)
        self.statements[:] = folded


def _follows(statement: Statement, before: Assign, names: set[str], uses: Counter[Target]) -> bool:
    """Whether a statement calls a function as the one before it, which it alone reads."""
    first, second = before.value, statement.value if isinstance(statement, Assign) else None
    if not isinstance(first, Call) or not isinstance(second, Call) or len(second.args) < 2:
        return False
    if first.function not in names or first.text != second.text or uses[before.target] != 1:
        return False
    weights = isinstance(first.args[1], Weight) and isinstance(second.args[1], Weight)
    return weights and second.args[0] is before.target and first.operands[2:] == second.operands[2:]


def _is(target: Target, *kinds: Kind) -> bool:
    return isinstance(target, Variable) and target.kind in kinds


def _statements(piece: Piece) -> list[Assign]:
    return [step.statement for step in piece.steps]


def _wish(piece: Piece) -> str:
    """What a function is called: by its layers, or by how its branches meet."""
    kinds = [one.kind for one in _statements(piece)]
    read = [one for step in piece.steps for one in step.reads]
    if len(set(read)) == len(read) and kinds[0] in LAYERS:
        return "_".join(_SHORT.get(kind, kind) for kind in kinds)
    for step in reversed(piece.steps):
        for part in walk(step.value):
            sides = [owner(one) for one in part.operands if not isinstance(one, Code)]
            if part.binds == SUM and len(sides) == 2 and not any(map(is_plain, sides)):
                return "residual_unit" if piece.entry in sides else "projection_unit"
        if isinstance(step.value, Call) and step.value.function == "C.splice":
            return "inception_unit"
    return "unit"


def _about(piece: Piece, wish: str) -> str:
    """The docstring of a function."""
    if wish.endswith("unit"):
        return f"{'An' if wish[0] in 'aeiou' else 'A'} {wish.replace('_', ' ')}.".replace(
            "A unit", "A part"
        )
    words = [one.kind.replace("_", " ") for one in _statements(piece)]
    text = f"{', '.join(words[:-1])} and {words[-1]}."
    return text[0].upper() + text[1:]
