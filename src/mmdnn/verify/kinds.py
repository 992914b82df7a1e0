"""The kinds of inputs that a model is fed with, and how their floats are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

Draw: TypeAlias = "Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]"


def _half_zeros(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    values = np.atleast_1d(rng.standard_normal(shape))
    values[..., ::2] = 0
    return values.reshape(shape)


def _scaled(scale: float) -> Draw:
    return lambda rng, shape: scale * rng.standard_normal(shape)


def _constant(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A dark picture: one small number in each channel."""
    return np.broadcast_to(rng.random(shape[:2] + (1,) * (len(shape) - 2)), shape)


def _not_numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """NaN and infinities among others."""
    strange = rng.choice([np.nan, np.inf, -np.inf, 0, 1], shape)
    return np.asarray(np.where(rng.random(shape) < 0.3, strange, rng.standard_normal(shape)))


KINDS: dict[str, Draw] = {
    "random": _scaled(1.0),
    "pictures": lambda rng, shape: rng.integers(0, 256, shape).astype(float),
    "half zeros": _half_zeros,
    "large": _scaled(100.0),
    "ties": lambda rng, shape: np.round(4 * rng.standard_normal(shape)) / 2,
    "positive": lambda rng, shape: np.abs(rng.standard_normal(shape)),
    "unit pictures": lambda rng, shape: rng.random(shape),
    "tiny": _scaled(1e-3),
    "huge": _scaled(1e4),
    "very tiny": _scaled(1e-8),
    "constant": _constant,
    "zeros": lambda rng, shape: np.zeros(shape),
    "enormous": _scaled(1e6),
    "not numbers": _not_numbers,
}
"""Every kind by name, and how its floats are drawn."""
