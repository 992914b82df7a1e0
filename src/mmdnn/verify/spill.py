"""What a run of a large network gave, in a file until it is compared.

Two runs of a ResNet-152 on a few inputs make several gigabytes, of which one layer is looked at at a time.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from io import FileIO

import numpy as np

LARGE = 4 << 20
"""Bytes beyond which the values of a run are not kept in memory."""


class Values(MutableMapping[str, np.ndarray]):
    """Arrays by name: the first in memory, what comes beyond `LARGE` in a file, read when it is asked for.

    The file has no name, and goes when this does. Arrays of Python's own objects stay in memory.

    Args:
        values: The first ones; each is let go of as soon as it is written.
    """

    def __init__(self, values: Mapping[str, np.ndarray] | None = None) -> None:
        self._arrays: dict[str, np.ndarray] = {}
        self._places: dict[str, tuple[int, np.dtype, tuple[int, ...]]] = {}
        self._file: FileIO | None = None
        self._bytes = 0
        self.update(values or {})

    def __setitem__(self, name: str, array: np.ndarray) -> None:
        self._arrays.pop(name, None)
        self._places.pop(name, None)
        self._bytes += array.nbytes
        if self._bytes < LARGE or array.dtype == object or not array.size:
            self._arrays[name] = array
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it lives as long as this
            weakref.finalize(self, self._file.close)
        self._places[name] = (self._file.seek(0, 2), array.dtype, array.shape)
        rest = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        while rest:
            rest = rest[self._file.write(rest) :]

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._arrays:
            return self._arrays[name]
        offset, dtype, shape = self._places[name]
        assert self._file is not None
        array = np.empty(shape, dtype)
        rest = array.reshape(-1).view(np.uint8).data
        self._file.seek(offset)
        while rest:
            rest = rest[self._file.readinto(rest) :]
        return array

    def __delitem__(self, name: str) -> None:
        del (self._arrays if name in self._arrays else self._places)[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._arrays
        yield from self._places

    def __len__(self) -> int:
        return len(self._arrays) + len(self._places)


class View(Mapping[str, np.ndarray]):
    """Some arrays of a mapping, by other names, each read when it is asked for.

    Args:
        values: The arrays.
        names: The name here to the name there.
    """

    def __init__(self, values: Mapping[str, np.ndarray], names: Mapping[str, str]) -> None:
        self._values, self._names = values, names

    def __getitem__(self, name: str) -> np.ndarray:
        return self._values[self._names[name]]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Chain(Mapping[str, np.ndarray]):
    """Arrays of several mappings, the first that has a name counts."""

    def __init__(self, *parts: Mapping[str, np.ndarray]) -> None:
        self._parts = parts

    def __getitem__(self, name: str) -> np.ndarray:
        for part in self._parts:
            if name in part:
                return part[name]
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(name in part for part in self._parts)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for part in self._parts for name in part))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def only(values: Mapping[str, np.ndarray], names: Iterable[str]) -> View:
    """Some of the arrays, by their own names."""
    return View(values, {name: name for name in names})
