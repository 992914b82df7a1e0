"""What a run of a large network gave, in a file until it is compared.

Two runs of a ResNet-152 on a few inputs make several gigabytes, of which one layer is looked at at a time.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Mapping

import numpy as np

LARGE = 64 << 20
"""Bytes from which on values are not kept in memory."""


class Spilled(Mapping[str, np.ndarray]):
    """Arrays by name in a file without a name, which goes when this does; each is read when it is asked for.

    Args:
        values: The arrays, of any types but Python's own objects.
    """

    def __init__(self, values: Mapping[str, np.ndarray]) -> None:
        self._places: dict[str, tuple[int, np.dtype, tuple[int, ...]]] = {}
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this does
        weakref.finalize(self, self._file.close)
        for name, array in values.items():
            self._places[name] = (self._file.tell(), array.dtype, array.shape)
            self._file.write(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")
        self._file.flush()

    def __getitem__(self, name: str) -> np.ndarray:
        offset, dtype, shape = self._places[name]
        array = np.empty(shape, dtype)
        self._file.seek(offset)
        self._file.readinto(array.reshape(-1).view(np.uint8).data)
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def spilled(values: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """The values, in a file where they are large."""
    if sum(array.nbytes for array in values.values()) < LARGE:
        return values
    return Spilled(values) if all(array.dtype != object for array in values.values()) else values
