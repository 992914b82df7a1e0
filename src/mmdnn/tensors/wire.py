"""A walk over protobuf's wire format that leaves the big payloads where they are.

The format: https://protobuf.dev/programming-guides/encoding/. A message is a row of records, each
a varint key (field number << 3 | wire type) and a payload: 0 a varint, 1 eight bytes, 2 a length
and as many bytes, 3 and 4 the ends of a group, 5 four bytes.

`carve` splits a message into the payloads that a tree of field numbers names, given as places in
the file, and the rest, given as a small message for the ordinary parser:

    carved = carve(mapped.view, {100: {7: {5: TAKE}}})
    carved.rest                             # bytes, without the payloads
    carved.pieces[((100, 3), (7, 0), 5)]    # field 5 of the first 7 of the fourth 100
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TypeAlias, Union

import numpy as np

from mmdnn.errors import FormatError, UsageError

VARINT, I64, LEN, START_GROUP, END_GROUP, I32 = range(6)
MAX_DEPTH = 100
"""Nesting that protobuf's own parsers accept."""
_FIXED = {I64: 8, I32: 4}
_RUN = 1 << 16


@dataclass(frozen=True)
class Take:
    """Marks a field whose payload is taken out.

    Attributes:
        minimum: Bytes below which a message's payloads of this field stay in place.
    """

    minimum: int = 0


TAKE = Take()
Tree: TypeAlias = Mapping[int, Union[Take, "Tree"]]
"""Field numbers to what is done with them; may contain itself, for messages that do."""
Path_: TypeAlias = tuple["tuple[int, int] | int", ...]


class Piece(NamedTuple):
    """Where a payload lies.

    Attributes:
        offset: Of the (first) payload, in bytes from the buffer's begin.
        length: Of one payload, in bytes.
        wire_type: `LEN` for bytes and packed numbers, `I32` or `I64` for unpacked numbers.
        run: How many lie there at equal distances: more than one only for unpacked numbers.
        stride: The distance from one payload's begin to the next.
    """

    offset: int
    length: int
    wire_type: int
    run: int = 1
    stride: int = 0

    @property
    def size(self) -> int:
        """All its payload, in bytes."""
        return self.length * self.run


class Record(NamedTuple):
    """One record of a message: where its key begins, and where its payload lies."""

    number: int
    wire_type: int
    begin: int
    start: int
    end: int


@dataclass(frozen=True)
class Carved:
    """A message in two parts.

    Attributes:
        rest: The message without the payloads taken (nor their keys).
        pieces: Path to the payloads there, in the file's order. A path alternates (field number,
            occurrence) and ends with the number of the field that was taken.
    """

    rest: bytes
    pieces: dict[Path_, list[Piece]]


class Mapped:
    """A file mapped for reading, as a context: `with Mapped(path) as view`.

    Raises:
        UsageError: The file cannot be opened.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._map: mmap.mmap | None = None
        try:
            with self.path.open("rb") as file:
                if self.path.stat().st_size:
                    self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", file=path) from error
        if self._map is not None and hasattr(mmap, "MADV_RANDOM"):
            self._map.madvise(mmap.MADV_RANDOM)
        self.view = memoryview(self._map if self._map is not None else b"")

    def close(self) -> None:
        """Give the mapping back."""
        self.view.release()
        if self._map is not None:
            with suppress(BufferError):  # a view of it lives on, and frees it at its end
                self._map.close()

    def __enter__(self) -> memoryview:
        return self.view

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def varint(view: memoryview, at: int, end: int, file: Path | str | None = None) -> tuple[int, int]:
    """Read a varint of at most ten bytes.

    Returns:
        Its value and the place after it.

    Raises:
        FormatError: It is truncated or overlong.
    """
    value = shift = 0
    for place in range(at, min(at + 10, end)):
        byte = view[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place + 1
        shift += 7
    problem = "overlong" if end - at >= 10 else "truncated"
    raise FormatError(f"{problem} protobuf number at byte {at}", file=file)


def encode(value: int) -> bytes:
    """A number of 0 or more as a varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def records(
    view: memoryview, start: int = 0, end: int | None = None, file: Path | str | None = None
) -> Iterator[Record]:
    """The records of the message in `view[start:end]`; groups come as one record.

    Raises:
        FormatError: The bytes are no protobuf message.
    """
    end = len(view) if end is None else end
    at = start
    while at < end:
        record = _record(view, at, end, file)
        yield record
        at = record.end


def carve(buffer: memoryview | bytes, tree: Tree, file: Path | str | None = None) -> Carved:
    """Split a message into payloads, left where they are, and a small rest.

    Args:
        buffer: The message; a mapped file is read only where records begin.
        tree: What to descend into and what to take.
        file: Named in errors.

    Raises:
        FormatError: The bytes are no protobuf message.
    """
    carver = _Carver(memoryview(buffer), file)
    chunks, _ = carver.message(0, len(carver.view), tree, ())
    return Carved(b"".join(chunks), carver.pieces)


class _Edit(NamedTuple):
    """Bytes of the message that the rest has otherwise, or not at all."""

    begin: int
    end: int
    chunks: list[memoryview | bytes]
    size: int


class _Carver:
    def __init__(self, view: memoryview, file: Path | str | None) -> None:
        self.view = view
        self.file = file
        self.bytes = np.frombuffer(view, np.uint8)
        self.pieces: dict[Path_, list[Piece]] = {}

    def message(
        self, start: int, end: int, tree: Tree, path: Path_
    ) -> tuple[list[memoryview | bytes], int]:
        """The rest of one message, as chunks and their total size."""
        if len(path) > MAX_DEPTH:
            raise FormatError(f"messages nested too deeply at byte {start}", file=self.file)
        edits: list[_Edit] = []
        taken: dict[int, list[tuple[_Edit, Piece]]] = {}
        seen: dict[int, int] = {}
        at = start
        while at < end:
            record = _record(self.view, at, end, self.file)
            at = record.end
            action = tree.get(record.number)
            if action is None:
                continue
            if isinstance(action, Take):
                if record.wire_type in (LEN, I32, I64):
                    piece, at = self._piece(record, end)
                    edit = _Edit(record.begin, at, [], 0)
                    taken.setdefault(record.number, []).append((edit, piece))
            elif record.wire_type == LEN:
                index = seen.get(record.number, 0)
                seen[record.number] = index + 1
                edit = self._nested(record, action, (*path, (record.number, index)))
                if edit.size != edit.end - edit.begin:
                    edits.append(edit)
        for number, parts in taken.items():
            action = tree[number]
            assert isinstance(action, Take)
            if sum(piece.size for _, piece in parts) >= action.minimum:
                self.pieces[(*path, number)] = [piece for _, piece in parts]
                edits += [edit for edit, _ in parts]
        return self._rest(start, end, edits)

    def _nested(self, record: Record, tree: Tree, path: Path_) -> _Edit:
        chunks, size = self.message(record.start, record.end, tree, path)
        head = encode(record.number << 3 | LEN) + encode(size)
        if size == record.end - record.start:
            return _Edit(record.begin, record.end, [], record.end - record.begin)
        return _Edit(record.begin, record.end, [head, *chunks], len(head) + size)

    def _rest(
        self, start: int, end: int, edits: list[_Edit]
    ) -> tuple[list[memoryview | bytes], int]:
        chunks: list[memoryview | bytes] = []
        size = 0
        at = start
        for edit in sorted(edits):
            if edit.begin > at:
                chunks.append(self.view[at : edit.begin])
            size += edit.begin - at + edit.size
            chunks += edit.chunks
            at = edit.end
        if end > at:
            chunks.append(self.view[at:end])
        return chunks, size + end - at

    def _piece(self, record: Record, end: int) -> tuple[Piece, int]:
        """A payload, with the unpacked elements that follow it; and the place after them."""
        length = record.end - record.start
        if record.wire_type == LEN:
            return Piece(record.start, length, LEN), record.end
        stride = record.end - record.begin
        key = self.bytes[record.begin : record.start]
        count = 1
        while room := min((end - record.begin) // stride - count, _RUN):
            first = record.begin + count * stride
            block = self.bytes[first : first + room * stride].reshape(room, stride)
            same = (block[:, : len(key)] == key).all(axis=1)
            run = room if same.all() else int(same.argmin())
            count += run
            if run < room:
                break
        piece = Piece(record.start, length, record.wire_type, count, stride if count > 1 else 0)
        return piece, record.begin + count * stride


def _record(
    view: memoryview, begin: int, end: int, file: Path | str | None, depth: int = 0
) -> Record:
    key, start = varint(view, begin, end, file)
    number, wire_type = key >> 3, key & 7
    if not number or key >> 32:
        raise FormatError(f"protobuf field with a false number at byte {begin}", file=file)
    if wire_type == LEN:
        length, start = varint(view, start, end, file)
        after = start + length
    elif wire_type == VARINT:
        _, after = varint(view, start, end, file)
    elif wire_type in _FIXED:
        after = start + _FIXED[wire_type]
    elif wire_type == START_GROUP:
        after = _group(view, start, end, number, file, depth)
    else:
        raise FormatError(f"protobuf field of a false type at byte {begin}", file=file)
    if after > end:
        raise FormatError(
            f"truncated: the field at byte {begin} ends at byte {after}, what holds it at {end}",
            file=file,
        )
    return Record(number, wire_type, begin, start, after)


def _group(
    view: memoryview, at: int, end: int, number: int, file: Path | str | None, depth: int
) -> int:
    """The place after a group whose begin has been read."""
    if depth >= MAX_DEPTH:
        raise FormatError(f"groups nested too deeply at byte {at}", file=file)
    while True:
        key, after = varint(view, at, end, file)
        if key & 7 == END_GROUP:
            if key >> 3 != number:
                raise FormatError(f"protobuf group with a false end at byte {at}", file=file)
            return after
        at = _record(view, at, end, file, depth + 1).end
