"""Keras 1, 2 and 3, and tf.keras: `.keras`, `.h5`, json and yaml with weights, read without Keras."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from mmdnn.registry import Framework, Source, head

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_HEAD = 1 << 16
_TEXTS = {".json", ".yaml", ".yml"}


def arrange(files: Sequence[Path]) -> Source | None:
    """Sort files into architecture and weights: one file with both, or json or yaml with the weights.

    Shards of weights need not be named: the `.weights.json` that lists them does.

    Returns:
        None where they are not Keras's.
    """
    archives = [path for path in files if _begins(path, _ZIP) and _is_archive(path)]
    stores = [path for path in files if _begins(path, _HDF5) and ".caffemodel" not in path.name]
    texts = [path for path in files if path.suffix.lower() in _TEXTS]
    networks = [path for path in texts if _is_network(path)]
    indices = [path for path in texts if path.name.endswith(".weights.json")]
    if not files or len({*archives, *stores, *networks, *indices}) < len(files):
        return None
    if indices and len(indices) == len(networks) == 1:
        return None if archives else Source(network=networks[0], weights=indices[0])
    wholes = archives + stores
    if len(networks) == 1 and len(stores) == len(files) - 1 <= 1:
        return Source(network=networks[0], weights=stores[0] if stores else None)
    return Source(network=wholes[0]) if len(wholes) == len(files) == 1 else None


def _is_archive(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return "config.json" in archive.namelist() or path.suffix.lower() == ".keras"
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return path.suffix.lower() == ".keras"


def _begins(path: Path, magic: bytes) -> bool:
    return head(path, len(magic)) == magic


def _is_network(path: Path) -> bool:
    start = head(path, _HEAD)
    return b"class_name" in start and b"config" in start


FRAMEWORK = Framework(
    name="keras",
    title="Keras",
    package="mmdnn.frameworks.keras",
    extra="keras",
    arrange=arrange,
    aliases=("keras1", "keras2", "keras3", "tf.keras"),
    writes=(".keras", ".h5", ".hdf5"),
    images_last=True,
    help="net.keras; net.h5; net.json and net.weights.h5",
)
