"""The grid: a module for each family of operators."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Sequence
from typing import Any

import numpy as np

Options = dict[str, Any]


def load() -> None:
    """Import every family, each of which registers its cases."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def product(**choices: Sequence[Any]) -> list[Options]:
    """Every combination; an attribute that is None is left out."""
    return [
        {key: value for key, value in zip(choices, values, strict=True) if value is not None}
        for values in itertools.product(*choices.values())
    ]


def normal(rng: np.random.Generator, *shape: int, dtype: Any = np.float32) -> np.ndarray:
    """Random numbers; whole ones, some negative, where the type is one of whole numbers."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if kind in "iu":
        return rng.integers(-5 if kind == "i" else 0, 6, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)
