"""Model archives of MXNet's model server: a zip of symbol, parameters and signature.

    .mar      https://github.com/awslabs/multi-model-server, from version 1.0
    .model    before that; MANIFEST.json names the files

Members are read in place where they are stored. Nothing else in an archive is looked at, and none of its
code is run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mmdnn.errors import FormatError
from mmdnn.shapes import OpenShape
from mmdnn.tensors import archive, stream
from mmdnn.tensors.archive import Place


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
    with archive.opened(path) as file:
        symbol = _one(file, "-symbol.json")
        weights = _one(file, ".params")
        if symbol is None:
            raise FormatError("there is no -symbol.json in the archive", file=path)
        inputs = _signature(file)
        return Archive(file.text(symbol), file.place(weights) if weights else None, inputs)


def _one(file: archive.Archive, ending: str) -> str | None:
    found = [name for name in file.members if name.endswith(ending)]
    if len(found) > 1:
        raise FormatError(f"{len(found)} files named *{ending} in the archive", file=file.path)
    return found[0] if found else None


def _signature(file: archive.Archive) -> dict[str, OpenShape]:
    """Shapes of inputs; a size of 0 is an open one."""
    member = next((name for name in file.members if name.endswith("signature.json")), None)
    if member is None:
        return {}
    data = json.loads(file.text(member))
    rows = data.get("inputs") if isinstance(data, dict) else None
    found: dict[str, OpenShape] = {}
    for row in rows if isinstance(rows, list) else []:
        name, sizes = (row.get(key) for key in ("data_name", "data_shape"))
        if not isinstance(name, str) or not all(type(size) is int for size in sizes):
            raise FormatError("its signature is not one", file=file.path)
        found[name] = tuple(size if size > 0 else None for size in sizes)
    return found


def extract(place: Place, target: Path) -> None:
    """Copy what lies at a place into a file of its own."""
    path, start, size = place
    with target.open("wb") as file:
        stream.copy(path, start, size, file)
