"""Apache MXNet: symbol files and parameters, Gluon exports and model archives, read without MXNet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mmdnn.registry import Framework, Source, head

_ARCHIVES = {".mar", ".model"}
_MAGIC = b"\x12\x01" + b"\0" * 6
_ZIP = b"PK\x03\x04"
_HEAD = 1 << 16
_CHECKPOINT = re.compile(r"(.+)-\d{4}")


def arrange(files: Sequence[Path]) -> Source | None:
    """Sort files into symbol and parameters, by what they begin with; or a model archive.

    One of the two alone finds the other beside it: `net-symbol.json` and `net-0000.params` are what
    MXNet calls them.

    Returns:
        None where they are not MXNet's.
    """
    if len(files) == 1 and files[0].suffix.lower() in _ARCHIVES:
        return Source(network=files[0]) if _is_archive(files[0]) else None
    symbols = [path for path in files if path.suffix.lower() == ".json" and _is_symbol(path)]
    weights = [path for path in files if head(path, len(_MAGIC)) == _MAGIC]
    if not files or len(symbols) > 1 or len(weights) > 1 or len(symbols + weights) < len(files):
        return None
    if not symbols:
        found = _symbol_beside(weights[0])
        return Source(network=found, weights=weights[0]) if found else None
    return Source(network=symbols[0], weights=weights[0] if weights else _beside(symbols[0]))


def _is_symbol(path: Path) -> bool:
    start = head(path, _HEAD)
    return b'"nodes"' in start and b'"op"' in start and b'"irVersion"' not in start


def _is_archive(path: Path) -> bool:
    """CNTK's files end in `.model` too; an archive is a zip."""
    return head(path, len(_ZIP)) == _ZIP


def _symbol_beside(weights: Path) -> Path | None:
    name = _CHECKPOINT.fullmatch(weights.stem)
    symbol = weights.with_name(f"{name[1] if name else weights.stem}-symbol.json")
    return symbol if symbol.is_file() and _is_symbol(symbol) else None


def _beside(symbol: Path) -> Path | None:
    """The parameters of a symbol file, where there is one such file."""
    if not symbol.name.endswith("-symbol.json"):
        return None
    prefix = re.escape(symbol.name.removesuffix("-symbol.json"))
    found = [
        path
        for path in symbol.absolute().parent.glob("*.params")
        if re.fullmatch(rf"{prefix}-\d{{4}}\.params", path.name)
    ]
    return found[0] if len(found) == 1 else None


FRAMEWORK = Framework(
    name="mxnet",
    title="MXNet",
    package="mmdnn.frameworks.mxnet",
    extra="",
    arrange=arrange,
    writes=(".json", ".params"),
    help="net-symbol.json and net-0000.params; net.mar, net.model",
)
