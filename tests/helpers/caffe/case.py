"""A model of one or a few nodes, written as Caffe's layers, read back, run, and met by onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from helpers.caffe import corpus
from mmdnn.frameworks.caffe import engine, importer, reader, writer
from mmdnn.frameworks.caffe.exporter import from_ir
from mmdnn.frameworks.caffe.graph import Network
from mmdnn.ir.builder import Builder
from mmdnn.registry import Source

Body = Callable[..., Any]


def normal(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@dataclass
class Case:
    """A model of one or a few nodes.

    Attributes:
        body: `(op, *inputs) -> value`.
        shapes: Of the inputs; a first size of 0 is an open batch.
        layers: The types expected, inputs left out; None where they do not matter.
        opencv: Whether OpenCV is to agree too.
    """

    body: Body
    shapes: Sequence[tuple[int, ...]]
    layers: str | None = None
    opencv: bool = False
    fork: str = ""
    feeds: dict[str, np.ndarray] = field(default_factory=dict)


def model_of(case: Case) -> ir.Model:
    builder = Builder("test", "test")
    inputs = [
        builder.input(f"x{i}", [size if size else "batch" for size in shape])
        for i, shape in enumerate(case.shapes)
    ]
    result = case.body(builder.op, *inputs)
    results = [result] if isinstance(result, ir.Value) else list(result)
    for index, value in enumerate(results):
        value.name = f"y{index}"
        builder.graph.outputs.append(value)
    return builder.model()


def check(case: Case, folder: Path) -> Network:
    model = model_of(case)
    network = from_ir(model, fork=case.fork)
    source = Source(*writer.write(network, folder / "net.prototxt"))
    feeds = {
        name: normal(*shape, seed=len(name) + i)
        for i, (name, shape) in enumerate(network.inputs.items())
        if shape is not None
    }
    wanted = corpus.run(model, feeds)
    again = importer.to_ir(reader.read(source))
    outputs = [str(value.name) for value in model.graph.outputs]
    assert sorted(str(value.name) for value in again.graph.outputs) == sorted(outputs)
    agree({name: wanted[name] for name in outputs}, corpus.run(again, feeds))
    if case.opencv:
        agree({name: wanted[name] for name in outputs}, engine.run(source, feeds))
    return network


def agree(wanted: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray]) -> None:
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-5, strict=True)


PICTURE = (1, 4, 6, 5)
