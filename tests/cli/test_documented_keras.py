"""The document's "Keras to MXNet", word for word, on a small network; its comparison is one command."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from helpers import skip_without_engine
from mmdnn.cli import mmcompare, mmconvert, mmdownload, mmtocode, mmtoir, mmtomodel
from mmdnn.conversion.examples.keras import imagenet_test as keras_test
from mmdnn.conversion.examples.onnx import imagenet_test as onnx_test
from mmdnn.zoo import applications

cv2 = pytest.importorskip("cv2")
pytest.importorskip("h5py")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.skipif(not applications.installed(), reason="Keras is not installed")

NETWORK = """
import keras, numpy
from keras import layers as l
x = i = keras.Input((32, 32, 3), name="input_1")
x = l.ZeroPadding2D(3, name="conv1_pad")(x)
x = l.Conv2D(8, 7, strides=2, name="conv1")(x)
x = l.BatchNormalization(name="bn_conv1", epsilon=1.001e-5)(x)
x = l.Activation("relu", name="activation_1")(x)
y = l.Conv2D(8, 3, padding="same", name="res2a_branch2b")(x)
x = l.Activation("relu", name="activation_2")(l.Add(name="add_1")([x, y]))
x = l.MaxPooling2D(2, name="pool")(x)
x = l.Flatten(name="flatten_1")(x)
x = l.Dense(1000, activation="softmax", name="fc1000")(x)
net = keras.Model(i, x, name="resnet50")
random = numpy.random.default_rng(0)
for layer in net.layers:
    size = 128 if layer.name == "conv1" else 1
    layer.set_weights([random.uniform(0.5, 1.5, w.shape) if layer.name == "bn_conv1" else
                       random.normal(0, 1 / size / numpy.prod(w.shape[:-1]) ** 0.5, w.shape)
                       for w in layer.get_weights()])
net.save("imagenet_resnet50.h5")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("keras")
    command = [sys.executable, "-W", "ignore", "-c", NETWORK]
    subprocess.run(command, cwd=made, check=True, capture_output=True)
    picture = np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)
    cv2.imwrite(str(made / "cat.png"), picture)
    return made


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(folder)
    yield folder
    for path in folder.iterdir():
        if path.name not in ("imagenet_resnet50.h5", "cat.png"):
            path.unlink()


def convert(capsys: pytest.CaptureFixture[str]) -> str:
    """The three steps; what they said."""
    assert mmdownload.main(["-f", "keras", "-n", "resnet50"]) == 0
    assert mmtoir.main(["-f", "keras", "-w", "imagenet_resnet50.h5", "-o", "converted"]) == 0
    line = (
        "-f mxnet -d converted_resnet50_mxnet.py -n converted.pb -w converted.npy "
        "-dw mxnet_converted-0000.param"
    )
    assert mmtocode.main(line.split()) == 0
    return capsys.readouterr().out


def test_the_three_steps(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(capsys) == (
        "File [./imagenet_resnet50.h5] existed!\n"
        "Keras model resnet50 is saved in [./imagenet_resnet50.h5]\n"
        "IR network structure is saved as [converted.json].\n"
        "IR network structure is saved as [converted.pb].\n"
        "IR weights are saved as [converted.npy].\n"
        "Parse file [converted.pb] with binary format successfully.\n"
        "Target network code snippet is saved as [converted_resnet50_mxnet.py].\n"
        "Target weights are saved as [mxnet_converted-0000.param].\n"
    )
    code = (here / "converted_resnet50_mxnet.py").read_text()
    assert "transpose" not in code
    assert "bn_conv1" in code


def test_the_comparison_is_one_command(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skip_without_engine("mxnet")
    convert(capsys)
    line = "-f mxnet -in converted_resnet50_mxnet.py -iw converted.npy -o converted --noVerify"
    assert mmtomodel.main(line.split()) == 0
    capsys.readouterr()
    line = (
        "imagenet_resnet50.h5 converted-symbol.json converted-0000.params --image cat.png "
        "--json --csv layers.csv --report report.html --require engines"
    )
    assert mmcompare.main(line.split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["proof"] == "engines"
    assert "Keras" in found["source"]
    assert "MXNet" in found["target"]
    layers = {layer["value"]: layer for layer in found["layers"]}
    assert {"conv1", "bn_conv1", "activation_1", "add_1", "pool", "fc1000"} <= layers.keys()
    assert layers["conv1"]["shape"] in ([1, 8, 16, 16], [3, 8, 16, 16])
    assert layers["fc1000"]["difference"]["max_abs"] <= 1e-6
    with open("layers.csv", newline="") as file:
        assert [row["value"] for row in csv.DictReader(file)] == list(layers)
    page = (here / "report.html").read_text()
    assert page.count("<tr id=") == len(layers)
    assert "data:image/png;base64," in page


def test_a_picture_in_keras(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "-p resnet50 -i cat.png --size 32 --json -s keras -n"
    assert keras_test.main([*line.split(), "imagenet_resnet50.h5"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["engine"] == "Keras on imagenet_resnet50.h5"
    assert mmconvert.main(["imagenet_resnet50.h5", "-om", "net.onnx", "--noVerify"]) == 0
    capsys.readouterr()
    assert onnx_test.main([*line.split(), "net.onnx"]) == 0
    other = json.loads(capsys.readouterr().out)
    for one, two in zip(found["outputs"][0]["top"], other["outputs"][0]["top"], strict=True):
        assert one["index"] == two["index"]
        assert one["score"] == pytest.approx(two["score"], rel=1e-4)
