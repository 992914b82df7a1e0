"""Models that people trained in CNTK, on sequences of several lengths: what CNTK itself says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from helpers.cntk import corpus as cntk_corpus
from mmdnn import api
from mmdnn.errors import MissingExtraError
from mmdnn.frameworks import pytorch
from mmdnn.frameworks.cntk import arrange, engine, importer, reader
from mmdnn.frameworks.pytorch import engine as torch_engine
from mmdnn.ir import sequences
from mmdnn.verify import padding
from mmdnn.verify.compare import difference

LENGTHS = np.array([7, 1, 4, 2])
MODELS = {
    "imdb_rnn": "ch6-2.cntk.model",
    "lstm_fsharp": "LSTM.model",
    "mnist_cnn_with_loss": "mnist.cmf",
    "mnist_conv": "mnist_conv.cmf",
    "temps_gru_type1": "ch6-3_model_type_1.model",
    "unity_example": "model.dnn",
}


def feeds_of(model: ir.Model) -> dict[str, np.ndarray]:
    """A batch of four, of several lengths where there are sequences; whole numbers go into tables."""
    rng, found = np.random.default_rng(7), {}
    for value in model.graph.inputs:
        if value.dtype == ir.DataType.INT64:
            found[str(value.name)] = LENGTHS
            continue
        time = sequences.TIME in sequences.axes_of(value)
        static = [dim for dim in value.shape or [] if isinstance(dim, int)]
        shape = [len(LENGTHS), *([int(LENGTHS.max())] if time else []), *static]
        whole = any(use.node.op_type == "Floor" for use in value.uses())
        numbers = rng.integers(0, 900, shape) if whole else rng.standard_normal(shape)
        found[str(value.name)] = numbers.astype(np.float32)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_onnx_pytorch_and_cntk(shared: Path, tmp_path: Path, name: str) -> None:
    source = arrange([shared / "models" / "cntk" / name / MODELS[name]])
    assert source is not None
    model = importer.to_ir(reader.read(source))
    feeds = feeds_of(model)
    api.save(model, tmp_path / "net.py", framework="pytorch")
    api.save(model, tmp_path / "net.dnn", framework="cntk")
    code = pytorch.arrange([tmp_path / "net.py", tmp_path / "net.safetensors"])
    written = arrange([tmp_path / "net.dnn"])
    assert code is not None
    assert written is not None
    try:
        wanted = engine.run(source, feeds)
    except MissingExtraError as missing:
        pytest.skip(f"CNTK is not installed: {missing.hint}")
    results = {
        "ONNX": cntk_corpus.engine.run(model, feeds),
        "PyTorch": torch_engine.run(code, feeds),
        "CNTK": engine.run(written, feeds),
    }
    for value in model.graph.outputs:
        key = str(value.name)
        for title, found in results.items():
            counts = padding.lengths(model, feeds, wanted, found).get(key)
            gap = difference(
                padding.trimmed(wanted[key], counts), padding.trimmed(found[key], counts)
            )
            assert gap.ok, f"{title}: {gap.reason}"
