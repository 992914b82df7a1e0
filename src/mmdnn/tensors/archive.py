"""Zip archives whose members are read in place.

A stored member is a place in the archive's own file. A deflated one is unpacked into a temporary folder
that lives as long as the program. Names of members are never paths to write to, and what grows too much
when it is unpacked is refused.
"""

from __future__ import annotations

import atexit
import io
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mmdnn.errors import FormatError

MOST_TEXT = 1 << 28
"""Bytes of a member that is read as a text."""
MOST_SPREAD = 50
"""How much larger a member may be than its packed form, beyond `ALWAYS`: weights hardly shrink, and
texts to a thirtieth; what deflates to a thousandth is a bomb."""
ALWAYS = 1 << 24
MOST_MEMBERS = 1 << 16
_CHUNK = 1 << 20
_LOCAL = struct.Struct("<4s22xHH")
_DEFLATED = 8
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, TypeError),
    *(AttributeError, NotImplementedError, RuntimeError),
)
"""What the standard library raises for damaged archives."""


class Place(NamedTuple):
    """Bytes in a file."""

    path: Path
    start: int
    size: int


class Archive:
    """An open archive; see `opened`. One that is a part of a file begins at `start` there."""

    def __init__(self, path: Path, file: zipfile.ZipFile, start: int = 0) -> None:
        self.path = path
        self._file = file
        self._start = start
        self.members = {info.filename: info for info in file.infolist() if not info.is_dir()}
        if len(self.members) > MOST_MEMBERS:
            raise FormatError(f"{len(self.members)} files in an archive", file=path)

    def text(self, name: str) -> bytes:
        """A member's bytes.

        Raises:
            FormatError: It is too large.
        """
        info = self._checked(name)
        if info.file_size > MOST_TEXT:
            raise FormatError(f"{name} has {info.file_size} bytes", file=self.path)
        with self._file.open(info) as member:
            return member.read(info.file_size)

    def place(self, name: str) -> Place:
        """Where a member's bytes are."""
        info = self._checked(name)
        if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
            with self.path.open("rb") as raw:
                raw.seek(self._start + info.header_offset)
                _, label, extra = _LOCAL.unpack(raw.read(_LOCAL.size))
            start = self._start + info.header_offset + _LOCAL.size + label + extra
            return Place(self.path, start, info.file_size)
        if info.compress_type != _DEFLATED:
            raise FormatError(f"{name} is packed in a way not known here", file=self.path)
        target = Path(tempfile.mkstemp(dir=_folder())[1])
        with self._file.open(info) as member, target.open("wb") as unpacked:
            shutil.copyfileobj(member, unpacked, _CHUNK)
        return Place(target, 0, info.file_size)

    def _checked(self, name: str) -> zipfile.ZipInfo:
        info = self.members.get(name)
        if info is None:
            raise FormatError(f"there is no {name} in the archive", file=self.path)
        if info.file_size > max(ALWAYS, MOST_SPREAD * info.compress_size):
            raise FormatError(f"{name} grows too much when unpacked", file=self.path)
        return info


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """An archive.

    Raises:
        FormatError: It is none, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as file:
            yield Archive(path, file)
    except DAMAGED as error:
        raise FormatError(f"it cannot be unpacked: {error}", file=path) from None


@contextmanager
def opened_within(place: Place) -> Iterator[Archive]:
    """An archive that is a part of a file.

    Raises:
        FormatError: It is none, or is damaged.
    """
    try:
        with _Part(place) as part, zipfile.ZipFile(part) as file:
            yield Archive(place.path, file, place.start)
    except DAMAGED as error:
        raise FormatError(f"it cannot be unpacked: {error}", file=place.path) from None


class _Part(io.RawIOBase):
    """A part of a file, as a file."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._file = place.path.open("rb")
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(offset + (0, self._at, self._place.size)[whence], 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._place.start + self._at)
        wanted = min(len(buffer), max(self._place.size - self._at, 0))
        data = self._file.read(wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="mmdnn-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
