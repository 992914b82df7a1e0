"""What mmcompare and mmconvert show of a comparison: one layer, a file of all, a page."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from mmdnn.cli import mmcompare, mmconvert
from mmdnn.conversion import examples
from mmdnn.errors import UsageError

pytest.importorskip("onnxruntime")
cv2 = pytest.importorskip("cv2")

TEXT = """<ir_version: 10, opset_import: ["": 22]>
g (float[1,3,4,5] x) => (float[1,3,4,5] y) { h = Relu(x) k = Neg(h) y = Abs(k) }"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("a.onnx", TEXT), ("b.onnx", TEXT.replace("Neg(h)", "Sin(h)"))):
        onnx.save(onnx.parser.parse_model(text), name)
    return tmp_path


def test_one_layer(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("x.npy", np.full((1, 3, 4, 5), 2, np.float32))
    assert mmcompare.main(["a.onnx", "b.onnx", "--layer", "k", "--npy", "x.npy"]) == 1
    said = capsys.readouterr().out
    assert "k (Neg), float32, agrees: no" in said
    assert "its worst places" in said
    assert "cosine" in said
    assert "h (" not in said
    assert mmcompare.main(["a.onnx", "a.onnx", "--layer", "k"]) == 0
    assert "All of its 60 elements are the same." in capsys.readouterr().out


def test_one_layer_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mmcompare.main(["a.onnx", "b.onnx", "--layer", "k", "--json"]) == 1
    (layer,) = json.loads(capsys.readouterr().out)["layers"]
    assert layer["value"] == "k"
    places = layer["closeup"]["places"]
    assert places[0]["error"] == layer["difference"]["max_abs"]
    assert mmcompare.main(["a.onnx", "b.onnx", "--report", "r.html", "--json"]) == 1
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert [layer["value"] for layer in layers] == ["h", "k", "y"]
    assert all("closeup" not in layer for layer in layers)


def test_a_layer_that_is_not_there(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mmcompare.main(["a.onnx", "a.onnx", "--layer", "kk"]) == 1
    said = capsys.readouterr().err
    assert "--layer: neither of the two has a layer 'kk'" in said
    assert "Did you mean k?" in said


def test_all_layers_as_csv(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mmcompare.main(["a.onnx", "b.onnx", "--csv", "out/l.csv", "--json"]) == 1
    with open("out/l.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert [row["value"] for row in rows] == ["h", "k", "y"]
    assert [row["agrees"] for row in rows][:2] == ["yes", "no"]
    for row, layer in zip(rows, layers, strict=True):
        gap = layer["difference"]
        assert float(row["max"]) == gap["max_abs"]
        assert float(row["mean"]) == gap["mean"]
        assert float(row["variance"]) == gap["variance"]
        assert float(row["cosine"]) == gap["cosine"]


def test_a_page(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite("cat.png", np.full((9, 7, 3), (10, 20, 30), np.uint8))
    argv = ["a.onnx", "b.onnx", "--image", "cat.png", "--report", "r.html"]
    assert mmcompare.main(argv) == 1
    assert "The report is saved as [r.html]." in capsys.readouterr().out
    text = Path("r.html").read_text()
    assert 'src="data:image/png;base64,' in text
    assert "the user&#x27;s own" in text
    assert text.count("<tr id=") == 3


@pytest.mark.parametrize("flag", ["--report", "--csv"])
def test_no_model_is_written_over(
    here: Path, capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    before = Path("b.onnx").read_bytes()
    assert mmcompare.main(["a.onnx", "b.onnx", flag, "b.onnx"]) == 1
    assert "b.onnx" in capsys.readouterr().err
    assert Path("b.onnx").read_bytes() == before


def test_a_conversion_writes_the_same_page(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["a.onnx", "-om", "c.onnx", "--report", "r.html"]
    assert mmconvert.main(argv) == 0
    assert Path("r.html").read_text().count("<tr id=") == 3
    assert mmconvert.main([*argv, "--noVerify"]) == 1
    assert "--noVerify leaves it out" in capsys.readouterr().err


def test_files_in_a_row(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(examples.__file__).parents[4] / "examples/digits"
    network, weights = next(root.rglob("*.prototxt")), next(root.rglob("*.caffemodel"))
    files = [Path(network), Path(weights)]
    one, other = mmcompare._two(mmcompare.parser().parse([*map(str, files), "a.onnx"]))
    assert (one, other) == (files, [Path("a.onnx")])
    one, other = mmcompare._two(mmcompare.parser().parse(["a.onnx", *map(str, files)]))
    assert (one, other) == ([Path("a.onnx")], files)
    with pytest.raises(UsageError, match="there must be two models"):
        mmcompare._two(mmcompare.parser().parse([*map(str, files), "a.onnx", "b.onnx"]))
