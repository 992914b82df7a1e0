"""convert_symbol, convert_model, convert_mean and test_converter: Caffe's files to MXNet's."""

from __future__ import annotations

import io
import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

import mmdnn
from helpers import ROOT
from helpers.tools import call
from mmdnn.errors import UsageError
from mmdnn.frameworks.caffe.graph import message
from mmdnn.frameworks.mxnet.reader import ndarray
from mmdnn.tensors import references
from mmdnn.tools import standins

pytest.importorskip("onnxruntime")

DIGITS = ROOT / "examples" / "digits" / "digits"
PICTURE = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 5 dim: 4 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 2 kernel_size: 3 } }
"""


def blob(proto, array: np.ndarray):
    proto.shape.dim.extend(array.shape)
    proto.data.extend(array.ravel())
    return proto


def network(folder: Path, text: str, **arrays: list[np.ndarray]) -> tuple[Path, Path]:
    """A prototxt, and a caffemodel of these layers' weights."""
    prototxt, caffemodel = folder / "net.prototxt", folder / "net.caffemodel"
    prototxt.write_text(text)
    net = message("NetParameter")
    for name, blobs in arrays.items():
        layer = net.layer.add(name=name)
        for array in blobs:
            blob(layer.blobs.add(), array)
    caffemodel.write_bytes(net.SerializeToString())
    return prototxt, caffemodel


def picture_network(folder: Path, text: str = PICTURE) -> tuple[Path, Path]:
    random = np.random.default_rng(0)
    weight = random.normal(size=(2, 3, 3, 3)).astype(np.float32)
    return network(folder, text, conv=[weight, np.float32([1, -1])])


def run(files, picture: np.ndarray) -> np.ndarray:
    """The first output of MXNet's files, read back and run on onnxruntime."""
    from mmdnn.frameworks.onnx import engine

    model = mmdnn.load(files)
    found = engine.run(model, {str(model.graph.inputs[0].name): picture})
    return found[str(model.graph.outputs[0].name)]


def arrays(path: Path) -> dict[str, np.ndarray]:
    return {name: references.read(t) for name, t in ndarray.read(path).tensors.items()}


def mean_file(path: Path, image: np.ndarray) -> Path:
    path.write_bytes(blob(message("BlobProto"), image).SerializeToString())
    return path


def test_the_symbol_of_a_prototxt_alone_is_that_of_the_whole_model(tmp_path, capsys):
    out, prefix = tmp_path / "alone.json", tmp_path / "net"
    assert call("convert_symbol", f"{DIGITS}.prototxt", out) == 0
    assert f"MXNet symbol is saved as [{out}]" in capsys.readouterr().out
    files = f"{DIGITS}.prototxt", f"{DIGITS}.caffemodel"
    assert call("convert_model", *files, prefix) == 0
    printed = capsys.readouterr().out
    assert "layers agree" in printed
    assert f"Saved as [{prefix}-0000.params]" in printed
    assert json.loads(out.read_text()) == json.loads(Path(f"{prefix}-symbol.json").read_text())


def test_a_single_learned_number_is_a_weight(tmp_path):
    text = PICTURE + 'layer { name: "s" type: "Scale" bottom: "conv" top: "s" '
    text += "scale_param { axis: 0 num_axes: 0 } }"
    prototxt, _ = picture_network(tmp_path, text)
    assert call("convert_symbol", prototxt, tmp_path / "out.json") == 0
    nodes = json.loads((tmp_path / "out.json").read_text())["nodes"]
    assert {"s", "s.weight"} <= {node["name"] for node in nodes}


def test_a_weight_that_would_stand_in_the_symbol_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be converted without its weights"):
        standins.converted(lambda value: f"scalar: {value}", tmp_path / "net.prototxt")


@pytest.mark.parametrize("prefix", ["out", "out.v1", "deep/out"])
def test_a_model_is_written_under_its_prefix(tmp_path, prefix):
    files = picture_network(tmp_path)
    assert call("convert_model", *files, tmp_path / prefix, "--noVerify") == 0
    params = arrays(tmp_path / f"{prefix}-0000.params")
    assert params["arg:conv_weight"].shape == (2, 3, 3, 3)
    assert (tmp_path / f"{prefix}-symbol.json").is_file()


def test_a_model_takes_pictures_red_first_if_asked_to(tmp_path, capsys):
    files = picture_network(tmp_path)
    assert call("convert_model", *files, tmp_path / "bgr", "--noVerify") == 0
    assert call("convert_model", *files, tmp_path / "rgb", "--rgb") == 0
    assert "red first" in capsys.readouterr().out
    picture = np.random.default_rng(1).normal(size=(1, 3, 5, 4)).astype(np.float32)
    bgr, rgb = (
        [tmp_path / f"{name}-symbol.json", tmp_path / f"{name}-0000.params"]
        for name in ("bgr", "rgb")
    )
    wanted = run(bgr, picture)
    np.testing.assert_allclose(run(rgb, picture[:, ::-1].copy()), wanted, atol=1e-5)
    assert np.abs(run(rgb, picture) - wanted).max() > 0.1


def test_what_cannot_take_pictures_red_first_is_refused_and_nothing_is_written(tmp_path, capsys):
    text = PICTURE.replace('bottom: "data" top: "conv"', 'bottom: "p" top: "conv"')
    text += 'layer { name: "after" type: "ReLU" bottom: "conv" top: "after" }'
    power = 'layer { name: "p" type: "TanH" bottom: "data" top: "p" }\nlayer { name: "conv"'
    files = picture_network(tmp_path, text.replace('layer { name: "conv"', power))
    assert call("convert_model", *files, tmp_path / "out", "--rgb") == 1
    err = capsys.readouterr().err
    assert "layer 'p' (TanH)" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.caffemodel", "net.prototxt"]


@pytest.mark.parametrize(
    ("shape", "flags", "order"),
    [
        ((1, 3, 4, 5), [], [2, 1, 0]),
        ((3, 4, 5), [], [2, 1, 0]),
        ((1, 3, 4, 5), ["--bgr"], [0, 1, 2]),
        ((1, 4, 2, 2), [], [2, 1, 0, 3]),
        ((1, 1, 4, 5), [], [0]),
    ],
)
def test_a_mean_image(tmp_path, capsys, shape, flags, order):
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    out = tmp_path / "mean.nd"
    assert call("convert_mean", mean_file(tmp_path / "m.binaryproto", image), out, *flags) == 0
    assert f"Mean image is saved as [{out}]" in capsys.readouterr().out
    found = arrays(out)
    assert list(found) == ["mean_image"]
    np.testing.assert_array_equal(found["mean_image"], image.reshape(shape[-3:])[order])


def test_the_bytes_of_a_mean_image_are_those_of_mxnet(tmp_path):
    """NDArray::Save of MXNet 1.9.1: a list of one dense float32 array on the CPU, and its name."""
    out = tmp_path / "mean.nd"
    image = np.float32([[[1.5, -2]]])
    assert call("convert_mean", mean_file(tmp_path / "m.binaryproto", image), out) == 0
    wanted = struct.pack("<QQQ", 0x112, 0, 1)
    wanted += struct.pack("<IiI3q", 0xF993FAC9, 0, 3, 1, 1, 2)
    wanted += struct.pack("<iii2f", 1, 0, 0, 1.5, -2)
    wanted += struct.pack("<QQ", 1, 10) + b"mean_image"
    assert out.read_bytes() == wanted


@pytest.mark.parametrize(
    ("shape", "said"), [((1, 2, 4, 5), "2 channels"), ((4, 5), "[4, 5]"), ((2, 3, 4, 5), "[2, 3")]
)
def test_what_is_no_picture_is_refused(tmp_path, capsys, shape, said):
    path = mean_file(tmp_path / "m.binaryproto", np.zeros(shape, np.float32))
    assert call("convert_mean", path, tmp_path / "mean.nd") == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "mean.nd").exists()


def test_a_damaged_mean_image_is_refused(tmp_path, capsys):
    path = mean_file(tmp_path / "m.binaryproto", np.zeros((1, 3, 4, 5), np.float32))
    path.write_bytes(path.read_bytes()[:-5])
    assert call("convert_mean", path, tmp_path / "mean.nd") == 1
    assert str(path) in capsys.readouterr().err
    assert not (tmp_path / "mean.nd").exists()


def test_the_mean_image_of_imagenet(shared, tmp_path):
    folder = shared / "models" / "caffe" / "ilsvrc_2012_mean"
    out = tmp_path / "mean.nd"
    assert call("convert_mean", folder / "ilsvrc_2012_mean.binaryproto", out) == 0
    wanted = np.load(folder / "ilsvrc_2012_mean.npy")[::-1]
    np.testing.assert_array_equal(arrays(out)["mean_image"], wanted.astype(np.float32))


def test_accuracy_on_the_digits_is_the_same(capsys):
    assert call("test_converter", "--cpu", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    assert found["pictures"] == 297
    assert found["before"]["top1"] == found["after"]["top1"] > 0.95


def test_accuracy_in_words(capsys):
    assert call("test_converter") == 0
    out = capsys.readouterr().out
    assert "Top-1 accuracy before: 0.98" in out
    assert "Top-1 accuracy after: 0.98" in out


def test_a_converter_that_is_wrong_is_found_out(monkeypatch, capsys):
    """Its weights are changed on their way: the labels differ, and the tool ends with 1."""
    from mmdnn.frameworks.mxnet import writer

    right = writer._write_array

    def wrong(file, tensor, progress):
        if tensor.shape.numpy() == (10,):
            tensor = references.lazy(tensor, lambda array: array + np.arange(10, dtype=array.dtype))
        right(file, tensor, progress)

    monkeypatch.setattr(writer, "_write_array", wrong)
    assert call("test_converter", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"]
    assert found["different"] > 0
    assert found["after"]["top1"] < found["before"]["top1"]


def test_without_mxnet_the_files_are_read_back_and_it_says_so(monkeypatch, capsys):
    from mmdnn.errors import MissingExtraError
    from mmdnn.frameworks.mxnet import engine

    def none() -> str:
        raise MissingExtraError("mxnet==1.9.1", hint="mmengine install mxnet")

    monkeypatch.setattr(engine, "interpreter", none)
    assert call("test_converter") == 0
    out, err = capsys.readouterr()
    assert "onnxruntime on the IR" in out
    assert "mmengine install mxnet" in err


def npy() -> bytes:
    """An array alone, where an archive of them is expected."""
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04nothing", b"\x80\x04.", npy()])
def test_pictures_that_are_none_are_refused(tmp_path, capsys, damage):
    for suffix in (".prototxt", ".caffemodel"):
        shutil.copy(f"{DIGITS}{suffix}", tmp_path)
    (tmp_path / "digits-test.npz").write_bytes(damage)
    assert call("test_converter", "--data", tmp_path) == 1
    assert "digits-test.npz" in capsys.readouterr().err
