"""Real networks: trained ones meet real Caffe, others run with weights made up."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from helpers import SHARED
from helpers.caffe import corpus
from mmdnn.errors import Error
from mmdnn.frameworks.caffe.graph import Filler
from mmdnn.registry import Source

FOLDER = SHARED / "models"
GOLDEN = sorted(path.stem for path in FOLDER.glob("golden/*.npz"))
TRAINED = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("caffe/*/*.prototxt"))
DEPLOY = sorted(
    str(path.relative_to(FOLDER))
    for path in FOLDER.glob("caffe_prototxt/**/*.prototxt")
    if "solver" not in path.name
)
NOISY = {"mxnet2caffe_residual/conv6_c1x1-c__bn__bn": 4e-5}
"""Blobs where Caffe itself is further from float64 than the tolerance, and how far to look away."""

REFUSED = {"examples__pycaffe__linreg.prototxt": r"Python \(pyloss.EuclideanLossLayer\) x1"}
SHAPES = {
    "alexnet__train_val": (1, 3, 227, 227),
    "caffenet__train_val": (1, 3, 227, 227),
    "mobilenet_ssd/train": (1, 3, 300, 300),
    "voc__MobileNetSSD": (1, 3, 300, 300),
    "siamese_train_test": (1, 2, 28, 28),
    "mnist__lenet_train_test": (1, 1, 28, 28),
    "mnist_autoencoder": (1, 1, 28, 28),
    "cifar10_full_sigmoid": (1, 3, 32, 32),
    "train_test": (1, 3, 32, 32),
    "hdf5_classification": (1, 4),
}
"""Inputs of training files that do not say them, by part of the file's name."""


def _source(prototxt: Path) -> Source:
    weights = sorted(prototxt.parent.glob("*.caffemodel"))
    own = [path for path in weights if path.stem == prototxt.stem] or weights
    return Source(network=prototxt, weights=own[0])


@pytest.mark.parametrize("name", GOLDEN)
def test_trained_models_meet_caffe(shared: Path, name: str) -> None:
    (prototxt,) = (shared / "models" / "caffe" / name).glob("*.prototxt")
    model = corpus.convert(_source(prototxt))
    with np.load(shared / "models" / "golden" / f"{name}.npz") as data:
        golden = {key: data[key] for key in data.files}
    feeds = {key[6:]: array for key, array in golden.items() if key.startswith("input/")}
    found = corpus.by_blob(model, corpus.run(model, feeds), feeds)
    blobs = [key[5:] for key in golden if key.startswith("blob/") and not corpus.is_copy(key)]
    assert blobs
    for blob in blobs:
        value, wanted = found[blob], golden[f"blob/{blob}"]
        assert value.shape == tuple(golden[f"shape/{blob}"]), blob
        if value.size > wanted.size:
            value = value.ravel()[np.linspace(0, value.size - 1, 4096).astype(np.int64)]
        atol = NOISY.get(f"{name}/{blob}", 1e-5)
        np.testing.assert_allclose(
            value.ravel(), wanted.ravel(), rtol=1e-4, atol=atol, err_msg=blob
        )


@pytest.mark.parametrize("path", TRAINED)
def test_trained_models_run(shared: Path, path: str) -> None:
    _runs(corpus.convert(_source(shared / "models" / path)))


@pytest.fixture
def made_up_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def tensor(_: Filler, shape: Sequence[int], name: str) -> ir.TensorProtocol:
        def compute() -> ir.TensorProtocol:
            random = np.random.default_rng(zlib.crc32(name.encode()))
            array = random.standard_normal(shape, np.float32)
            if len(shape) < 2:
                return ir.tensor(1 + array / 10, name=name)
            return ir.tensor(array * np.float32((2 / math.prod(shape[1:])) ** 0.5), name=name)

        return ir.LazyTensor(compute, ir.DataType.FLOAT, ir.Shape(shape), name=name)

    monkeypatch.setattr(Filler, "tensor", tensor)


@pytest.mark.usefixtures("made_up_weights")
@pytest.mark.parametrize("path", DEPLOY)
def test_prototxts_run(shared: Path, path: str) -> None:
    if Path(path).name in REFUSED:
        with pytest.raises(Error, match=REFUSED[Path(path).name]):
            corpus.convert(Source(network=shared / "models" / path))
        return
    shape = next((shape for part, shape in SHAPES.items() if part in path), None)
    asked = {"": shape} if shape else {}
    _runs(corpus.convert(Source(network=shared / "models" / path, input_shapes=asked)))


def _runs(model: ir.Model) -> None:
    random = np.random.default_rng(0)
    feeds = {
        str(value.name): random.random(
            [dim if isinstance(dim, int) else 1 for dim in value.shape or ()], np.float32
        )
        for value in model.graph.inputs
    }
    values = corpus.run(model, feeds)
    assert all(np.isfinite(array).all() for array in values.values())
    for value in model.graph.outputs:
        dims = [dim if isinstance(dim, int) else 1 for dim in value.shape or ()]
        fixed = all(isinstance(dim, int) for dim in list(value.shape or ())[1:])
        assert not fixed or list(values[str(value.name)].shape) == dims
