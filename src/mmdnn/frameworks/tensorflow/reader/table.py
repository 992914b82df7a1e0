"""Sorted tables of keys and values, as LevelDB has them: the index of a checkpoint, and checkpoints of V1.

https://github.com/google/leveldb/blob/main/doc/table_format.md. A table is blocks, an index block with the
places of those, and a footer with the place of the index. In a block, a key is told by what it has more than
the one before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.tensors.wire import varint

MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_FOOTER = 48
_RAW, _SNAPPY = 0, 1
_MOST_KEY = 1 << 16


class Entry(NamedTuple):
    """A key, and where its value lies in the file."""

    key: bytes
    start: int
    end: int


def is_table(path: Path) -> bool:
    """Whether a file ends as a table does."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            if file.tell() < _FOOTER:
                return False
            file.seek(-len(MAGIC), 2)
            return file.read() == MAGIC
    except OSError:
        return False


def entries(view: memoryview, file: Path) -> Iterator[Entry]:
    """All entries of a table.

    Raises:
        FormatError: It is no table, or damaged.
        UnsupportedError: It is compressed.
    """
    if len(view) < _FOOTER or bytes(view[-len(MAGIC) :]) != MAGIC:
        raise FormatError("it is no table of a checkpoint", file=file)
    at = len(view) - _FOOTER
    for _ in range(3):
        offset, at = varint(view, at, len(view), file)
    size, _ = varint(view, at, len(view), file)
    previous = 0
    for block in _block(view, offset, size, file):
        start, at = varint(view, block.start, block.end, file)
        length, _ = varint(view, at, block.end, file)
        if start < previous:
            raise FormatError("its blocks overlap", file=file)
        previous = start + length
        yield from _block(view, start, length, file)


def _block(view: memoryview, offset: int, size: int, file: Path) -> Iterator[Entry]:
    """The entries of one block; behind it are its restarts' places, and its type."""
    end = offset + size
    if size < 4 or end + 1 > len(view) - _FOOTER:
        raise FormatError(f"a block at byte {offset} of {size} bytes is beyond its end", file=file)
    if view[end] == _SNAPPY:
        raise UnsupportedError("its table is compressed with snappy", file=file)
    if view[end] != _RAW:
        raise FormatError(f"a block of type {view[end]}", file=file)
    restarts = int.from_bytes(view[end - 4 : end], "little")
    end -= 4 * (restarts + 1)
    if end < offset:
        raise FormatError(f"a block of {size} bytes has {restarts} restarts", file=file)
    at, key = offset, b""
    while at < end:
        shared, at = varint(view, at, end, file)
        more, at = varint(view, at, end, file)
        length, at = varint(view, at, end, file)
        if shared > len(key) or at + more + length > end or shared + more > _MOST_KEY:
            raise FormatError(f"a damaged key at byte {at}", file=file)
        key = key[:shared] + bytes(view[at : at + more])
        yield Entry(key, at + more, at + more + length)
        at += more + length
