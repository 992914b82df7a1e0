"""convert_caffe_modelzoo, with a small network in a pre-trained one's place."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import mmdnn
from helpers import picture_network
from mmdnn.frameworks.caffe.graph import message
from mmdnn.frameworks.mxnet.reader import ndarray
from mmdnn.tensors.references import read
from mmdnn.tools import convert_caffe_modelzoo as tool

MEAN = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)


@pytest.fixture
def repository(served, tmp_path, monkeypatch):
    """The files of "resnet-50" and "vgg-16" where MXNet's repository has them, and its address."""
    folder, url = served
    for path in ("resnet", "vgg"):
        (folder / "caffe" / "models" / path).mkdir(parents=True)
    root = folder / "caffe" / "models"
    picture_network.save(tmp_path / "net.prototxt", classes=5)
    mean = message("BlobProto")
    mean.shape.dim.extend(MEAN.shape)
    mean.data.extend(MEAN.reshape(-1).tolist())
    data = [
        (tmp_path / "net.prototxt").read_bytes(),
        (tmp_path / "net.caffemodel").read_bytes(),
        mean.SerializeToString(),
    ]
    for name in ("resnet-50", "vgg-16"):
        rows = []
        for (path, _), content in zip(tool._MODELS[name], data, strict=False):
            (root / path).write_bytes(content)
            rows.append((path, hashlib.sha1(content).hexdigest()))
        monkeypatch.setitem(tool._MODELS, name, tuple(rows))
    monkeypatch.setenv(tool.VARIABLE, url)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return folder


def call(capsys, line):
    try:
        code = tool.main(line.split())
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    return code, out, err


def mean_image(path):
    return read(ndarray.read(path).tensors["mean_image"])


@pytest.mark.parametrize(("flag", "order"), [("", [0, 1, 2]), (" --rgb", [2, 1, 0])])
def test_a_network_and_its_mean_image(flag, order, repository, capsys, tmp_path):
    code, out, err = call(capsys, f"resnet-50 --noVerify{flag}")
    assert (code, err) == (0, "")
    assert out.startswith(
        "Downloading file [model/resnet-50_deploy.prototxt] from [http://127.0.0.1"
    )
    assert out.endswith("Model is saved into model/resnet-50\n")
    here = tmp_path / "here" / "model"
    assert {path.name for path in here.iterdir()} == {
        "resnet-50_deploy.prototxt",
        "resnet-50.caffemodel",
        "resnet-50_mean.binaryproto",
        "resnet-50-symbol.json",
        "resnet-50-0000.params",
        "resnet-50-mean.nd",
    }
    assert np.array_equal(mean_image(here / "resnet-50-mean.nd"), MEAN[order])
    model = mmdnn.load(here / "resnet-50-symbol.json", here / "resnet-50-0000.params")
    source = mmdnn.load(tmp_path / "net.prototxt", tmp_path / "net.caffemodel")
    found, wanted = (
        next(v.const_value.numpy() for v in m.graph.initializers.values() if len(v.shape) == 4)
        for m in (model, source)
    )
    assert np.array_equal(found, wanted[:, order])


def test_a_network_with_a_mean_colour(repository, capsys):
    code, out, _ = call(capsys, "vgg-16 --noVerify")
    assert code == 0
    assert "Its mean is 103.939, 116.779, 123.68, in the order of its channels." in out
    code, out, _ = call(capsys, "vgg-16 --noVerify --rgb")
    assert "Its mean is 123.68, 116.779, 103.939, in the order of its channels." in out
    assert "File [model/vgg-16.caffemodel] existed!" in out


def test_a_damaged_file(repository, capsys, tmp_path):
    path = repository / "caffe" / "models" / tool._MODELS["vgg-16"][1][0]
    path.write_bytes(path.read_bytes()[::-1])
    code, _, err = call(capsys, "vgg-16")
    assert code == 1
    assert "is damaged or another file: its SHA-1 is" in err
    names = [path.name for path in (tmp_path / "here" / "model").iterdir()]
    assert names == ["vgg-16_deploy.prototxt"]


def test_an_unknown_name(capsys):
    code, _, err = call(capsys, "resnet-5")
    assert code == 1
    assert err.startswith("error: Unknown model resnet-5\n  Known: bvlc_alexnet, ")


def test_addresses(monkeypatch):
    monkeypatch.delenv(tool.VARIABLE, raising=False)
    assert [file.url for file in tool.model("bvlc_alexnet").files] == [
        f"{tool.REPOSITORY}caffe/models/bvlc_alexnet/{name}"
        for name in ("deploy.prototxt", "bvlc_alexnet.caffemodel", "imagenet_mean.binaryproto")
    ]
    for name in tool._MODELS:
        assert all(len(file.sha1) == 40 for file in tool.model(name).files)
        assert (len(tool.model(name).files) == 3) != (name in tool._MEANS)
