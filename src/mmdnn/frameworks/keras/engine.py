"""Running Keras's own files: in Keras 3 here, in Keras 2.2 in an environment of its own.

Keras 3 reads its own files, and those of tf.keras where it computes the same; Keras 2.2.4 runs what Keras 2
has saved ("mmengine install keras-old" makes its environment). What no engine runs, the IR stands in for.
Both run through `_keras.py`, in another process.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from mmdnn.errors import Error, FormatError, MissingExtraError, ShapeError, UnsupportedError
from mmdnn.frameworks.keras import reader
from mmdnn.frameworks.keras.graph import Generation, Layer, Model
from mmdnn.registry import Source
from mmdnn.verify import environments, isolated
from mmdnn.verify.spill import Chain, View

RUNNER = Path(__file__).with_name("_keras.py")
MISSING = MissingExtraError("keras", "keras")
MISSING_OLD = MissingExtraError("keras==2.2.4", hint="mmengine install keras-old")
_CODE = {"Lambda"}
"""Layers that are Python code, which is not run."""
_OTHERWISE = {
    *("LocallyConnected1D", "LocallyConnected2D", "ThresholdedReLU", "ConvLSTM2D"),
    "SpectralNormalization",
}
"""Layers of tf.keras that Keras 3 has not, or computes otherwise."""

Job: TypeAlias = tuple[Source, Mapping[str, np.ndarray]]


def run(source: Source, feeds: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Run a model and return every layer's output.

    Args:
        source: The model's files.
        feeds: Input name to array.

    Returns:
        The feeds, and arrays by the names of layers, as the importer gives them.

    Raises:
        MissingExtraError: The Keras that it wants is not installed.
        UnsupportedError: No Keras that runs here computes what the one that saved it does.
        ShapeError: Keras refuses the model or its inputs, with its own reason.
        FormatError: Keras ends its process, or does not end.
    """
    return isolated.only(run_many([(source, feeds)]))


def run_many(jobs: Sequence[Job]) -> list[Mapping[str, np.ndarray] | Error]:
    """Run models one after the other in as few processes as possible.

    Returns:
        For each what `run` would return or raise.

    Raises:
        MissingExtraError: The Keras that the first wants is not installed.
    """
    model = reader.read(jobs[0][0])
    _check(model)
    old = model.generation is Generation.KERAS2
    command = [_interpreter(old=old), "-W", "ignore", str(RUNNER)]
    asked = [_job(model, *job) for job in jobs]
    answers = isolated.run(command, asked, missing=MISSING_OLD if old else MISSING)
    return [_values(answer, *job) for answer, job in zip(answers, jobs, strict=True)]


def _interpreter(*, old: bool) -> str:
    if old:
        return environments.interpreter("keras-old")
    if any(importlib.util.find_spec(name) is None for name in ("keras", "tensorflow")):
        raise MISSING
    return sys.executable


def _check(model: Model) -> None:
    """Refuse what would run code, or would be computed otherwise.

    Raises:
        UnsupportedError: It is such a model.
    """
    layers = list(model.network.walk())
    code = [layer for layer in layers if layer.type in _CODE]
    if code:
        raise UnsupportedError("its Python code is not run", layer=code[0].name, operator="Lambda")
    if model.generation is Generation.KERAS1:
        raise UnsupportedError("no engine here runs what Keras 1 has saved")
    other = [layer for layer in layers if _is_other(layer)]
    if model.generation is Generation.TF and other:
        raise UnsupportedError(
            "Keras 3 computes it otherwise than tf.keras",
            layer=other[0].name,
            operator=other[0].said,
        )


def _is_other(layer: Layer) -> bool:
    acts = [layer.config.get(key) for key in ("activation", "recurrent_activation")]
    return layer.type in _OTHERWISE or layer.is_operation or "hard_sigmoid" in acts


def _job(model: Model, source: Source, feeds: Mapping[str, np.ndarray]) -> isolated.Job:
    assert source.network is not None
    first = any(
        layer.config.get("data_format") == "channels_first" for layer in model.network.walk()
    )
    torch = first and importlib.util.find_spec("torch") is not None
    suffixes = [".json" if path.suffix == ".json" else path.suffix for path in source.files]
    name = "model.h5" if suffixes[0] in {".hdf5", ".h5"} else f"model{suffixes[0]}"
    weights = "" if source.weights is None else "weights.h5"
    if source.weights is not None and source.weights.name.endswith((".weights.h5", ".json")):
        weights = source.weights.name  # those of Keras 3 are told by it, and shards by their list
    said = {
        "file": name,
        "weights": weights,
        "backend": "torch" if torch else "tensorflow",
    }
    return isolated.Job(feeds, lambda folder: _prepare(source, folder, said), said)


def _prepare(source: Source, folder: Path, said: Mapping[str, str]) -> None:
    for path, name in zip(source.files, (said["file"], said["weights"]), strict=False):
        isolated.link(path, folder / name)
    if said["weights"].endswith(".json") and source.weights is not None:
        stem = source.weights.name.removesuffix(".weights.json")
        for path in source.weights.parent.glob("*.weights.h5"):
            if path.name.startswith(f"{stem}_"):
                isolated.link(path, folder / path.name)


def _values(
    answer: isolated.Answer | isolated.Failure, source: Source, feeds: Mapping[str, np.ndarray]
) -> Mapping[str, np.ndarray] | Error:
    if isinstance(answer, isolated.Answer):
        names = {name: f"arr_{index}" for index, name in enumerate(answer.says)}
        return Chain(View(answer.arrays, names), feeds)
    if not answer.stage:
        return FormatError(f"Keras {answer.reason}", file=source.network)
    lacks = (
        "NHWC",
        "OpKernel",
        "could not be deserialized",
        "Could not locate",
        "Could not deserialize class",
        "not supported",
        "Unrecognized",
    )
    kind = UnsupportedError if any(word in answer.reason for word in lacks) else ShapeError
    return kind(f"Keras refuses it: {answer.reason}", file=source.network)
