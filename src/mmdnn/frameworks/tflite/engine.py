"""Running TensorFlow Lite's own files in its interpreter, in another process (`_tflite.py`)."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error, FormatError, MissingExtraError, ShapeError, UnsupportedError
from mmdnn.frameworks.tflite import reader
from mmdnn.registry import Source
from mmdnn.verify import isolated
from mmdnn.verify.spill import Chain, View

RUNNER = Path(__file__).with_name("_tflite.py")
PACKAGES = ("ai_edge_litert", "tensorflow")
MISSING = MissingExtraError("ai-edge-litert", "tflite")
INTEGERS = (ir.DataType.INT4, ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16)
_LACKS = ("Didn't find op", "unresolved custom op", "not supported", "Select TensorFlow op")

Job: TypeAlias = tuple[Source, Mapping[str, np.ndarray]]


def run(source: Source, feeds: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Run a model and return its tensors.

    Args:
        source: The model's file.
        feeds: Input name to array, quantised ones as integers.

    Returns:
        The feeds, and arrays by the names of tensors, as the importer gives them.

    Raises:
        MissingExtraError: There is no interpreter.
        UnsupportedError: It lacks an operator, or the model has quantised numbers: its kernels for these
            are off by a step, or quantise what they read when they run.
        ShapeError: It refuses the model or its inputs, with its own reason.
        FormatError: It ends its process, or does not end.
    """
    return isolated.only(run_many([(source, feeds)]))


def run_many(jobs: Sequence[Job]) -> list[Mapping[str, np.ndarray] | Error]:
    """Run models one after the other in as few processes as possible.

    Returns:
        For each what `run` would return or raise.

    Raises:
        MissingExtraError: There is no interpreter.
    """
    if all(importlib.util.find_spec(name) is None for name in PACKAGES):
        raise MISSING
    _check(jobs[0][0])
    command = [sys.executable, "-W", "ignore", str(RUNNER)]
    answers = isolated.run(command, [_job(*job) for job in jobs], missing=MISSING)
    return [_values(answer, *job) for answer, job in zip(answers, jobs, strict=True)]


def _check(source: Source) -> None:
    """Refuse a model of integers that stand for other numbers, which no exact comparison meets."""
    for subgraph in reader.read(source).subgraphs:
        for tensor in subgraph.tensors:
            if tensor.quantization is not None and tensor.dtype in INTEGERS:
                raise UnsupportedError(
                    f"'{tensor.name}' is quantised: the interpreter's kernels round such numbers in a way "
                    "of their own, by up to a step",
                    file=source.network,
                )


def _job(source: Source, feeds: Mapping[str, np.ndarray]) -> isolated.Job:
    graph = reader.read(source).subgraphs[0]
    settings = {
        "places": {graph.tensors[number].name: number for number in graph.inputs},
        "tensors": [number for operator in graph.operators for number in operator.outputs],
    }
    path = source.network
    assert path is not None
    return isolated.Job(
        feeds, lambda folder: isolated.link(path, folder / "model.tflite"), settings
    )


def _values(
    answer: isolated.Answer | isolated.Failure, source: Source, feeds: Mapping[str, np.ndarray]
) -> Mapping[str, np.ndarray] | Error:
    if isinstance(answer, isolated.Answer):
        tensors = reader.read(source).subgraphs[0].tensors
        names = {tensors[number].name: f"arr_{i}" for i, number in enumerate(answer.says)}
        return Chain(View(answer.arrays, names), feeds)
    if not answer.stage:
        return FormatError(f"TensorFlow Lite {answer.reason}", file=source.network)
    kind = UnsupportedError if any(word in answer.reason for word in _LACKS) else ShapeError
    return kind(f"TensorFlow Lite refuses it: {answer.reason}", file=source.network)
