"""Small networks of our own, for each operator that an importer reads, with what its framework makes of them.

`<framework>/make.py` builds them, runs them in the framework itself and packs them: `cases.tar.xz`, a folder
a case. Tests unpack it, so that they need neither the framework nor `../shared`.
"""

from __future__ import annotations

import functools
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmdnn.ir.operators import Entry, Operators


def pack(folder: Path, target: Path) -> None:
    """Pack a folder of cases; the same cases give the same file."""
    with tarfile.open(target, "w:xz", preset=9) as archive:
        for path in sorted(folder.rglob("*"), key=lambda path: (path.suffix, path.name, path)):
            if path.is_file():
                entry = tarfile.TarInfo(str(path.relative_to(folder)))
                entry.size = path.stat().st_size
                archive.addfile(entry, io.BytesIO(path.read_bytes()))


def unpack(source: Path, folder: Path) -> None:
    """Unpack cases."""
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")


def names(source: Path) -> list[str]:
    """The cases that a file has."""
    with tarfile.open(source) as archive:
        return sorted({name.split("/")[0] for name in archive.getnames()})


def noting(used: set[str], entry: Entry) -> Entry:
    """The same operator, which is put into a set when it is asked for."""

    @functools.wraps(entry.function)
    def call(*arguments: Any, **options: Any) -> Any:
        used.add(entry.type)
        return entry.function(*arguments, **options)

    return replace(entry, function=call)


@contextmanager
def observed(table: Operators) -> Iterator[set[str]]:
    """While this lasts, the operators that a table is asked for are noted."""
    used: set[str] = set()
    before = dict(table.entries)
    table.entries.update({type_: noting(used, entry) for type_, entry in before.items()})
    try:
        yield used
    finally:
        table.entries.update(before)
