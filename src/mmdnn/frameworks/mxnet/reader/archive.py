"""Model archives of MXNet's model server: a zip of symbol, parameters and signature.

    .mar      https://github.com/awslabs/multi-model-server, from version 1.0
    .model    before that; MANIFEST.json names the files

Members are read in place where they are stored, else unpacked into a temporary folder that lives as
long as the program. Nothing else in an archive is looked at, and none of its code is run.
"""

from __future__ import annotations

import atexit
import json
import shutil
import struct
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

from mmdnn.errors import FormatError
from mmdnn.shapes import OpenShape
from mmdnn.tensors import stream

MOST_TEXT = 1 << 28
"""Bytes of a symbol file."""
MOST_SPREAD = 50
"""How much larger a member may be than its packed form, beyond `ALWAYS`: weights hardly shrink, and
symbols to a thirtieth; what deflates to a thousandth is a bomb."""
ALWAYS = 1 << 24
MOST_MEMBERS = 1 << 16
_CHUNK = 1 << 20
_LOCAL = struct.Struct("<4s22xHH")
_DEFLATED = 8
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, TypeError),
    *(AttributeError, NotImplementedError, RuntimeError),
)
"""What the standard library raises for damaged archives and signatures."""


Place: TypeAlias = tuple[Path, int, int]
"""A file, the first byte in it, and how many there are."""


@dataclass(frozen=True)
class Archive:
    """What an archive holds of a model.

    Attributes:
        symbol: The symbol file's text.
        weights: Where the parameters lie; None without any.
        inputs: Input name to shape, None for a size that is open.
    """

    symbol: bytes
    weights: Place | None
    inputs: dict[str, OpenShape]


def read(path: Path) -> Archive:
    """Open an archive.

    Raises:
        FormatError: It is no such archive, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as file:
            members = {info.filename: info for info in file.infolist() if not info.is_dir()}
            if len(members) > MOST_MEMBERS:
                raise FormatError(f"{len(members)} files in an archive", file=path)
            symbol = _one(path, members, "-symbol.json")
            weights = _one(path, members, ".params")
            if symbol is None:
                raise FormatError("there is no -symbol.json in the archive", file=path)
            inputs = _signature(file, members, path)
            text = _text(file, members[symbol], path)
            place = _place(path, file, members[weights]) if weights else None
            return Archive(text, place, inputs)
    except _DAMAGED as error:
        raise FormatError(f"it cannot be unpacked: {error}", file=path) from None


def _one(path: Path, members: dict[str, zipfile.ZipInfo], ending: str) -> str | None:
    found = [name for name in members if name.endswith(ending)]
    if len(found) > 1:
        raise FormatError(f"{len(found)} files named *{ending} in the archive", file=path)
    return found[0] if found else None


def _text(file: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> bytes:
    _check(info, path)
    if info.file_size > MOST_TEXT:
        raise FormatError(f"{info.filename} has {info.file_size} bytes", file=path)
    with file.open(info) as member:
        return member.read(info.file_size)


def _check(info: zipfile.ZipInfo, path: Path) -> None:
    if info.file_size > max(ALWAYS, MOST_SPREAD * info.compress_size):
        raise FormatError(f"{info.filename} grows too much when unpacked", file=path)


def _signature(
    file: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], path: Path
) -> dict[str, OpenShape]:
    """Shapes of inputs; a size of 0 is an open one."""
    member = next((name for name in members if name.endswith("signature.json")), None)
    if member is None:
        return {}
    data = json.loads(_text(file, members[member], path))
    rows = data.get("inputs") if isinstance(data, dict) else None
    found: dict[str, OpenShape] = {}
    for row in rows if isinstance(rows, list) else []:
        name, sizes = (row.get(key) for key in ("data_name", "data_shape"))
        if not isinstance(name, str) or not all(type(size) is int for size in sizes):
            raise FormatError("its signature is not one", file=path)
        found[name] = tuple(size if size > 0 else None for size in sizes)
    return found


def _place(path: Path, file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Place:
    _check(info, path)
    if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
        with path.open("rb") as raw:
            raw.seek(info.header_offset)
            _, name, extra = _LOCAL.unpack(raw.read(_LOCAL.size))
        return path, info.header_offset + _LOCAL.size + name + extra, info.file_size
    if info.compress_type != _DEFLATED:
        raise FormatError(f"{info.filename} is packed in a way not known here", file=path)
    target = Path(tempfile.mkstemp(suffix=".params", dir=_folder())[1])
    with file.open(info) as member, target.open("wb") as unpacked:
        shutil.copyfileobj(member, unpacked, _CHUNK)
    return target, 0, info.file_size


def extract(place: Place, target: Path) -> None:
    """Copy what lies at a place into a file of its own."""
    path, start, size = place
    with target.open("wb") as file:
        stream.copy(path, start, size, file)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="mmdnn-mxnet-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
