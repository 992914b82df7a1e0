"""Inputs to two nodes that differ, searched for until the difference shows, or is shown to be none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmdnn.verify.compare import Tolerance, difference
from mmdnn.verify.graphs import Matcher, Pair
from mmdnn.verify.kinds import KINDS

TRIED = ("random", "half zeros", "constant", "ties", "large", "huge", "tiny", "very tiny", "zeros")
"""What is fed to nodes that differ."""
PATIENCE = 5.0
"""Seconds that are spent on what the inputs of a model show."""
SMALL = 64
"""The elements of a constant whose numbers are fed, too."""


Fed = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]


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
    feeds = [] if known is None else [_fed(pair, known, kind) for kind in (None, *TRIED)]
    feeds += [] if known is None else _aimed(pair, known)
    for fed in feeds:
        shown = _shown(matcher, pair, fed, tolerance)
        tried += shown is not None
        if shown:
            return Decision(pair, shown, tried)
    return Decision(pair, "", tried)


def reached(
    matcher: Matcher,
    pair: Pair,
    feeds: Iterable[Mapping[str, np.ndarray]],
    tolerance: Tolerance | None = None,
) -> Decision:
    """Search for inputs of the model that show two nodes' difference, in float64, for a limited time.

    Args:
        matcher: As `compare` gave it.
        pair: What differs.
        feeds: Inputs of the model, by name.
        tolerance: What floats may differ by.
    """
    tried, begun = 0, time.monotonic()
    for feed in feeds:
        known = _leaves_seen(matcher, pair, feed)
        if known is None or time.monotonic() - begun > PATIENCE:
            break
        shown = _shown(matcher, pair, _fed(pair, known, None), tolerance)
        tried += shown is not None
        if shown:
            return Decision(pair, shown, tried)
    return Decision(pair, "", tried)


def _shown(matcher: Matcher, pair: Pair, fed: Fed, tolerance: Tolerance | None) -> str | None:
    """How two nodes differ on these inputs, "" where they agree; None where they cannot be computed."""
    one = matcher.exact[0].value(str(pair.a.name), fed[0])
    other = matcher.exact[1].value(str(pair.b.name), fed[1])
    if one is None or other is None:
        return None
    gap = difference(one, other, tolerance)
    if gap.ok and not (gap.doubtful and gap.rms > 0):
        return ""
    return gap.reason or f"cosine {gap.cosine:.4f}"


def _aimed(pair: Pair, known: Sequence[np.ndarray]) -> list[Fed]:
    """Inputs that these two nodes alone call for: their own constants, rows of a table that differ."""
    ends = list(zip(*pair.leaves, strict=True)) or [(), ()]
    nodes = [*_between(pair.a, ends[0]), *_between(pair.b, ends[1])]
    constants = [
        value.const_value.numpy().ravel().astype(float)
        for node in nodes
        for value in node.inputs
        if value is not None
        and value.const_value is not None
        and value.const_value.size <= SMALL
        and value.const_value.dtype.is_floating_point()
    ]
    numbers = np.concatenate([np.empty(0), *constants])
    wanted = ((numbers, "f"), (_rows(nodes), "iu"))
    return [
        _fed(pair, [_like(x, these) if x.dtype.kind in kinds else x for x in known], None)
        for these, kinds in wanted
        if these.size
    ]


def _between(value: ir.Value, leaves: Sequence[ir.Value]) -> list[ir.Node]:
    """What makes a value from the leaves, the last first."""
    found: list[ir.Node] = []
    todo = [value.producer()]
    while todo and len(found) < SMALL:
        node = todo.pop(0)
        if node is None or node in found:
            continue
        found.append(node)
        todo += [each.producer() for each in node.inputs if each is not None and each not in leaves]
    return found


def _like(array: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    return np.resize(numbers, array.shape).astype(array.dtype)


def _rows(nodes: Sequence[ir.Node]) -> np.ndarray:
    """The indices at which two constant tables differ that a Gather reads."""
    tables = [n.inputs[0].const_value for n in nodes if n.op_type == "Gather" and n.inputs[0]]
    one, other = (*(table.numpy() for table in tables if table is not None), None, None)[:2]
    if one is None or other is None or one.shape != other.shape:
        return np.empty(0, np.int64)
    axis = next(n for n in nodes if n.op_type == "Gather").attributes.get_int("axis", 0)
    differ = np.moveaxis(one != other, axis, 0)
    return np.flatnonzero(differ.reshape(len(differ), -1).any(1))


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
