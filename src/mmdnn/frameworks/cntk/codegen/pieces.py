"""Pieces of a network that may be functions: they read one value, and make one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mmdnn.frameworks.cntk.codegen.expressions import Target, owner, reads
from mmdnn.frameworks.cntk.codegen.holes import shape
from mmdnn.frameworks.cntk.codegen.statements import Assign, Statement
from mmdnn.frameworks.cntk.graph import Function, Kind, Variable
from mmdnn.python.expressions import Call, Operand

LAYERS = {"convolution": "conv", "convolution_transpose": "deconv", "dense": "dense"}
"""What a chain may begin with, and what it is called in short."""
LONGEST = 4
"""How many statements a chain may have."""


@dataclass
class Piece:
    """Statements that follow one another, read one value and make one.

    Attributes:
        start: The place of the first.
        statements: They.
        x: What they read.
    """

    start: int
    statements: list[Assign]
    x: Target

    @property
    def stop(self) -> int:
        """The place after the last."""
        return self.start + len(self.statements)

    @property
    def key(self) -> str:
        """Their text, numbers and names left out."""
        places: dict[Target, int] = {self.x: 0}
        texts = []
        for one in self.statements:
            texts.append(shape(one.value, lambda target: str(places[owner(target)])))
            places[one.target] = len(places)
        return "; ".join(texts)


@dataclass
class Pieces:
    """Finds pieces.

    Attributes:
        statements: Where.
        results: What is read at the end.
    """

    statements: list[Statement]
    results: Sequence[Operand]

    def uses(self) -> Counter[Target]:
        """How often targets are read; what is read at the end counts twice."""
        read = [one for result in self.results for one in reads(result)]
        return Counter([*(one for each in self.statements for one in each.reads()), *read, *read])

    def chains(self, length: int) -> Iterator[Piece]:
        """A layer and what only it is read by, one after the other."""
        uses = self.uses()
        for start in range(len(self.statements) - length + 1):
            window = self.statements[start : start + length]
            chain = [one for one in window if isinstance(one, Assign) and not one.several]
            if len(chain) < length or chain[0].kind not in LAYERS:
                continue
            if any(one.kind in LAYERS for one in chain[1:]):
                continue
            linked = all(
                uses[one.target] == 1 and set(after.reads()) == {one.target}
                for one, after in pairwise(chain)
            )
            sources = set(chain[0].reads())
            if linked and len(sources) == 1:
                yield Piece(start, chain, sources.pop())

    def cells(self) -> Iterator[Piece]:
        """What lies between places where one value is alive, if it is more than a chain."""
        last: dict[Target, int] = {}
        for place, statement in enumerate(self.statements):
            last |= dict.fromkeys(statement.reads(), place)
        end = len(self.statements)
        last |= {read: end for result in self.results for read in reads(result)}
        alive: set[Target] = set()
        begin: int | None = None
        inputs = [one for one in self.statements if _is_fed(one)]
        for place, statement in enumerate(self.statements):
            passes = isinstance(statement, Assign) and not statement.is_stored
            passes = passes and not (_is_fed(statement) and len(inputs) > 1)
            if isinstance(statement, Assign) and passes:
                alive.add(statement.target)
            alive = {one for one in alive if last.get(one, -1) > place}
            if len(alive) != 1 or not isinstance(statement, Assign) or not passes:
                begin = begin if len(alive) > 1 else None
                continue
            (single,) = alive
            if single is not statement.target:
                continue
            if begin is not None and place - begin > 2:
                piece = self._cell(begin, place + self._is_activated(place, last))
                if piece is not None:
                    yield piece
            begin = place

    def _is_activated(self, place: int, last: dict[Target, int]) -> bool:
        """Whether the statement after that one is a function of it alone, which has no weights."""
        if place + 1 >= len(self.statements):
            return False
        statement, after = self.statements[place], self.statements[place + 1]
        if not isinstance(statement, Assign) or not isinstance(after, Assign) or after.several:
            return False
        value = after.value
        alone = last.get(statement.target) == place + 1
        return (
            alone
            and isinstance(value, Call)
            and value.args == (_output(statement.target),)
            and not value.keys
        )

    def _cell(self, begin: int, place: int) -> Piece | None:
        before = self.statements[begin]
        inside = [one for one in self.statements[begin + 1 : place + 1] if isinstance(one, Assign)]
        if not isinstance(before, Assign) or len(inside) != place - begin:
            return None
        known = {before.target, *(one.target for one in inside)}
        plain = all(read in known and not one.several for one in inside for read in one.reads())
        return Piece(begin + 1, inside, before.target) if plain and not before.several else None


def _is_fed(statement: Statement) -> bool:
    target = statement.target if isinstance(statement, Assign) else None
    return isinstance(target, Variable) and target.kind == Kind.INPUT


def _output(target: Target) -> Target:
    return target.output() if isinstance(target, Function) else target
