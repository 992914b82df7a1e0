"""Two values of one layer against each other, element by element.

The rule. Shapes and types agree exactly; so do integers, booleans and strings; NaN and infinities
stand in the same places. A float may differ by

    atol * max(1, rms) + rtol * |value|          atol = 1e-5, rtol = 1e-4

where rms is the root mean square of the layer's finite values: the elements of one layer are sums
of terms of about one size, so the rounding of a small element is that of its larger neighbours.
Formats narrower than float32 get four of their own units in the last place as atol and rtol.

Some networks amplify the rounding of float32 beyond this, and decisions (which index is the
largest, which box survives) may hang on it. So where a layer fails, the caller measures what a
change of four units in the last place does to the source (`noise`), and `NOISE` times that is
allowed on top; a decision may differ only where such a change of the inputs changes it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

NOISE = 8.0
"""How many times the probe's effect on the source a layer may be off."""
NOISE_QUANTILE = 0.9
"""An element that the probe hardly moved is allowed this quantile of its layer's movements."""

FLOAT32_EPS = float(np.finfo(np.float32).eps)


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
        excess: How many times what is allowed the worst element is off; infinite for what no
            tolerance covers, such as shapes.
        noisy: Whether they agree only by what the probe allows.
    """

    reason: str = ""
    max_abs: float = 0.0
    max_rel: float = 0.0
    cosine: float = 1.0
    excess: float = 0.0
    noisy: bool = False

    @property
    def ok(self) -> bool:
        """Whether the values agree."""
        return not self.reason


def difference(
    source: np.ndarray,
    target: np.ndarray,
    tolerance: Tolerance | None = None,
    probes: Sequence[np.ndarray] = (),
) -> Difference:
    """Compare a layer's value on both sides.

    Args:
        source: What it should be, any shape and type.
        target: What it is.
        tolerance: For floats.
        probes: The source's value for inputs changed by rounding, same shape where possible.
    """
    source, target = np.asarray(source), np.asarray(target)
    if source.shape != target.shape:
        return apart(f"shape {_dims(source)} became {_dims(target)}")
    if _type(source) != _type(target):
        return apart(f"type {_type(source)} became {_type(target)}")
    if np.array_equal(source, target):
        return Difference()
    usable = [np.asarray(probe) for probe in probes if np.shape(probe) == source.shape]
    if not _is_float(source):
        return _exact(source, target, usable)
    return _close(source, target, tolerance or Tolerance(), usable)


def _exact(source: np.ndarray, target: np.ndarray, probes: list[np.ndarray]) -> Difference:
    wrong = source != target
    if not wrong.any():
        return Difference()
    undecided = np.zeros(source.shape, bool)
    for probe in probes:
        undecided |= probe != source
    numbers = source.dtype.kind in "iub"
    gap = np.abs(source.astype(float) - target.astype(float)) if numbers else wrong.astype(float)
    worst = float(gap.max())
    if not (wrong & ~undecided).any():
        return Difference(max_abs=worst, noisy=True)
    place = _place(wrong & ~undecided)
    return Difference(
        f"{int(wrong.sum())} of {source.size} elements differ, first at {place}: "
        f"{source[place]!s} became {target[place]!s}",
        max_abs=worst,
        max_rel=float("inf"),
        cosine=_cosine(source.astype(float), target.astype(float)) if numbers else 0.0,
        excess=float("inf"),
    )


def _close(
    source: np.ndarray, target: np.ndarray, tolerance: Tolerance, probes: list[np.ndarray]
) -> Difference:
    was, now, moved = _wide(source), _wide(target), [_wide(probe) for probe in probes]
    finite = np.isfinite(was) & np.isfinite(now)
    strange = ~finite & (was != now) & ~(np.isnan(was) & np.isnan(now))
    undecided = [np.isfinite(probe) != np.isfinite(was) for probe in moved]
    broken = strange & ~np.any(undecided, axis=0) if moved else strange
    if broken.any():
        place = _place(broken)
        return apart(f"{was[place]} became {now[place]} at {place}")

    with np.errstate(invalid="ignore"):
        error = np.where(finite, np.abs(was - now), 0)
    size = np.where(finite, np.abs(was), 0)
    allowed = _allowed(size, tolerance, _eps(source.dtype))
    noisy = bool(strange.any() or (moved and (error > allowed).any()))
    if noisy:
        allowed = allowed + NOISE * _noise(was, moved)
    with np.errstate(divide="ignore"):
        ratio = np.divide(error, allowed, out=np.zeros_like(error), where=error > 0)
    excess = float(ratio.max(initial=0.0))
    reason = ""
    if excess > 1:
        place = _place(ratio == excess)
        reason = f"off by {error[place]:.3g} at {place}: {was[place]:.7g} became {now[place]:.7g}"
    return Difference(
        reason,
        max_abs=float(error.max(initial=0.0)),
        max_rel=float((error[size > 0] / size[size > 0]).max(initial=0.0)),
        cosine=_cosine(np.where(finite, was, 0), np.where(finite, now, 0)),
        excess=excess,
        noisy=noisy and not reason,
    )


def _allowed(size: np.ndarray, tolerance: Tolerance, eps: float) -> np.ndarray:
    narrow = 4 * eps if eps > FLOAT32_EPS else 0.0
    rms = float(np.sqrt(np.mean(size**2))) if size.size else 0.0
    return np.asarray(
        max(tolerance.absolute, narrow) * max(1.0, rms) + max(tolerance.relative, narrow) * size
    )


def _eps(dtype: np.dtype) -> float:
    finfo: Any = ml_dtypes.finfo
    return float(finfo(dtype).eps)


def _noise(was: np.ndarray, probes: list[np.ndarray]) -> np.ndarray:
    """How far the probes move each element, at least the layer's `NOISE_QUANTILE`."""
    if not probes:
        return np.zeros(was.shape)
    with np.errstate(invalid="ignore"):
        moved = [np.nan_to_num(np.abs(probe - was), nan=0.0, posinf=0.0) for probe in probes]
    largest = np.max(moved, axis=0)
    return np.asarray(np.maximum(largest, np.quantile(largest, NOISE_QUANTILE)))


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    scale = float(np.linalg.norm(one) * np.linalg.norm(other))
    if scale == 0:
        return 1.0 if not one.any() and not other.any() else 0.0
    return float(np.clip(np.real(np.vdot(one, other)) / scale, -1.0, 1.0))


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _is_float(array: np.ndarray) -> bool:
    return array.dtype.kind in "fc" or _type(array).startswith(("bfloat", "float"))


def _type(array: np.ndarray) -> str:
    return "string" if array.dtype.kind in "OUST" else str(array.dtype)


def _dims(array: np.ndarray) -> str:
    return "x".join(map(str, array.shape)) or "scalar"


def _place(where: np.ndarray) -> tuple[int, ...]:
    return tuple(int(index[0]) for index in np.nonzero(where)) if where.ndim else ()


def apart(reason: str) -> Difference:
    """A difference that no tolerance covers."""
    nan = float("nan")
    return Difference(reason, nan, nan, nan, float("inf"))
