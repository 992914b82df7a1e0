"""Layers that follow one another again and again, as a function with parameters.

First rows of layers (convolution, normalisation, activation), then whatever begins and ends where a single
value is alive. The layers of all calls keep their names: they begin with what the call gives as `name`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mmdnn.frameworks.keras import _schema
from mmdnn.frameworks.keras.graph import Layer
from mmdnn.python import pieces, repeats
from mmdnn.python.expressions import Call, call
from mmdnn.python.layout import INDENT, lay_out
from mmdnn.python.literals import Raw, docstring
from mmdnn.python.names import variable as identifier
from mmdnn.python.pieces import Piece, Step
from mmdnn.python.repeats import Parameter, Signatures
from mmdnn.python.statements import Printer, Statement, name_variables

_PADDED = {"strides": 1, "padding": "valid", "use_bias": True}
_CONVOLUTIONS = {
    f"layers.{kind}{axes}D{more}"
    for axes in (1, 2, 3)
    for kind, more in (("Conv", ""), ("Conv", "Transpose"), ("DepthwiseConv", ""))
}
LONGEST = 4
"""How many layers a row may have."""
OFTEN = {"row": 3, "cell": 2}
"""How often something must be there to become a function."""
MOST = 6
"""How many parameters a function may take."""


def _signatures() -> Signatures:
    layers = _schema.table()["layers"]
    return Signatures(
        positions={f"layers.{name}": row["needed"] for name, row in layers.items()},
        defaults=dict.fromkeys(_CONVOLUTIONS, _PADDED),
        order=("filters", "kernel_size", "units", "strides", "padding", "use_bias", "name"),
        named=lambda function: function.startswith("layers.") or function.islower(),
    )


@dataclass
class Block:
    """A function of x and parameters."""

    name: str
    x: Any
    parameters: list[Parameter]
    body: list[Statement]


@dataclass
class Blocks:
    """Statements in which what repeats becomes calls.

    Attributes:
        statements: Those of the network.
        results: What it returns.
        variable: Makes what a function calls its input.
        found: The functions.
    """

    statements: list[Statement]
    results: list[Any]
    variable: Any
    found: list[Block] = field(default_factory=list)
    taken: set[str] = field(default_factory=lambda: {"network", "load", "keras", "layers", "ops"})

    def fold(self) -> list[Statement]:
        """Fold rows, then cells; the statements then."""
        signatures = _signatures()
        for length in range(LONGEST, 1, -1):
            rows = pieces.chains(self._steps(), self._uses(), length, _begins)
            self._replace(repeats.repeated(rows, OFTEN["row"], signatures), signatures)
        self._replace(repeats.repeated(self._cells(), OFTEN["cell"], signatures), signatures)
        self._settle()
        return self.statements

    def _settle(self) -> None:
        """Write calls of the functions as people do: without keywords, and without what is the default."""
        parameters = {block.name: block.parameters for block in self.found}
        for one in [*self.statements, *(each for block in self.found for each in block.body)]:
            if isinstance(one.code, Call) and one.code.function in parameters:
                one.code = repeats.settled(one.code, parameters[one.code.function])

    def _steps(self) -> list[Step | None]:
        return [
            Step(
                one.targets[0],
                one.code,
                list(dict.fromkeys(one.references(type(self.variable)))),
                one,
            )
            if len(one.targets) == 1 and not _is_input(one)
            else None
            for one in self.statements
        ]

    def _uses(self) -> Counter[Any]:
        kind = type(self.variable)
        read = [x for one in self.statements for x in dict.fromkeys(one.references(kind))]
        return Counter([*read, *self.results, *self.results])

    def _cells(self) -> Iterator[Piece]:
        last: dict[Any, int] = {}
        for place, one in enumerate(self.statements):
            last |= dict.fromkeys(one.references(type(self.variable)), place)
        last |= dict.fromkeys(self.results, len(self.statements))

        def follows(_step: Step, after: Step) -> bool:
            layer = after.statement.node
            return isinstance(layer, Layer) and not layer.weights and len(after.reads) == 1

        return pieces.cells(self._steps(), last, lambda _: True, follows)

    def _replace(self, groups: Iterable[list[Piece]], signatures: Signatures) -> None:
        calls: dict[int, tuple[int, Statement]] = {}
        for group in groups:
            if all(len(piece.steps) > 1 for piece in group):
                calls |= self._block(group, signatures)
        folded, place = [], 0
        while place < len(self.statements):
            stop, made = calls.get(place, (place + 1, self.statements[place]))
            folded.append(made)
            place = stop
        self.statements = folded

    def _block(
        self, group: list[Piece], signatures: Signatures
    ) -> dict[int, tuple[int, Statement]]:
        """Make a function of pieces that have the same text, and the calls of it."""
        given = repeats.parameters([signatures.holes(piece) for piece in group], ("x",))
        if given is None or len(given) > MOST:
            return {}
        name = identifier(_wish(group[0]), self.taken)
        values = signatures.filled(group[0], given, {group[0].entry: self.variable})
        body = [
            Statement(step.statement.targets, value, node=step.statement.node)
            for step, value in zip(group[0].steps, values, strict=True)
        ]
        self.found.append(Block(name, self.variable, given, body))
        calls = {}
        for place, piece in enumerate(group):
            values_ = {one.name: Raw(one.values[place]) for one in given}
            made = call(name, piece.entry, **values_)
            last = piece.steps[-1].statement
            calls[piece.start] = (piece.stop, Statement(last.targets, made, node=last.node))
        return calls

    def lines(self, wish: Any) -> Iterator[str]:
        """The functions, line by line."""
        for block in self.found:
            declared = ", ".join(["x", *(one.declared for one in block.parameters)])
            yield from lay_out(f"def {block.name}({declared}):")
            yield docstring(self._about(block), 4)
            end = block.body[-1].targets[0]
            taken = {"layers", "ops", *(one.name for one in block.parameters)}
            names = name_variables(block.body, [block.x], [end], wish, taken, ("x", "h"))
            printer = Printer(names.__getitem__)
            yield from printer.lines(block.body[:-1], INDENT)
            yield from printer.result(block.body[-1], INDENT)
            yield from ("", "")

    def _about(self, block: Block) -> str:
        """What a function is, in words."""
        kinds = [one.node.said for one in block.body if isinstance(one.node, Layer)]
        inner = {each.name for each in self.found}
        called = any(
            isinstance(one.code, Call) and one.code.function in inner for one in block.body
        )
        if not called and len(kinds) <= LONGEST:
            return f"{', '.join(kinds)}."
        return "A residual block." if "Add" in kinds else "A block."


def _is_input(statement: Statement) -> bool:
    return isinstance(statement.node, Layer) and statement.node.type == "InputLayer"


def _begins(step: Step) -> bool:
    layer = step.statement.node
    return isinstance(layer, Layer) and f"layers.{layer.type}" in _CONVOLUTIONS | {"layers.Dense"}


def _wish(piece: Piece) -> str:
    """What a function is called: by its layers, or a block where they are many."""
    kinds = [step.statement.node.said for step in piece.steps]
    short = {"BatchNormalization": "bn"}
    if len(kinds) > LONGEST:
        return "block"
    return "_".join(short.get(kind, re.sub(r"\d?D", "", kind).lower()) for kind in kinds)
