"""Whole ONNX models as PyTorch source, against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers import SHARED
from mmdnn.errors import Error
from mmdnn.frameworks.onnx import importer, reader
from mmdnn.frameworks.pytorch import engine, exporter
from mmdnn.registry import Source
from mmdnn.verify.compare import difference

ROOT = SHARED / "models"
MODELS = sorted((ROOT / "onnx").rglob("*.onnx"))
OPEN = {"batch": 2, "samples": 4000}
"""Sizes for the dimensions that models leave open; others are 1."""
BEYOND_ENGINE = {"DeformConv_19.onnx": "onnxruntime refuses its offsets"}


def program(path: Path):
    return exporter.from_ir(importer.to_ir(reader.read(Source(network=path))))


def feeds(session) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    made = {}
    for value in session.get_inputs():
        shape = [dim if isinstance(dim, int) else OPEN.get(dim, 1) for dim in value.shape]
        if value.type == "tensor(float)":
            made[value.name] = random.standard_normal(shape).astype(np.float32)
        else:
            made[value.name] = np.ones(
                shape, {"tensor(int64)": np.int64, "tensor(bool)": bool}[value.type]
            )
    return made


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.name.rpartition("__")[2])
def test_model_agrees_with_onnxruntime(path, shared):
    if path.name in BEYOND_ENGINE:
        pytest.skip(BEYOND_ENGINE[path.name])
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options)
    given = feeds(session)
    wanted = session.run(None, given)
    found = engine.run(program(path), given)
    for value, array in zip(session.get_outputs(), wanted, strict=True):
        assert not difference(array, found[value.name]).reason


def test_models_are_there(shared):
    assert len(MODELS) > 20


def test_model_without_outputs_is_refused(shared):
    with pytest.raises(Error, match="no outputs"):
        program(shared / "models" / "pytorch" / "ncnn_3d_net" / "3d_net.pnnx.onnx")
