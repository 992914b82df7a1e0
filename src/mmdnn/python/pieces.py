"""Statements that may repeat: what lies between two values, and nothing around it reads or makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mmdnn.python.expressions import Operand


@dataclass
class Step:
    """A statement that assigns one thing.

    Attributes:
        target: What it assigns.
        value: The expression.
        reads: What that reads.
        statement: What the step is made of.
    """

    target: Any
    value: Operand
    reads: list[Any]
    statement: Any = None


@dataclass
class Piece:
    """Steps that follow one another, read one value and make one.

    Attributes:
        start: The place of the first.
        steps: They.
        entry: What they read.
    """

    start: int
    steps: list[Step]
    entry: Any

    @property
    def stop(self) -> int:
        """The place after the last."""
        return self.start + len(self.steps)


def chains(
    steps: Sequence[Step | None], uses: Counter[Any], length: int, begins: Callable[[Step], bool]
) -> Iterator[Piece]:
    """A step and what only it is read by, one after the other; no other one begins a chain."""
    for start in range(len(steps) - length + 1):
        chain = [one for one in steps[start : start + length] if one is not None]
        if len(chain) < length or [begins(one) for one in chain] != [True] + [False] * (length - 1):
            continue
        linked = all(
            uses[one.target] == 1 and set(after.reads) == {one.target}
            for one, after in pairwise(chain)
        )
        if linked and len(set(chain[0].reads)) == 1:
            yield Piece(start, chain, chain[0].reads[0])


def cells(
    steps: Sequence[Step | None],
    last: Mapping[Any, int],
    counts: Callable[[Step], bool],
    follows: Callable[[Step, Step], bool],
) -> Iterator[Piece]:
    """What lies between places where one value is alive, if it is more than a chain.

    Args:
        steps: The statements; None for those that are no step.
        last: Where what is assigned is read last.
        counts: Whether what a step assigns is a value on its way.
        follows: Whether a step belongs to what is before it, which it alone reads.
    """
    alive: set[Any] = set()
    begin: int | None = None
    for place, step in enumerate(steps):
        passes = step is not None and counts(step)
        if step is not None and passes:
            alive.add(step.target)
        alive = {one for one in alive if last.get(one, -1) > place}
        if len(alive) != 1 or step is None or not passes:
            begin = begin if len(alive) > 1 else None
            continue
        if step.target not in alive:
            continue
        if begin is not None and place - begin > 2:
            after = steps[place + 1] if place + 1 < len(steps) else None
            alone = after is not None and last.get(step.target) == place + 1
            piece = _cell(steps, begin, place + bool(alone and after and follows(step, after)))
            if piece is not None:
                yield piece
        begin = place


def _cell(steps: Sequence[Step | None], begin: int, place: int) -> Piece | None:
    before, *inside = (one for one in steps[begin : place + 1] if one is not None)
    known = {before.target, *(one.target for one in inside)}
    whole = len(inside) == place - begin and all(known >= set(one.reads) for one in inside)
    return Piece(begin + 1, inside, before.target) if whole else None
