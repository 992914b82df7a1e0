"""Two values of one layer against each other, element by element.

The rule. Shapes and types agree exactly; so do integers, booleans and strings; NaN and infinities
stand in the same places. A float may differ by

    atol * max(1, rms) + rtol * |value|          atol = 1e-5, rtol = 1e-4

where rms is the root mean square of the layer's finite values: the elements of one layer are sums
of terms of about one size, so the rounding of a small element is that of its larger neighbours.
Formats narrower than float32 get four of their own units in the last place as atol and rtol.

What the rule lets pass may still be another layer, where all values are small: `Difference.doubtful`
says that the two point in different directions. Such layers, and those that break the rule, are put
before the arbiter (`mmdnn.verify.arbiter`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

FLOAT32_EPS = float(np.finfo(np.float32).eps)
ALIKE = 0.999
"""Two values whose cosine is smaller are not the same layer, however small they are."""
BLOCK = 1 << 16
"""Elements that are looked at in one go: they stay in the processor's cache as float64."""


@dataclass(frozen=True)
class Tolerance:
    """What floats may differ by; the module's docstring has the rule.

    Attributes:
        absolute: In units of max(1, the layer's rms).
        relative: In units of the value.
    """

    absolute: float = 1e-5
    relative: float = 1e-4


@dataclass(frozen=True)
class Difference:
    """How far apart two values are.

    Attributes:
        reason: Why they disagree, in plain words; "" where they agree.
        max_abs: Largest absolute error among elements finite on both sides.
        max_rel: Largest error relative to the source's value, where that is not zero.
        cosine: Of the angle between the two as vectors; 1.0 where both are zero.
        excess: Which part of what is allowed the worst element uses; infinite for what no tolerance
            covers, such as shapes.
        rms: Root mean square of the source's finite values.
        mean: Mean of the error, the target's value less the source's, among elements finite on both
            sides.
        variance: Its variance.
        place: Where the worst element is; empty where none differs.
    """

    reason: str = ""
    max_abs: float = 0.0
    max_rel: float = 0.0
    cosine: float = 1.0
    excess: float = 0.0
    rms: float = 0.0
    mean: float = 0.0
    variance: float = 0.0
    place: tuple[int, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the values agree by the rule."""
        return not self.reason

    @property
    def doubtful(self) -> bool:
        """Whether they may be two different layers, although every element is within the rule."""
        return self.ok and self.cosine < ALIKE


def difference(
    source: np.ndarray, target: np.ndarray, tolerance: Tolerance | None = None
) -> Difference:
    """Compare a layer's value on both sides.

    Args:
        source: What it should be, any shape and type.
        target: What it is.
        tolerance: For floats.
    """
    source, target = np.asarray(source), np.asarray(target)
    if source.shape != target.shape:
        return apart(f"shape {_dims(source)} became {_dims(target)}")
    if _type(source) != _type(target):
        return apart(f"type {_type(source)} became {_type(target)}")
    if not is_float(source):
        return _exact(source, target)
    return _close(source, target, tolerance or Tolerance())


def apart(reason: str) -> Difference:
    """A difference that no tolerance covers."""
    nan = float("nan")
    return Difference(reason, nan, nan, nan, float("inf"), mean=nan, variance=nan)


def is_float(array: np.ndarray) -> bool:
    """Whether its elements are rounded: floats of any width, complex numbers."""
    return array.dtype.kind in "fc" or _type(array).startswith(("bfloat", "float"))


def _exact(source: np.ndarray, target: np.ndarray) -> Difference:
    wrong = source != target
    if not wrong.any():
        return Difference()
    numbers = source.dtype.kind in "iub"
    place = _place(wrong)
    gap = target.astype(float) - source.astype(float) if numbers else wrong.astype(float)
    return Difference(
        f"{int(wrong.sum())} of {source.size} elements differ, first at {place}: "
        f"{source[place]!s} became {target[place]!s}",
        max_abs=float(np.abs(gap).max()),
        max_rel=float("inf"),
        cosine=_Sums(source.astype(float), target.astype(float)).cosine if numbers else 0.0,
        excess=float("inf"),
        mean=float(gap.mean()),
        variance=float(gap.var()),
    )


class _Sums:
    """What one pass over both values tells, block by block.

    Attributes:
        source: The sum of the squares of the one's elements that are finite in both.
        target: Of the other's.
        product: The sum of their products.
        count: How many there are.
        errors: The largest error of each block.
        relative: The largest error relative to the source's element.
        gaps: The sum of the errors, with their signs.
        squares: The sum of their squares.
    """

    def __init__(self, source: np.ndarray, target: np.ndarray) -> None:
        self.source = self.target = self.product = self.relative = 0.0
        self.gaps = self.squares = 0.0
        self.count = 0
        self.errors: list[float] = []
        for _, was, now in blocks(source, target):
            self._add(was, now)

    def _add(self, was: np.ndarray, now: np.ndarray) -> None:
        sums = [_dot(was, was), _dot(now, now), _dot(was, now)]
        if not np.isfinite(sums).all():
            finite = np.isfinite(was) & np.isfinite(now)
            was, now = was[finite], now[finite]
            sums = [_dot(was, was), _dot(now, now), _dot(was, now)]
        self.source += sums[0]
        self.target += sums[1]
        self.product += sums[2]
        self.count += was.size
        gap = now - was
        error = np.abs(gap)
        self.errors.append(float(error.max(initial=0.0)))
        if self.errors[-1]:
            self.gaps += float(np.sum(gap).real)
            self.squares += _dot(error, error)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                error /= np.abs(was)
            self.relative = max(self.relative, float(error[np.isfinite(error)].max(initial=0.0)))

    @property
    def error(self) -> float:
        return max(self.errors, default=0.0)

    @property
    def mean(self) -> float:
        return self.gaps / self.count if self.count else 0.0

    @property
    def variance(self) -> float:
        return max(self.squares / self.count - self.mean**2, 0.0) if self.count else 0.0

    @property
    def rms(self) -> float:
        return math.sqrt(self.source / self.count) if self.count else 0.0

    @property
    def cosine(self) -> float:
        scale = math.sqrt(self.source) * math.sqrt(self.target)
        if scale == 0:
            return 1.0 if self.source == self.target else 0.0
        return min(max(self.product / scale, -1.0), 1.0)


def _dot(one: np.ndarray, other: np.ndarray) -> float:
    """Their inner product; not by BLAS, whose threads wait for those of the engines."""
    with np.errstate(invalid="ignore", over="ignore"):
        mate = np.conj(other) if other.dtype.kind == "c" else other
        return float(np.sum(one * mate).real)


def _close(source: np.ndarray, target: np.ndarray, tolerance: Tolerance) -> Difference:
    sums = _Sums(source, target)
    if sums.count < source.size:
        strange = _strange(source, target)
        if strange is not None:
            place, where = _unraveled(strange, source.shape)
            return apart(f"{source[place]} became {target[place]} at {where}")
    if not sums.error:
        return Difference(rms=sums.rms)
    narrow = 4 * _eps(source.dtype) if _eps(source.dtype) > FLOAT32_EPS else 0.0
    floor = max(tolerance.absolute, narrow) * max(1.0, sums.rms)
    relative = max(tolerance.relative, narrow)
    excess, worst = _excess(source, target, sums.errors, floor, relative)
    place, where = _unraveled(worst, source.shape)
    reason = ""
    if excess > 1:
        was, now = (_wide(np.asarray(array[place]))[()] for array in (source, target))
        gap = abs(was - now)
        reason = f"off by {gap:.3g} at {where}: {was:.7g} became {now:.7g}"
    figures = (sums.error, sums.relative, sums.cosine, excess, sums.rms, sums.mean, sums.variance)
    return Difference(reason, *figures, place=where)


def _unraveled(place: int, shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """A place as an index, and as it is shown."""
    index = np.unravel_index(place, shape)
    return index, tuple(int(each) for each in index)


def _strange(source: np.ndarray, target: np.ndarray) -> int | None:
    """The first element that is NaN or infinite on one side and something else on the other."""
    for start, was, now in blocks(source, target):
        finite = np.isfinite(was) & np.isfinite(now)
        wrong = ~finite & (was != now) & ~(np.isnan(was) & np.isnan(now))
        if wrong.any():
            return start + int(np.argmax(wrong))
    return None


def _excess(
    source: np.ndarray, target: np.ndarray, errors: list[float], floor: float, relative: float
) -> tuple[float, int]:
    """Which part of what is allowed the worst element uses, and which element that is."""
    most, worst = 0.0, 0
    for (start, was, now), largest in zip(blocks(source, target), errors, strict=True):
        if largest <= most * floor:
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            used = np.abs(was - now) / (floor + relative * np.abs(was))
        used[np.isnan(used)] = 0.0
        place = int(np.argmax(used))
        if used[place] > most:
            most, worst = float(used[place]), start + place
    return most, worst


def blocks(source: np.ndarray, target: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Both values piece by piece, as float64 (or complex128), flat; where each piece begins."""
    was, now = source.reshape(-1), target.reshape(-1)
    for start in range(0, was.size, BLOCK):
        piece = slice(start, start + BLOCK)
        yield start, _wide(was[piece]), _wide(now[piece])


def _eps(dtype: np.dtype) -> float:
    finfo: Any = ml_dtypes.finfo
    return float(finfo(dtype).eps)


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _type(array: np.ndarray) -> str:
    return "string" if array.dtype.kind in "OUST" else str(array.dtype)


def _dims(array: np.ndarray) -> str:
    return "x".join(map(str, array.shape)) or "scalar"


def _place(where: np.ndarray) -> tuple[int, ...]:
    return tuple(int(index[0]) for index in np.nonzero(where)) if where.ndim else ()
