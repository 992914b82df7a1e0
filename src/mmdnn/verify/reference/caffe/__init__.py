"""Caffe in numpy: what BVLC Caffe and its forks compute, written from their documentation and sources.

It shares the reader with the rest of the program, and nothing else: no code of the importer, nor ONNX. It was
held to what real Caffe computed for some 400 networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from mmdnn.frameworks.caffe import reader
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
    proposals,
    recurrent,
    reduction,
    resize,
    shape,
)
from mmdnn.verify.reference.caffe.network import Pass

Run: TypeAlias = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


def run(source: Source, feeds: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
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
    return load(source)(feeds)


def load(source: Source) -> Run:
    """What `run` does with these files, which are read once for all inputs."""
    network = reader.read(source)
    return lambda feeds: Pass(network, feeds).run()
