"""Running a layer that a test writes down: prototxt text in, numbers out, by way of the IR."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort

from mmdnn.frameworks.caffe import importer, reader
from mmdnn.ir.storage.writing import store
from mmdnn.registry import Source

Arrays = Mapping[str, np.ndarray]


def model(layers: str, inputs: Mapping[str, Sequence[int]]) -> ir.Model:
    """The IR of a network of these inputs and layers."""
    head = "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
        + " ".join(f"dim: {dim}" for dim in shape)
        + " } } }\n"
        for name, shape in inputs.items()
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.prototxt")
        path.write_text(f'name: "test"\n{head}{layers}')
        return importer.to_ir(reader.read(Source(network=path)))


def evaluate(network: ir.Model, feeds: Arrays) -> dict[str, np.ndarray]:
    """Every output, by onnxruntime; the model must pass ONNX's own checks."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        store(network, path)
        onnx.checker.check_model(str(path), full_check=True)
        session = ort.InferenceSession(str(path), options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def run(layers: str, feeds: Arrays) -> dict[str, np.ndarray]:
    """Import and evaluate; the inputs have the shapes of what is fed."""
    network = model(layers, {name: array.shape for name, array in feeds.items()})
    return evaluate(network, feeds)


def blobs(*arrays: np.ndarray) -> str:
    """Weight blobs as text inside a layer."""
    return " ".join(
        "blobs { shape { "
        + " ".join(f"dim: {dim}" for dim in array.shape)
        + " } data: ["
        + ", ".join(repr(float(value)) for value in array.ravel())
        + "] }"
        for array in arrays
    )


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
