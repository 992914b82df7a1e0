"""Running Caffe's own files, in OpenCV's `dnn` 4.x: Caffe itself can hardly be installed any more.

https://docs.opencv.org/4.x/d6/d0f/group__dnn.html. It reads prototxt and caffemodel with code of
its own, so nothing of ours stands between the files and the result. It was compared with real Caffe
layer by layer: `_layers` says which types agree, `_trust.CONDITIONS` on which conditions. A network that
holds anything else is refused, never run and hoped for.

OpenCV ends the process on some files (a division by zero for a three-dimensional convolution with
one kernel size, a null pointer for a filler where weights are missing), so it runs in one of its
own.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from mmdnn import registry
from mmdnn.errors import Error, MissingExtraError, UnsupportedError
from mmdnn.frameworks.caffe import _trust as trust
from mmdnn.frameworks.caffe.graph import Layer, Network
from mmdnn.registry import Source
from mmdnn.verify import environments, isolated
from mmdnn.verify.spill import Chain, View

TITLE = "OpenCV's dnn"
OVERWRITES = True
"""It gives blobs of in-place layers, and of a Slice's middle, as they are when it has written over them."""
RUNNER = Path(__file__).with_name("_opencv.py")
TIMEOUT = 600
"""Seconds after which OpenCV is taken to hang."""
MISSING = MissingExtraError("opencv-python-headless", "caffe")

Arrays: TypeAlias = Mapping[str, np.ndarray]
Job: TypeAlias = tuple[Source, Arrays]


def run(source: Source, feeds: Arrays) -> Arrays:
    """Run a network and return every layer's output.

    Args:
        source: A prototxt, and a binary caffemodel where layers have weights.
        feeds: Input name to array.

    Returns:
        Blob name to float32 array. Of a blob that layers change in place there is the last value
        only: OpenCV, as Caffe, writes it over the earlier ones.

    Raises:
        MissingExtraError: OpenCV is not installed.
        UnsupportedError: The network holds something in which OpenCV is known to differ from Caffe; or
            OpenCV, which is not Caffe, refuses the files or ends its process.
    """
    return isolated.only(run_many([(source, feeds)]))


def run_many(jobs: Sequence[Job]) -> list[Arrays | Error]:
    """Run networks one after the other in as few processes as possible.

    Returns:
        For each what `run` would return or raise.

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    command = [interpreter(), "-W", "ignore", str(RUNNER)]
    networks = [_trusted(source) for source, _ in jobs]
    asked = [
        _job(*job) for job, found in zip(jobs, networks, strict=True) if isinstance(found, Network)
    ]
    answers = iter(isolated.run(command, asked, missing=MISSING, timeout=TIMEOUT))
    return [
        _values(network, next(answers), *job) if isinstance(network, Network) else network
        for job, network in zip(jobs, networks, strict=True)
    ]


def interpreter() -> str:
    """The Python that has OpenCV: this one, or that of an environment of its own.

    Raises:
        MissingExtraError: There is none.
    """
    python = environments.found("caffe")
    if python is None:
        raise MissingExtraError("opencv-python-headless", "caffe")
    return python


def _trusted(source: Source) -> Network | Error:
    """The network, if OpenCV is trusted with it."""
    from mmdnn.frameworks.caffe import reader

    try:
        network: Network = reader.read(source)
        trust.check(source, network)
    except Error as error:
        return error
    return network


def _job(source: Source, feeds: Arrays) -> isolated.Job:
    floats = {name: array.astype(np.float32) for name, array in feeds.items()}
    names = {path: f"net{place}{path.suffix}" for place, path in enumerate(source.files)}

    def prepare(folder: Path) -> None:
        """Links of plain names, for OpenCV ends at others in the locale C; it knows no byte order mark."""
        for path, name in names.items():
            if registry.head(path, 3) == codecs.BOM_UTF8:
                (folder / name).write_bytes(path.read_bytes()[3:])
            else:
                isolated.link(path, folder / name)

    return isolated.Job(floats, prepare, {"files": list(names.values())})


def _values(
    network: Network,
    answer: isolated.Answer | isolated.Failure,
    source: Source,
    feeds: Arrays,
) -> Arrays | Error:
    if isinstance(answer, isolated.Failure):
        how = "refuses it: " if answer.stage else ""
        return UnsupportedError(f"OpenCV {how}{answer.reason}", file=source.network)
    outputs: dict[str, list[str]] = {}
    for index, layer in enumerate(answer.says):
        outputs.setdefault(layer, []).append(f"arr_{index}")
    images = next((len(array) for array in feeds.values() if array.ndim), 1)
    try:
        return Chain(*_by_value(network, answer.arrays, outputs, source, images), feeds)
    except Error as error:
        return error


def _by_value(
    network: Network,
    arrays: Arrays,
    outputs: Mapping[str, list[str]],
    source: Source,
    images: int,
) -> tuple[dict[str, np.ndarray], View]:
    """OpenCV's outputs, which go by layer, under the names of the blobs; detections apart."""
    layers = [layer for layer in network.layers if layer.type != "Input"]
    named = {layer.name: _opencv_names(layer, outputs) for layer in layers}
    unknown = set(outputs).difference(*named.values())
    if unknown:
        raise UnsupportedError(
            f"OpenCV also runs {sorted(unknown)[:4]}, which the rules of phase and stage leave out",
            file=source.network,
        )
    last = {top: layer for layer in layers for top in layer.tops}
    overwritten = trust.overwritten_views(layers)
    names: dict[str, str] = {}
    detections: dict[str, np.ndarray] = {}
    for layer in layers:
        keys = [key for name in named[layer.name] for key in outputs.get(name, ())]
        for top, key in zip(layer.tops, keys, strict=False):
            if layer.type in trust.FOUR_AXES:
                trust.check_output(layer, arrays[key], source)
            if layer.type == "DetectionOutput":
                detections |= _as_caffe(top, arrays[key], images)
            elif last[top] is layer and top not in overwritten:
                names[top] = key
    return detections, View(arrays, names)


def _as_caffe(name: str, detections: np.ndarray, images: int) -> dict[str, np.ndarray]:
    """Detections in Caffe's order: by picture, label, score; without the empty rows OpenCV pads with.

    Where there are none, Caffe gives a row of -1 for each picture. Of equal scores OpenCV keeps others
    than Caffe may, so then there is nothing to compare with.
    """
    rows = detections.reshape(-1, 7)
    rows = rows[rows[:, 2] > 0]
    rows = rows[np.lexsort((-rows[:, 2], rows[:, 1], rows[:, 0]))]
    if len(np.unique(rows[:, :3], axis=0)) < len(rows):
        return {}
    if not len(rows):
        rows = np.full((images, 7), -1, np.float32)
        rows[:, 0] = range(images)
    return {name: rows.reshape(1, 1, -1, 7)}


def _opencv_names(layer: Layer, outputs: Mapping[str, list[str]]) -> list[str]:
    """What OpenCV calls a layer: convolutions go by their tops, one layer for each."""
    by_top = layer.type.startswith("Convolution") and set(layer.tops) <= outputs.keys()
    return layer.tops if by_top else [layer.name]
