"""FlatBuffers, read in place: tables, vectors and strings, every offset checked.

A table's fields stand where its vtable says, an offset is from where it stands itself
(https://flatbuffers.dev/internals/). What is read is bounded by the size of the file, however often its
offsets lead to the same place.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmdnn.errors import FormatError
from mmdnn.frameworks.tflite import _schema

_SCALARS = {
    "bool": "?", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i",
    "uint32": "I", "int64": "q", "uint64": "Q", "float32": "f", "float64": "d",
}  # fmt: skip
_LEAST = 4
"""The bytes that an entry of a vector of tables takes."""
_LONGEST = 1 << 16
"""The longest name, in bytes."""


class Buffer:
    """A file as a FlatBuffer.

    Args:
        data: Its bytes, which may be a map of the file.
        path: The file, for errors.
    """

    def __init__(self, data: Any, path: Path | None) -> None:
        self.data = data
        self.path = path
        self.left = len(data) // _LEAST + 1

    def spoilt(self, why: str) -> FormatError:
        """What to raise of a file that is not as it should be."""
        return FormatError(f"is damaged: {why}", file=self.path)

    def read(self, kind: str, at: int) -> Any:
        """A scalar at a place."""
        size = struct.calcsize(f"<{kind}")
        if not 0 <= at <= len(self.data) - size:
            raise self.spoilt(f"an offset leads to {at}, of {len(self.data)} bytes")
        return struct.unpack_from(f"<{kind}", self.data, at)[0]

    def follow(self, at: int) -> int:
        """The place that an offset leads to."""
        target: int = at + self.read("I", at)
        return target

    def vector(self, at: int, size: int) -> tuple[int, int]:
        """Where a vector's elements begin and how many they are."""
        start = self.follow(at)
        count = self.read("I", start)
        if count * size > len(self.data) - start - 4:
            raise self.spoilt(f"a vector of {count} elements begins at {start}")
        return start + 4, count

    def root(self, table: str) -> Table:
        """The table that the file begins with."""
        return Table(self, self.follow(0), table)

    def count(self, many: int) -> None:
        """Note that so many entries have been read."""
        self.left -= many
        if self.left < 0:
            raise self.spoilt("its vectors have more entries than it has room for")


@dataclass(frozen=True)
class Table:
    """A table in a file; its fields are read by name when they are asked for."""

    buffer: Buffer
    at: int
    kind: str

    def place(self, name: str) -> int | None:
        """Where a field stands; None where it is not said."""
        slot = next(i for i, f in enumerate(_schema.fields(self.kind)) if f and f.name == name)
        vtable = self.at - self.buffer.read("i", self.at)
        size = self.buffer.read("H", vtable)
        entry = 4 + 2 * slot
        offset = self.buffer.read("H", vtable + entry) if entry + 2 <= size else 0
        return self.at + offset if offset else None

    def __getitem__(self, name: str) -> Any:
        """A field: a scalar, an array of scalars, a text, a table, or an iterator over tables."""
        field = next(f for f in _schema.fields(self.kind) if f and f.name == name)
        at, kind = self.place(name), field.kind.strip("[]")
        if field.kind.startswith("["):
            return self._vector(at, kind)
        if kind in _SCALARS:
            return field.default if at is None else self.buffer.read(_SCALARS[kind], at)
        if kind == "string":
            return "" if at is None else self._text(at)
        return None if at is None else Table(self.buffer, self.buffer.follow(at), kind)

    def union(self, name: str, table: str) -> Table | None:
        """A field that is a table of the kind that another field says."""
        at = self.place(name)
        return None if at is None else Table(self.buffer, self.buffer.follow(at), table)

    def said(self) -> dict[str, Any]:
        """The fields that the file says, scalars and arrays of scalars."""
        names = [field.name for field in _schema.fields(self.kind) if field is not None]
        return {name: self[name] for name in names if self.place(name) is not None}

    def span(self, name: str) -> tuple[int, int]:
        """Where the bytes of a vector stand and how many they are."""
        at = self.place(name)
        return (0, 0) if at is None else self.buffer.vector(at, 1)

    def _text(self, at: int) -> str:
        start, count = self.buffer.vector(at, 1)
        if count > _LONGEST:
            raise self.buffer.spoilt(f"a name has {count} bytes")
        self.buffer.count(count // _LEAST)
        return bytes(self.buffer.data[start : start + count]).decode("utf-8", "replace")

    def _vector(self, at: int | None, kind: str) -> Any:
        if kind in _SCALARS:
            dtype = np.dtype(f"<{_numpy(kind)}")
            if at is None:
                return np.zeros(0, dtype)
            start, count = self.buffer.vector(at, dtype.itemsize)
            self.buffer.count(count * dtype.itemsize // _LEAST)
            return np.frombuffer(self.buffer.data, dtype, count, start).copy()
        return self._entries(at, kind)

    def _entries(self, at: int | None, kind: str) -> Iterator[Any]:
        start, count = (0, 0) if at is None else self.buffer.vector(at, _LEAST)
        self.buffer.count(count)
        for index in range(count):
            yield Table(self.buffer, self.buffer.follow(start + _LEAST * index), kind)


def _numpy(kind: str) -> str:
    return {"bool": "u1"}.get(kind) or np.dtype(kind).str[1:]
