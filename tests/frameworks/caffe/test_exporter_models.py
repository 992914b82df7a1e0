"""Real networks to Caffe, run in OpenCV: each value that both have agrees with onnxruntime's."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("cv2")

import mmdnn
from mmdnn.cli import mmconvert
from mmdnn.ir import SAID
from mmdnn.ir.builder import Builder

LIGHT = "onnx/onnx_light/onnx__backend__test__data__light__light_{}.onnx"
MODELS = {
    **{name: LIGHT.format(name) for name in ("squeezenet", "resnet50", "shufflenet")},
    "ultraface": "onnx/ultraface_version-RFB-320/version-RFB-320.onnx",
}
CAFFE = {
    "lenet": ("lenet_mnist/lenet.prototxt", "lenet_mnist/lenet_iter_10000.caffemodel"),
    "ONet": ("mtcnn_det3_ONet/det3.prototxt", "mtcnn_det3_ONet/det3.caffemodel"),
    "residual": (
        "mxnet2caffe_residual/deploy.prototxt",
        "mxnet2caffe_residual/residual.caffemodel",
    ),
    "ultraface": ("ultraface_RFB320/RFB-320.prototxt", "ultraface_RFB320/RFB-320.caffemodel"),
}


@pytest.mark.parametrize("name", MODELS)
def test_onnx(shared: Path, tmp_path: Path, name: str) -> None:
    fork = {"fork": "ssd"} if name == "ultraface" else None
    target = tmp_path / "net.prototxt"
    result = mmdnn.convert(shared / "models" / MODELS[name], target, options=fork)
    assert result.report is not None
    assert result.report.ok
    assert "OpenCV" in result.report.target


@pytest.mark.parametrize("name", CAFFE)
def test_caffe(shared: Path, tmp_path: Path, name: str) -> None:
    """The same numbers, bit for bit: the files hold the same network."""
    files = [shared / "models" / "caffe" / file for file in CAFFE[name]]
    result = mmdnn.convert(*files, tmp_path / "net.prototxt", options={"fork": "ssd"})
    assert result.report is not None
    assert max(layer.difference.max_abs for layer in result.report.layers) == 0


def test_the_command_names_the_fork(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "net.onnx"
    builder = Builder("test")
    x = builder.input("x", [1, 70, 80, 90])
    builder.graph.outputs.append(builder.op.Transpose(x, perm=[0, 2, 3, 1]))
    mmdnn.save(builder.model(), model)
    assert mmconvert.main([str(model), "-om", str(tmp_path / "net.prototxt"), "--noVerify"]) == 1
    assert "--caffeFork ssd" in capsys.readouterr().err
    assert mmconvert.main([str(model), "-om", str(tmp_path / "n.onnx"), "--caffeFork", "ssd"]) == 1
    assert "is for Caffe" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [model]


def test_without_the_fork_axes_are_moved_by_cutting(shared: Path, tmp_path: Path) -> None:
    result = mmdnn.convert(shared / "models" / MODELS["ultraface"], tmp_path / "net.prototxt")
    assert result.report is not None
    assert result.report.ok
    assert "OpenCV" in result.report.target
    assert "Permute" not in (tmp_path / "net.prototxt").read_text()


def test_what_fits_one_batch_is_compared_with_that(tmp_path: Path) -> None:
    builder = Builder("test")
    x = builder.input("x", ["batch", 3, 4])
    x.metadata_props[SAID] = "2"
    builder.graph.outputs.append(builder.op.Transpose(x, perm=[1, 0, 2]))
    model = tmp_path / "net.onnx"
    mmdnn.save(builder.model(), model)
    result = mmdnn.convert(model, tmp_path / "net.prototxt")
    assert result.report is not None
    assert result.report.ok
    assert any("no other batch than its files say" in note for note in result.notes)
