"""Networks of Gluon's model zoo, small: to MXNet again, and with every layer elsewhere.

`make gluon-zoo` does it with all families at their usual size.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("torch")
pytest.importorskip("cv2")
pytest.importorskip("onnxruntime")

import gluon_zoo

import mmdnn
from mmdnn import registry
from mmdnn.errors import MissingExtraError
from mmdnn.frameworks.mxnet import engine, reader
from mmdnn.registry import Source
from mmdnn.verify import run as verification
from mmdnn.verify import runners
from mmdnn.verify.feeds import Feed, Sizes
from mmdnn.verify.run import Found

SMALL = {
    "alexnet": 63,
    "mobilenet0_25": 64,
    "mobilenet_v2_0_25": 64,
    "resnet18_v1": 48,
    "resnet18_v2": 48,
    "squeezenet1_1": 213,
}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder for each network."""
    root = tmp_path_factory.mktemp("zoo")
    try:
        engine.interpreter()
    except MissingExtraError:
        pytest.skip("MXNet is not installed: mmengine install mxnet")
    gluon_zoo.make(root, {name: (name, pixels, 10) for name, pixels in SMALL.items()})
    return root


def files(folder: Path) -> Source:
    return Source(folder / "net-symbol.json", folder / "net-0000.params")


def load(zoo: Path, name: str) -> ir.Model:
    return mmdnn.load(files(zoo / name).files, input_shapes={"data": (3, SMALL[name], SMALL[name])})


def golden(folder: Path) -> Found:
    """What MXNet computed."""
    names = json.loads((folder / "golden.json").read_text())
    with np.load(folder / "golden.npz") as arrays:
        feeds = {"data": arrays["data"]}
        values = {name: arrays[f"arr_{place}"] for place, name in enumerate(names)}
    runner = runners.engine(registry.framework("mxnet"), files(folder))
    return Found(runner, Sizes(1, 16), Feed("golden", feeds), values)


@pytest.mark.parametrize("name", SMALL)
def test_it_comes_back_as_it_was(name: str, zoo: Path, tmp_path: Path) -> None:
    """The same layers, names, parameters, and weights bit for bit."""
    written = mmdnn.save(load(zoo, name), tmp_path / "back-symbol.json")
    before, after = reader.read(files(zoo / name)), reader.read(Source(*written))
    assert gluon_zoo.differences(before, after) == ""


def test_outputs_do_not_differ_at_all(zoo: Path, tmp_path: Path) -> None:
    found = golden(zoo / "resnet18_v2")
    written = mmdnn.save(load(zoo, "resnet18_v2"), tmp_path / "back-symbol.json")
    feed, wanted = found.feed, found.values
    values = engine.run(Source(*written), feed.values)
    for layer, array in wanted.items():
        np.testing.assert_array_equal(values[layer], array)


@pytest.mark.parametrize("target", ["net.onnx", "net.py", "net.prototxt"])
@pytest.mark.parametrize("name", SMALL)
def test_every_layer_elsewhere(name: str, target: str, zoo: Path, tmp_path: Path) -> None:
    found, model = golden(zoo / name), load(zoo, name)
    to = registry.writer_of(Path(target))
    staged = to.arrange(mmdnn.save(model, tmp_path / target))
    assert staged is not None
    runner, _, _ = runners.of_result(to, staged, found.feed)
    target = runners.named_by_order(runner, [str(v.name) for v in model.graph.outputs])
    report = verification.verify(found, target, model)
    report.require()
    assert len(report.layers) >= 0.9 * len(found.values)
    assert report.exercised > 0.5
    assert not [
        layer for layer in report.unproved if layer.is_output or layer.verdict == "undecided"
    ]


def test_a_difference_is_found(zoo: Path) -> None:
    one, other = reader.read(files(zoo / "alexnet")), reader.read(files(zoo / "alexnet"))
    assert gluon_zoo.differences(one, other) == ""
    name = next(iter(other.params))
    other.params[name] = ir.tensor(-one.params[name].numpy())
    assert name in gluon_zoo.differences(one, other)
    other.symbol.operators[0].attrs["pad"] = "(3, 2)"
    assert "Convolution" in gluon_zoo.differences(one, other)
