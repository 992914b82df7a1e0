"""TensorFlow 1 and 2: frozen graphs, checkpoints and SavedModels, read without TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mmdnn.registry import Framework, Source, head

_GRAPHS = {".pb", ".pbtxt", ".graphdef"}
_SAVED = ("saved_model.pb", "saved_model.pbtxt")
_WEIGHTS = re.compile(r"\.(index|data-\d+-of-\d+|ckpt|ckpt-\d+)$")
_TABLE = (0xDB4775248B80FB57).to_bytes(8, "little")
_NODE, _VERSION = b"\x0a", b"\x22"
"""What a graph's first field may be."""


def arrange(files: Sequence[Path]) -> Source | None:
    """Sort files into a graph and a checkpoint; a SavedModel may be given by its folder.

    Returns:
        None where they are not TensorFlow's.
    """
    if len(files) == 1 and files[0].is_dir():
        found = [files[0] / name for name in _SAVED if (files[0] / name).is_file()]
        return Source(network=found[0]) if found else None
    files = [path for path in files if path.name != "checkpoint"]
    metas = [path for path in files if path.suffix == ".meta"]
    weights = [path for path in files if _is_weights(path)]
    graphs = [path for path in files if path.suffix.lower() in _GRAPHS and _is_graph(path)]
    if not files or len(metas) + len(weights) + len(graphs) < len(files) or len(metas + graphs) > 1:
        return None
    prefixes = {re.sub(r"\.(index|data-\d+-of-\d+)$", "", str(path)) for path in weights}
    if len(prefixes) > 1:
        return None
    network = next(iter(metas + graphs), None)
    if network is None:
        network = next((p for p in [Path(f"{next(iter(prefixes))}.meta")] if p.is_file()), None)
    chosen = next((path for path in weights if path.suffix == ".index"), None)
    return Source(network=network, weights=chosen or next(iter(weights), None))


def _is_weights(path: Path) -> bool:
    if _WEIGHTS.search(path.name):
        return True
    if path.suffix in {".meta", *_GRAPHS} or not path.is_file():
        return False
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - len(_TABLE), 0))
        return file.read() == _TABLE


def _is_graph(path: Path) -> bool:
    """Whether a file begins as a graph: with a node, or a version."""
    if path.name in _SAVED:
        return True
    start = head(path, 1 << 12)
    if path.suffix.lower() == ".pbtxt":
        return (
            re.search(rb"\b(node|graph_def|meta_graphs|library|versions)\s*:?\s*[{<]", start)
            is not None
        )
    return start[:1] == _VERSION or (start[:1] == _NODE and _names_an_operator(start))


def _names_an_operator(start: bytes) -> bool:
    """Whether the first record is a node: a message that begins with its name, and then says its operator."""
    at = 1
    while at < len(start) and start[at] & 0x80:
        at += 1
    return start[at + 1 : at + 2] == b"\x0a"


FRAMEWORK = Framework(
    name="tensorflow",
    title="TensorFlow",
    package="mmdnn.frameworks.tensorflow",
    extra="tensorflow",
    arrange=arrange,
    aliases=("tf",),
    images_last=True,
    help="frozen.pb; saved_model/; net.meta, net.index, net.data-…; net.pb and net.index",
)
