"""Resizing an axis: where an element of the result lies in the input, and what it takes of its elements.

    how = Resampling("cubic", "half_pixel", a=-0.5, exclude_outside=True)
    how.matrix(size=4, new=6)                 # [6, 4]
    Resampling("nearest", "asymmetric", "floor").indices(size=3, new=6)     # 0 0 1 1 2 2

The semantics are those of https://onnx.ai/onnx/operators/onnx__Resize.html. Places are in float32, as in
onnxruntime: which element is the nearest depends on how they are rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Place: TypeAlias = Callable[[np.ndarray, np.float32, np.float32, np.float32], np.ndarray]


def _half_pixel(i: np.ndarray, scale: np.float32, *_sizes: np.float32) -> np.ndarray:
    return (i + 0.5) / scale - 0.5


def _symmetric(i: np.ndarray, scale: np.float32, size: np.float32, new: np.float32) -> np.ndarray:
    """Cut on both sides alike; onnxruntime computes this one in doubles and then rounds it."""
    offset = size / 2 * (1 - new / (scale * size))
    wide = (i.astype(np.float64) + 0.5) / np.float64(scale)
    return (offset + wide - 0.5).astype(np.float32)


PLACES: dict[str, Place] = {
    "half_pixel": _half_pixel,
    "pytorch_half_pixel": lambda i, scale, size, new: (
        _half_pixel(i, scale, size, new) if new > 1 else i * 0
    ),
    "asymmetric": lambda i, scale, size, new: i / scale,
    "align_corners": lambda i, scale, size, new: i * (size - 1) / (new - 1) if new > 1 else i * 0,
    "half_pixel_symmetric": _symmetric,
}
"""Where an element of the result lies in the input, by `coordinate_transformation_mode`."""

TIE = 1e-6
"""How near to the middle between two elements onnxruntime takes a place to be in the middle."""


def _nearest(x: np.ndarray, tie: int) -> np.ndarray:
    low = np.floor(x)
    return np.asarray(np.where(np.abs(x - low - 0.5) <= TIE, low + tie, np.rint(x)))


ROUNDINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "round_prefer_floor": lambda x: _nearest(x, 0),
    "round_prefer_ceil": lambda x: _nearest(x, 1),
    "floor": np.floor,
    "ceil": np.ceil,
}
"""Which element is the nearest, by `nearest_mode`."""


@dataclass(frozen=True)
class Resampling:
    """How an axis is resized.

    Attributes:
        mode: "nearest", "linear" or "cubic".
        transformation: A key of `PLACES`.
        rounding: A key of `ROUNDINGS`; for the nearest.
        a: The coefficient of the cubic.
        exclude_outside: Whether elements outside the input weigh nothing, and the others all the more;
            otherwise they are the input's first and last.
        antialias: Whether the mixture is wider where the result is smaller than the input.
        steps: Fractions are rounded to one of so many a unit, as TensorFlow's table of cubics has them
            (1024); 0 where they are exact.
    """

    mode: str
    transformation: str
    rounding: str = "round_prefer_floor"
    a: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False
    steps: int = 0

    @property
    def repeats(self) -> bool:
        """Whether a whole scale gives each element as often as it says, whatever the size."""
        kind = (self.transformation, self.rounding)
        rounds = self.transformation == "half_pixel" and self.rounding.startswith("round")
        return self.mode == "nearest" and (rounds or kind == ("asymmetric", "floor"))

    def places(self, size: int, new: int, scale: float | None = None) -> np.ndarray:
        """Where each of `new` elements lies among `size`, in float32; `scale` where it is not their ratio."""
        one = np.float32
        factor = one(new) / one(size) if scale is None else one(scale)
        return PLACES[self.transformation](np.arange(new, dtype=one), factor, one(size), one(new))

    def indices(self, size: int, new: int, scale: float | None = None) -> np.ndarray:
        """The element that is the nearest to each of `new`."""
        places = ROUNDINGS[self.rounding](self.places(size, new, scale))
        return np.asarray(np.clip(places, 0, size - 1), np.int64)

    def matrix(self, size: int, new: int, scale: float | None = None) -> np.ndarray:
        """What each of `new` elements takes of `size` others: [new, size], float64."""
        found = np.zeros((new, size))
        if self.mode == "nearest":
            found[np.arange(new), self.indices(size, new, scale)] = 1
            return found
        places = self.places(size, new, scale).astype(np.float64)
        narrow = min(scale or new / size, 1.0) if self.antialias else 1.0
        reach = int(np.ceil((1 if self.mode == "linear" else 2) / narrow))
        low = np.floor(places)
        columns = low[:, None] + np.arange(1 - reach, reach + 1)
        if self.steps:
            places = low + np.rint((places - low) * self.steps) / self.steps
        weights = self._weights(np.abs(columns - places[:, None]) * narrow)
        if self.exclude_outside:
            weights *= (columns >= 0) & (columns < size)
        weights /= weights.sum(axis=1, keepdims=True)
        rows = np.arange(new)[:, None]
        np.add.at(found, (rows, np.clip(columns, 0, size - 1).astype(np.int64)), weights)
        return found

    def _weights(self, gaps: np.ndarray) -> np.ndarray:
        """What an element weighs that is so far away."""
        if self.mode == "linear":
            return np.asarray(np.maximum(1 - gaps, 0))
        near = (self.a + 2) * gaps**3 - (self.a + 3) * gaps**2 + 1
        far = self.a * (gaps**3 - 5 * gaps**2 + 8 * gaps - 4)
        return np.where(gaps <= 1, near, np.where(gaps < 2, far, 0))
