"""What a command reads it never writes; what it replaces it says."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import onnx_ir as ir
import pytest


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    x = ir.Value(name="x", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape([2, 3]))
    relu = ir.Node("", "Relu", [x], name="relu")
    relu.outputs[0].name = "y"
    relu.outputs[0].type, relu.outputs[0].shape = x.type, x.shape
    graph = ir.Graph([x], relu.outputs, nodes=[relu], name="net", opset_imports={"": 22})
    ir.save(ir.Model(graph, ir_version=10), "net.onnx")
    return tmp_path


def call(capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str]:
    """Run a command; returns its exit code, and what it says."""
    name, *argv = line.split()
    code = importlib.import_module(f"mmdnn.cli.{name}").main(argv)
    out, err = capsys.readouterr()
    return code, out + err


@pytest.mark.parametrize("target", ["net.onnx", "a/../net.onnx", "link.onnx", "hard.onnx"])
def test_the_source_is_never_replaced(
    target: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a").mkdir()
    (here / "link.onnx").symlink_to("net.onnx")
    os.link(here / "net.onnx", here / "hard.onnx")
    before = (here / "net.onnx").read_bytes()
    code, said = call(capsys, f"mmconvert net.onnx -om {target}")
    assert code == 1
    assert "give the result another name" in said
    assert (here / "net.onnx").read_bytes() == before
    assert sorted(path.name for path in here.iterdir()) == [
        "a", "hard.onnx", "link.onnx", "net.onnx",
    ]  # fmt: skip


def test_companions_neither(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those whose names are made of the target's."""
    assert call(capsys, "mmconvert net.onnx -df mxnet -om net --noVerify")[0] == 0
    symbol = (here / "net-symbol.json").read_bytes()
    code, said = call(
        capsys, "mmconvert net-symbol.json net-0000.params -df mxnet -om net --noVerify"
    )
    assert (code, "give the result another name" in said) == (1, True)
    assert (here / "net-symbol.json").read_bytes() == symbol


def test_the_representation_neither(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "mmtoir -f onnx -n net.onnx -d net")[0] == 0
    for line in (
        "mmtoir -f onnx -n net.pb -d net",
        "mmtocode -f pytorch -n net.pb -d net.pb",
        "mmtomodel -f onnx -in net.pb -o net.pb",
    ):
        code, said = call(capsys, line)
        assert (code, "give the result another name" in said) == (1, True), line


def test_nor_the_code_that_stands_for_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "mmtoir -f onnx -n net.onnx -d net")[0] == 0
    assert call(capsys, "mmtocode -f pytorch -n net.pb -d net.py")[0] == 0
    (here / "net.py").write_text(f"# mine\n{(here / 'net.py').read_text()}")
    before = (here / "net.py").read_bytes()
    code, said = call(capsys, "mmtomodel -f pytorch -in net.py -iw net.npy -o net.py")
    assert (code, "give the result another name" in said) == (1, True)
    line = "mmtomodel -f pytorch -in net.py -iw net.npy -o net.safetensors --noVerify --noClobber"
    assert call(capsys, line)[0] == 0
    assert (here / "net.safetensors").is_file()
    assert (here / "net.py").read_bytes() == before


def test_one_file_for_two(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = call(capsys, "mmconvert net.onnx -om a.py -ow ./a.py --noVerify")
    assert (code, "both the model and its weights" in said) == (1, True)


def test_what_is_replaced_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert "Replaced" not in call(capsys, "mmconvert net.onnx -om other.onnx --noVerify")[1]
    (here / "other.onnx").write_text("mine")
    code, said = call(capsys, "mmconvert net.onnx -om other.onnx --noVerify")
    assert (code, "Replaced, as it was there already: other.onnx." in said) == (0, True)
    (here / "other.onnx").write_text("mine")
    code, said = call(capsys, "mmconvert net.onnx -om other.onnx --noVerify --noClobber")
    assert (code, "is there already" in said) == (1, True)
    assert (here / "other.onnx").read_text() == "mine"


def test_a_slash_means_into_the_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "mmconvert net.onnx -df onnx -om out/ --noVerify")[0] == 0
    assert call(capsys, "mmconvert net.onnx -df mxnet -om out/ --noVerify")[0] == 0
    assert call(capsys, "mmtoir -f onnx -n net.onnx -d out/")[0] == 0
    assert call(capsys, "mmtocode -f pytorch -n out/net.pb -d out/")[0] == 0
    assert {path.name for path in (here / "out").iterdir()} >= {
        "net.onnx", "net-symbol.json", "net.pb", "net.py",
    }  # fmt: skip
    code, said = call(capsys, "mmconvert net.onnx -df onnx -om out")
    assert (code, "is a folder: give a file's name" in said) == (1, True)
