"""Caffe in numpy: what BVLC Caffe and its forks compute, written from their documentation and sources.

It shares the reader with the rest of the program, and nothing else: no code of the importer, nor ONNX. It was
held to what real Caffe computed for some 400 networks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from mmdnn.frameworks.caffe import reader
from mmdnn.frameworks.caffe.graph import Network
from mmdnn.registry import Source
from mmdnn.verify.reference.caffe import (  # noqa: F401 - each enters its layers' functions
    activation,
    convolution,
    detection,
    detection_output,
    elementwise,
    indexing,
    loss,
    normalization,
    pooling,
    recurrent,
    reduction,
    resize,
    shape,
)
from mmdnn.verify.reference.caffe.network import Pass


def run(source: Source, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a network and return every blob.

    Args:
        source: Its files, as for the reader.
        feeds: Input name to array, of any batch size that the layers take.

    Returns:
        Float32 arrays. A blob that layers change in place has several values: the last one carries the
        blob's name, the ones before are `<blob>@<layer>`, by the layers that made them. (An input keeps
        its name for what was fed; the last one is `<input>@<layer>`.)

    Raises:
        UnsupportedError: A layer or parameter is not known, or what Caffe does in place with it is not.
        ShapeError: The inputs do not fit the layers.
        UsageError: An input is not fed; or a filler is random, so nothing determines the numbers.
        FormatError: The files are damaged.
    """
    return Pass(_network(_key(source), _Held(source)), feeds).run()


class _Held:
    """A source, equal to any other: the key says which it is."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


def _key(source: Source) -> tuple[object, ...]:
    stats = [os.stat(path) for path in source.files if path.exists()]
    return (
        source.network,
        source.weights,
        source.phase,
        source.stages,
        tuple(sorted(source.input_shapes.items())),
        tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats),
    )


@lru_cache(maxsize=1)
def _network(key: tuple[object, ...], held: _Held) -> Network:
    """The network, read once for all feeds."""
    del key
    return reader.read(held.source)


__all__ = ["run"]
