"""One layer's errors, closely: its worst places, and how many errors there are of each size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmdnn.verify.compare import blocks

MOST = 10
"""Places that are kept."""
LEAST, LARGEST = -12, 4
"""Powers of ten between which errors are counted by decades."""


@dataclass(frozen=True)
class Place:
    """One element.

    Attributes:
        index: Where it is.
        source: Its value there, as text.
        target: Its value here.
        error: The absolute error; infinite where one of the two is no number.
    """

    index: tuple[int, ...]
    source: str
    target: str
    error: float


@dataclass(frozen=True)
class Closeup:
    """What the elements of a layer tell.

    Attributes:
        places: The worst, the worst first; elements without error are left out.
        counts: Of the elements without error, then of those whose error is below 1e-12, from there below
            1e-11, and so on, last of those from 1e4 on.
        size: How many elements there are.
    """

    places: tuple[Place, ...]
    counts: tuple[int, ...]
    size: int


def closeup(source: np.ndarray, target: np.ndarray) -> Closeup | None:
    """Look at the elements of a layer.

    Args:
        source: What it should be.
        target: What it is, of the same shape.

    Returns:
        None where the shapes differ, or there are no numbers.
    """
    if source.shape != target.shape or "O" in (source.dtype.kind, target.dtype.kind):
        return None
    if {source.dtype.kind, target.dtype.kind} & set("SUT"):
        return None
    edges = [10.0**power for power in range(LEAST, LARGEST + 1)]
    counts = np.zeros(len(edges) + 1, int)
    worst = np.zeros(0), np.zeros(0, int)
    for start, was, now in blocks(source, target):
        error = _errors(was, now)
        counts += np.bincount(np.digitize(error[error > 0], edges), minlength=len(counts))
        worst = _worst(*worst, error, start)
    places = tuple(
        _place(source, target, int(place), float(error))
        for error, place in zip(*worst, strict=True)
        if error
    )
    return Closeup(places, (source.size - int(counts.sum()), *map(int, counts)), source.size)


def _errors(was: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Absolute errors; infinite where one is no number and the other is something else."""
    with np.errstate(invalid="ignore", over="ignore"):
        error: np.ndarray = np.abs(now - was)
    error[(was == now) | (np.isnan(was) & np.isnan(now))] = 0.0
    error[np.isnan(error)] = np.inf
    return error


def _worst(
    known: np.ndarray, places: np.ndarray, error: np.ndarray, start: int
) -> tuple[np.ndarray, np.ndarray]:
    """The largest so far with their places, the largest first, those of another block with them."""
    count = min(MOST, error.size)
    found = np.argpartition(error, error.size - count)[-count:]
    errors = np.concatenate([known, error[found]])
    order = np.argsort(-errors, kind="stable")[:MOST]
    return errors[order], np.concatenate([places, found + start])[order]


def _place(source: np.ndarray, target: np.ndarray, place: int, error: float) -> Place:
    index = np.unravel_index(place, source.shape)
    was, now = (str(array[index]) for array in (source, target))
    return Place(tuple(int(each) for each in index), was, now, error)
