"""Who is at fault where a layer differs: decided in float64, on the layer's own inputs.

What stands above a layer may amplify rounding, so that both sides feed it with other numbers, and both
are right. Therefore each side's output is held against the same layer computed in float64 from *that side's
own* values before it (`mmdnn.verify.exact`). Who is farther from it than rounding explains is at fault; where
neither is, the layer carries what came from above, and how far that is stands in the report.

How much rounding explains is measured on the layer alone: its inputs and weights are changed by about
four units in the last place of a float32 (N. J. Higham, Accuracy and Stability of Numerical Algorithms,
3.1), and `ROUNDING` times what that does is allowed. The source's engine may also round numbers within an
operator that its formula does not have (`mmdnn.verify.rounding`): where they explain it, and the result is
right, nothing is decided by these inputs. A layer that was read wrongly differs on every kind of input; one
that agrees on another kind is *carried* (`mmdnn.verify.tally`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from mmdnn.verify.bands import Band, bands
from mmdnn.verify.compare import ALIKE, Difference, is_float
from mmdnn.verify.exact import Exact, wide
from mmdnn.verify.spill import only
from mmdnn.verify.verdicts import Verdict

Arrays = Mapping[str, np.ndarray]

ROUNDING = 8.0
"""How many times the effect of changed inputs a layer may be off."""
RUNS, FEW = 3, 12
"""How often the inputs are changed; and where each element tells of few others, or of none."""
CARRIED = 0.01
"""What a layer may carry, in units of its rms; beyond it nothing is decided."""
BEGUN = 4.0
"""How many times what rounding explains a layer is off that agrees, where a later one amplifies that."""
WITHIN = (
    "in float64 the result is right, and the source's engine is off by what float32 rounds within"
)
"""Why nothing is decided where the source's engine lost what its formula does not."""
SQUARES = 1e18
"""Beyond this the sum of a few squares is infinite in float32."""


@dataclass(frozen=True)
class Judgement:
    """A verdict, and why."""

    verdict: Verdict
    why: str = ""


def judge(exact: Exact, name: str, was: Arrays, now: Arrays, gap: Difference) -> Judgement:
    """Decide about a layer that differs.

    Args:
        exact: Computes the model in float64.
        name: The value.
        was: What the source's engine computed, by name.
        now: What the result's engine computed.
        gap: How far the two are apart.
    """
    known = (was.keys() & now.keys()) - {name}
    if not exact.is_local(name, only(was, known)) and any(
        _overflows(side[read])
        for read in exact.reads(name, only(was, known))
        for side in (was, now)
    ):
        return Judgement(
            Verdict.UNDECIDED, "it was fed with numbers whose squares float32 cannot hold"
        )
    ours = _off(exact, name, only(was, known), was[name], gap.place)
    theirs = _off(exact, name, only(now, known), now[name], gap.place)
    if ours is None or theirs is None:
        if gap.ok or _bearable(gap):
            return Judgement(Verdict.UNDECIDED, "it cannot be computed in float64 here")
        return Judgement(Verdict.NO, gap.reason)
    if theirs <= 1 < ours and _is_within(exact, name, only(was, known), was[name], gap.place):
        return Judgement(Verdict.UNDECIDED, f"{gap.reason or f'cosine {gap.cosine:.4f}'}; {WITHIN}")
    if theirs > 1 or ours > 1:
        who = "the result" if theirs >= ours else "the source's engine"
        reason = gap.reason or f"cosine {gap.cosine:.4f}"
        times = max(theirs, ours)
        return Judgement(
            Verdict.NO,
            f"{reason}; in float64, on its own inputs, {who} is off by "
            f"{'more than any rounding' if not np.isfinite(times) else f'{times:.3g} times the rounding'}",
        )
    if _bearable(gap):
        return Judgement(Verdict.CARRIED, gap.reason)
    return Judgement(Verdict.UNDECIDED, gap.reason or f"cosine {gap.cosine:.4f}")


def origin(
    exact: Exact,
    name: str,
    was: Arrays,
    now: Arrays,
    offs: dict[str, float | None],
    *,
    deep: bool,
) -> tuple[str, str] | None:
    """Who began what a layer amplified: a layer before it that is wrong by less than the tolerance.

    Args:
        exact: Computes the model in float64.
        name: A value that is right on both sides, and differs.
        was: What the source's engine computed, by name.
        now: What the result's engine computed.
        offs: How far layers are off on these inputs, as far as it was asked before; what is asked is added.
        deep: Whether layers that cost something are computed too, not only those that round each element
            by itself.

    Returns:
        The value that is off by more than rounding explains, and why; None where there is none.
    """
    known = was.keys() & now.keys()
    todo, seen = [name], {name}
    while todo:
        value = todo.pop()
        for read in sorted(exact.reads(value, only(was, known - {value})) - seen):
            seen.add(read)
            if np.array_equal(was[read], now[read], equal_nan=is_float(was[read])):
                continue
            if not deep and not exact.is_local(read, only(now, known - {read})):
                continue
            todo.append(read)
            if read not in offs:
                offs[read] = _off(exact, read, only(now, known - {read}), now[read])
            off = offs[read]
            if off is not None and off > BEGUN:
                times = (
                    "more than any rounding" if np.isinf(off) else f"{off:.3g} times the rounding"
                )
                return read, f"in float64 it is off by {times}, and '{name}' amplifies that"
    return None


def _overflows(array: np.ndarray) -> bool:
    """Whether sums of its squares, such as areas and variances, may be infinite in an engine."""
    if array.dtype.kind != "f" or not array.size:
        return False
    return bool(max(abs(float(np.nanmin(array))), abs(float(np.nanmax(array)))) > SQUARES)


def _bearable(gap: Difference) -> bool:
    return gap.cosine >= ALIKE and gap.max_abs <= CARRIED * gap.rms


def _is_within(
    exact: Exact, name: str, known: Arrays, found: np.ndarray, place: tuple[int, ...]
) -> bool:
    """Whether the numbers that engines hold within one operator explain it."""
    off = _off(exact, name, known, found, place, within=True)
    return off is not None and off <= 1


def _off(
    exact: Exact,
    name: str,
    known: Arrays,
    found: np.ndarray,
    place: tuple[int, ...] = (),
    *,
    within: bool = False,
) -> float | None:
    """How many times what rounding explains an output is off its layer in float64.

    Of a large picture some bands are looked at: the one with the `place`, where it is worst, and others.
    """
    parts = bands(found.shape, place)
    if parts:
        offs = [_part_off(exact, name, known, part.of(found), within, part) for part in parts]
        if None not in offs:
            return max(off for off in offs if off is not None)
    return _part_off(exact, name, known, found, within)


def _part_off(
    exact: Exact,
    name: str,
    known: Arrays,
    found: np.ndarray,
    within: bool,
    band: Band | None = None,
) -> float | None:
    right = exact.value(name, known, band=band)
    if right is None:
        return None
    if right.shape != found.shape:
        return float("inf")
    local = exact.is_local(name, known)
    runs = RUNS if right.size >= 64 and not local else FEW
    values = (
        exact.value(name, known, np.random.default_rng(seed), within=within, band=band)
        for seed in range(runs)
    )
    changed = (t for t in values if t is not None and t.shape == right.shape)
    if is_float(found):
        trials = (_numbers(trial) for trial in changed)
        return _excess(_numbers(right), wide(found), trials, _eps(found.dtype), local=local)
    wrong = right.astype(found.dtype) != found
    for trial in changed:
        wrong &= trial == right
    return float("inf") if wrong.any() else 0.0


def _excess(
    right: np.ndarray, found: np.ndarray, changed: Iterable[np.ndarray], eps: float, *, local: bool
) -> float:
    finite = np.isfinite(right) & np.isfinite(found)
    strange = ~finite & (right != found) & ~(np.isnan(right) & np.isnan(found))
    noise = np.zeros(right.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        for trial in changed:
            strange &= np.isfinite(trial) == np.isfinite(right)
            moved = np.abs(trial - right)
            np.maximum(noise, moved, out=noise, where=np.isfinite(moved))
        beyond = np.abs(right) > float(np.finfo(np.float32).max)
        if (strange & ~beyond).any():
            return float("inf")
        error = np.where(finite, np.abs(right - found), 0.0)
        spread = np.sqrt(np.mean(noise**2)) if noise.size and not local else 0.0
    size = np.where(finite, np.abs(right), 0.0)
    tiny = 4 * float(np.finfo(np.float32).tiny)  # engines may flush what is smaller to zero
    allowed = ROUNDING * (np.maximum(noise, spread) + eps * size) + tiny
    return float((error / allowed).max(initial=0.0))


def _numbers(array: np.ndarray) -> np.ndarray:
    """Truth values and integers as float64, where an engine gives floats for them."""
    return array.astype(np.float64) if array.dtype.kind in "biu" else wide(array)


def _eps(dtype: np.dtype) -> float:
    finfo: Any = ml_dtypes.finfo
    return max(float(finfo(dtype).eps), float(np.finfo(np.float32).eps))
