"""Running TensorFlow's own files in TensorFlow 2, in another process (`_tensorflow.py`)."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from mmdnn.errors import Error, FormatError, MissingExtraError, ShapeError, UnsupportedError
from mmdnn.frameworks.tensorflow import reader
from mmdnn.frameworks.tensorflow.graph import Model, Ref
from mmdnn.frameworks.tensorflow.reader.bundle import prefix_of
from mmdnn.registry import Source
from mmdnn.verify import isolated
from mmdnn.verify.spill import Chain, View

RUNNER = Path(__file__).with_name("_tensorflow.py")
MISSING = MissingExtraError("tensorflow", "tensorflow")
CALL = "StatefulPartitionedCall"
_LACKS = (
    "NHWC",
    "OpKernel",
    "not registered",
    "not available in GraphDef version",
    "not supported",
)

Job: TypeAlias = tuple[Source, Mapping[str, np.ndarray]]


def run(source: Source, feeds: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Run a model and return its tensors.

    Args:
        source: The model's files.
        feeds: Input name to array.

    Returns:
        The feeds, and arrays by the names of tensors, as the importer gives them.

    Raises:
        MissingExtraError: TensorFlow is not installed.
        UnsupportedError: TensorFlow 2 on the CPU does not run it.
        ShapeError: TensorFlow refuses the model or its inputs, with its own reason.
        FormatError: TensorFlow ends its process, or does not end.
    """
    return isolated.only(run_many([(source, feeds)]))


def run_many(jobs: Sequence[Job]) -> list[Mapping[str, np.ndarray] | Error]:
    """Run models one after the other in as few processes as possible.

    Returns:
        For each what `run` would return or raise.

    Raises:
        MissingExtraError: TensorFlow is not installed.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise MISSING
    asked = [_job(reader.read(source), source, feeds) for source, feeds in jobs]
    command = [sys.executable, "-W", "ignore", str(RUNNER)]
    answers = isolated.run(command, asked, missing=MISSING)
    return [_values(answer, *job) for answer, job in zip(answers, jobs, strict=True)]


def _job(model: Model, source: Source, feeds: Mapping[str, np.ndarray]) -> isolated.Job:
    network = source.network
    assert network is not None
    saved = network.stem == "saved_model"
    checkpoint = source.weights is not None or network.suffix == ".meta"
    if checkpoint and not saved and network.suffix != ".meta":
        raise UnsupportedError("a frozen graph and a checkpoint are not run together", file=network)
    calls = {ref.node for ref in model.outputs.values() if model.graph.nodes[ref.node].op == CALL}
    signature = (source.signature or "serving_default") if saved and calls else ""
    settings = {
        "file": "model" if saved else f"model{network.suffix}",
        "feeds": {name: _tensor(given.ref) for name, given in model.inputs.items()},
        "outputs": {name: _tensor(ref) for name, ref in model.outputs.items()},
        "fetches": [str(name) for name in model.graph.nodes],
        "checkpoint": "model" if checkpoint else "",
        "signature": signature,
        "prefix": f"{min(calls)}/" if signature else "",
    }
    return isolated.Job(feeds, lambda folder: _prepare(source, folder, settings), settings)


def _tensor(ref: Ref) -> str:
    return f"{ref.node}:{ref.output}"


def _prepare(source: Source, folder: Path, settings: Mapping[str, Any]) -> None:
    network = source.network
    assert network is not None
    if network.stem == "saved_model":
        isolated.link(network.parent, folder / settings["file"])
        return
    isolated.link(network, folder / settings["file"])
    if settings["checkpoint"]:
        prefix = prefix_of(source.weights or network)
        for path in prefix.parent.glob(f"{prefix.name}*"):
            if path != network:
                isolated.link(path, folder / f"model{path.name.removeprefix(prefix.name)}")


def _values(
    answer: isolated.Answer | isolated.Failure, source: Source, feeds: Mapping[str, np.ndarray]
) -> Mapping[str, np.ndarray] | Error:
    if isinstance(answer, isolated.Answer):
        names = {name: f"arr_{index}" for index, name in enumerate(answer.says)}
        return Chain(View(answer.arrays, names), feeds)
    if not answer.stage:
        return FormatError(f"TensorFlow {answer.reason}", file=source.network)
    kind = UnsupportedError if any(word in answer.reason for word in _LACKS) else ShapeError
    return kind(f"TensorFlow refuses it: {answer.reason}", file=source.network)
