"""The kinds of inputs that a model is fed with, and how their numbers are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

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


def stem(kind: str) -> str:
    """The kind without the number that tells several of it apart."""
    return kind.rstrip("0123456789 ")


REACH = {"random": 1000, "half zeros": 8, "ties": 3, "tiny": 1, "zeros": 0, "large": 100_000}
"""How far integers of wide types reach in both directions, by the kind."""


def integers(
    dtype: ir.DataType, kind: str, rng: np.random.Generator, shape: tuple[int, ...]
) -> np.ndarray:
    """Narrow types whole; wide ones as far as the kind says, of both signs where they have one."""
    bits = dtype.bitwidth
    signed = dtype.name.startswith("INT")
    most = (1 << (bits - signed)) - 1
    high = min(most, REACH.get(stem(kind), 255))
    if bits <= 8 and kind in ("random", "pictures", "large", "half zeros"):
        high = most
    low = -min(high, most) - (1 if signed and high == most else 0) if signed else 0
    if kind in ("pictures", "unit pictures", "positive"):
        low = 0
    made = np.asarray(rng.integers(low, high, shape, endpoint=True))
    if kind == "half zeros" and made.ndim:
        made[..., ::2] = 0
    return made.astype(dtype.numpy())
