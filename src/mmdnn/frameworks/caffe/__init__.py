"""Caffe: prototxt, caffemodel (binary or HDF5) and binaryproto files, read and written without Caffe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mmdnn.registry import Framework, Source, head

_TEXT = {".prototxt", ".pt", ".txt", ".pbtxt", ".prototext"}
_HDF5 = {".h5", ".hdf5"}
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_NETWORK = re.compile(rb"\blayers?\s*:?\s*[{<]")


def arrange(files: Sequence[Path]) -> Source | None:
    """Sort files into structure and weights, by their suffixes and first bytes.

    Returns:
        None where they are not Caffe's: at most one structure and one file of weights are.
    """
    if len(files) == 1 and files[0].suffix.lower() == ".binaryproto":
        return Source(network=files[0])
    texts, weights = [], []
    for path in files:
        suffix = path.suffix.lower()
        if suffix in _TEXT and _is_network(path):
            texts.append(path)
        elif suffix == ".caffemodel" or (suffix in _HDF5 and len(files) > 1 and is_hdf5(path)):
            weights.append(path)
        else:
            return None
    if len(texts) > 1 or len(weights) > 1 or not files:
        return None
    if not texts:
        return Source(network=weights[0])
    return Source(network=texts[0], weights=weights[0] if weights else None)


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does."""
    return head(path, len(_HDF5_MAGIC)) == _HDF5_MAGIC


def _is_network(path: Path) -> bool:
    """Whether a text file begins as a Caffe network; any `.prototxt` is taken for one."""
    if path.suffix.lower() == ".prototxt":
        return True
    start = head(path, 1 << 16)
    text = b"\n".join(line.split(b"#")[0] for line in start.splitlines())
    return b"\0" not in start and bool(_NETWORK.search(text))


FRAMEWORK = Framework(
    name="caffe",
    title="Caffe",
    package="mmdnn.frameworks.caffe",
    extra="caffe",
    arrange=arrange,
    writes=(".prototxt", ".caffemodel"),
    help="net.prototxt, net.caffemodel (or .caffemodel.h5); mean.binaryproto",
)
