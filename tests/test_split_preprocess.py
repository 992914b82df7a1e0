"""Networks without their preprocessing, in every framework, held against the whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("onnxruntime")

import mmdnn
from mmdnn import MismatchError
from mmdnn.cli import mmconvert, mmtocode, mmtoir, mmtomodel
from mmdnn.errors import MissingExtraError
from mmdnn.frameworks.mxnet import engine as mxnet
from mmdnn.ir.builder import Builder
from mmdnn.ir.preprocessing import Step
from mmdnn.tools import json2prototxt, mxnet2caffe

MEAN = (120.0, 110.5, 100.25)
STEPS = {"data": (Step("subtract", MEAN), Step("multiply", 0.0078125))}
WORDS = (
    "Preprocessing taken out of input 'data': subtract (120, 110.5, 100.25) by channel, "
    "multiply by 0.0078125. Apply it yourself before feeding the model."
)


def model(*, preprocessing: bool = True) -> ir.Model:
    builder = Builder("mmdnn.test", "network")
    op, x = builder.op, builder.input("data", ("batch", 3, 8, 8))
    with builder.layer("mean", "Sub"):
        y = op.Sub(x, np.asarray(MEAN, np.float32).reshape(1, 3, 1, 1)) if preprocessing else x
    with builder.layer("scale", "Mul"):
        y = op.Mul(y, 0.0078125) if preprocessing else y
    weight = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    with builder.layer("conv", "Conv"):
        y = op.Conv(y, builder.weight("w", ir.tensor(weight)), kernel_shape=[3, 3])
        builder.rename(y, "conv")
    with builder.layer("relu", "Relu"):
        y = op.Relu(y)
        builder.rename(y, "relu")
        builder.graph.outputs.append(y)
    return builder.model()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("mxnet")
    return mmdnn.save(model(), folder / "model-symbol.json")


def need_mxnet() -> None:
    try:
        mxnet.interpreter()
    except MissingExtraError:
        pytest.skip("MXNet is not installed: mmengine install mxnet")


@pytest.mark.parametrize("target", ["net.onnx", "net.py", "net.prototxt"])
def test_to_every_framework(target: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("cv2")
    whole = mmdnn.save(model(), tmp_path / "whole.onnx")
    result = mmdnn.convert(*whole, tmp_path / target, split_preprocess=True)
    assert result.preprocessing == STEPS
    assert result.report is not None
    assert {layer.value for layer in result.report.layers} == {"conv", "relu"}
    assert [node.op_type for node in result.model.graph] == ["Conv", "Relu"]


def test_to_mxnet(tmp_path: Path) -> None:
    need_mxnet()
    whole = mmdnn.save(model(), tmp_path / "whole.onnx")
    result = mmdnn.convert(*whole, tmp_path / "net-symbol.json", split_preprocess=True)
    assert result.report is not None
    assert result.report.target.startswith("MXNet")
    assert len(result.report.layers) == 2


def test_a_wrong_step_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mmdnn.save(model(), tmp_path / "whole.onnx")
    monkeypatch.setattr(Step, "__call__", lambda self, data: data)
    with pytest.raises(MismatchError, match="conv"):
        mmdnn.convert(*whole, tmp_path / "net.onnx", split_preprocess=True)
    assert list(tmp_path.iterdir()) == whole


def test_caffe_s_own(tmp_path: Path) -> None:
    """Power and Scale layers at the input."""
    whole = mmdnn.save(model(), tmp_path / "net.prototxt")
    text = whole[0].read_text()
    assert 'type: "Bias"' in text or 'type: "Scale"' in text
    result = mmdnn.convert(*whole, tmp_path / "net.onnx", split_preprocess=True)
    assert result.preprocessing is not None
    x = np.random.default_rng(0).uniform(0, 255, (2, 3, 8, 8)).astype(np.float32)
    wanted, found = x, x
    for step in STEPS["data"]:
        wanted = step(wanted)
    for step in result.preprocessing["data"]:
        found = step(found)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_the_record_travels_with_onnx(tmp_path: Path) -> None:
    """`compare` knows by it what to feed."""
    whole = mmdnn.save(model(), tmp_path / "whole.onnx")[0]
    mmdnn.convert(whole, tmp_path / "rest.onnx", split_preprocess=True)
    for pair in ((whole, tmp_path / "rest.onnx"), (tmp_path / "rest.onnx", whole)):
        report = mmdnn.compare(*pair)
        assert report.ok
        assert report.layers
    mmdnn.save(model(preprocessing=False), tmp_path / "bare.onnx")
    assert not mmdnn.compare(whole, tmp_path / "bare.onnx").ok


def call(work: Any, *argv: object) -> int:
    return int(work.main([str(each) for each in argv]))


def test_mmconvert_says_it(
    checkpoint: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [*checkpoint, "--splitPreprocess", "--noVerify", "-om"]
    assert call(mmconvert, *said, tmp_path / "net.onnx") == 0
    assert WORDS in capsys.readouterr().out.splitlines()
    assert call(mmconvert, *said, tmp_path / "net.onnx", "--json") == 0
    found = json.loads(capsys.readouterr().out)["preprocessing"]
    assert found["data"][0] == {"operation": "subtract", "by": list(MEAN)}
    rest = [
        tmp_path / "net.onnx",
        "--splitPreprocess",
        "--noVerify",
        "-om",
        tmp_path / "again.onnx",
    ]
    assert call(mmconvert, *rest) == 0
    assert "No preprocessing found at the inputs: nothing is taken out." in capsys.readouterr().out
    assert call(mmconvert, *checkpoint, "--noVerify", "-om", tmp_path / "whole.onnx") == 0
    assert "reprocessing" not in capsys.readouterr().out


def test_step_by_step(
    checkpoint: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said when it is taken out, and whenever the IR is used."""
    assert call(mmtoir, *checkpoint, "-d", tmp_path / "net", "--splitPreprocess") == 0
    assert capsys.readouterr().out.splitlines()[-1] == WORDS
    files = [tmp_path / "net.pb", tmp_path / "net.npy"]
    code = ["-f", "pytorch", "-n", files[0], "-w", files[1], "-d", tmp_path / "net.py"]
    assert call(mmtocode, *code) == 0
    assert WORDS in capsys.readouterr().out.splitlines()
    made = ["-f", "onnx", "-in", files[0], "-iw", files[1], "-o", tmp_path / "net.onnx"]
    assert call(mmtomodel, *made) == 0
    assert WORDS in capsys.readouterr().out.splitlines()


def test_the_tools(
    checkpoint: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need_mxnet()
    pytest.importorskip("cv2")
    prefix = str(checkpoint[0]).removesuffix("-symbol.json")
    prototxts = {}
    for flags in ((), ("--splitPreprocess",)):
        prototxt = prototxts[flags] = tmp_path / f"net{len(flags)}.prototxt"
        symbol = ["--mx-json", checkpoint[0], "--cf-prototxt", prototxt]
        assert call(json2prototxt, *symbol, *flags) == 0
        assert (WORDS in capsys.readouterr().out) == bool(flags)
        made = [
            "--mx-model",
            prefix,
            "--cf-prototxt",
            prototxt,
            "--cf-model",
            tmp_path / "n.caffemodel",
        ]
        assert call(mxnet2caffe, *made, *(flags or ("--noVerify",))) == 0
        found = capsys.readouterr().out
        assert ("2 layers agree in MXNet" in found) == bool(flags)
        assert (WORDS in found) == bool(flags)
    for flags, prototxt in prototxts.items():
        other = () if flags else ("--splitPreprocess",)
        made = [
            "--mx-model",
            prefix,
            "--cf-prototxt",
            prototxt,
            "--cf-model",
            tmp_path / "m.caffemodel",
        ]
        assert call(mxnet2caffe, *made, *other) == 1
        word = "with" if flags else "without"
        assert (
            f"net{len(flags)}.prototxt: was made {word} --splitPreprocess"
            in capsys.readouterr().err
        )
        assert not (tmp_path / "m.caffemodel").exists()
