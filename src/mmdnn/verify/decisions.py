"""Inputs to two nodes that differ, searched for until the difference shows, or is shown to be none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmdnn.verify.compare import Tolerance, difference
from mmdnn.verify.graphs import Matcher, Pair
from mmdnn.verify.kinds import KINDS

TRIED = ("random", "half zeros", "constant", "ties", "large", "huge", "tiny", "very tiny", "zeros")
"""What is fed to nodes that differ."""


@dataclass(frozen=True)
class Decision:
    """What the search for a difference found.

    Attributes:
        pair: What was searched.
        shown: How it shows, in words; "" where no input showed one.
        tried: On how many kinds of inputs.
    """

    pair: Pair
    shown: str
    tried: int


def decide(
    matcher: Matcher, pair: Pair, seen: Mapping[str, np.ndarray], tolerance: Tolerance | None = None
) -> Decision:
    """Search for inputs to two nodes that show their difference, in float64.

    Args:
        matcher: As `compare` gave it.
        pair: What differs.
        seen: Values of the first model in a run, for their shapes and types.
        tolerance: What floats may differ by.
    """
    tried = 0
    known = _leaves_seen(matcher, pair, seen)
    for kind in (None, *TRIED) if known is not None else ():
        fed = _fed(pair, known or [], kind)
        mine, theirs = fed
        one = matcher.exact[0].value(str(pair.a.name), mine)
        other = matcher.exact[1].value(str(pair.b.name), theirs)
        if one is None or other is None:
            continue
        tried += 1
        gap = difference(one, other, tolerance)
        if not gap.ok or (gap.doubtful and gap.rms > 0):
            return Decision(pair, gap.reason or f"cosine {gap.cosine:.4f}", tried)
    return Decision(pair, "", tried)


def _leaves_seen(
    matcher: Matcher, pair: Pair, seen: Mapping[str, np.ndarray]
) -> list[np.ndarray] | None:
    """The leaves as they were in the run; those that no engine tells are computed."""
    found = []
    for leaf, _ in pair.leaves:
        array = seen.get(str(leaf.name))
        array = matcher.exact[0].value(str(leaf.name), seen) if array is None else array
        if array is None:
            return None
        found.append(np.asarray(array))
    return found


def _fed(
    pair: Pair, known: Sequence[np.ndarray], kind: str | None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Values for the leaves, by each side's names: as they were in the run, or of one kind."""
    mine, theirs = {}, {}
    for place, ((a, b), array) in enumerate(zip(pair.leaves, known, strict=True)):
        if kind is not None:
            array = _drawn(array, kind, place)
        mine[str(a.name)] = theirs[str(b.name)] = array
    return mine, theirs


def _drawn(like: np.ndarray, kind: str, place: int) -> np.ndarray:
    rng = np.random.default_rng([place, len(kind)])
    if like.dtype.kind == "b":
        return rng.integers(0, 2, like.shape).astype(bool)
    if like.dtype.kind in "iu":
        low, high = (int(like.min()), int(like.max())) if like.size else (0, 0)
        if kind in ("random", "large"):
            low, high = min(low, -9), max(high, 9)
        low = max(low, 0) if like.dtype.kind == "u" else low
        return rng.integers(low, high, like.shape, endpoint=True).astype(like.dtype)
    draw: Callable[..., np.ndarray] = KINDS[kind]
    return np.asarray(draw(rng, like.shape)).astype(like.dtype)


__all__ = ["Decision", "decide"]
