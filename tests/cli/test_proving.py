"""What is fed, what is demanded, and what is said of the proof."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from mmdnn.cli import mmcompare, mmconvert

cv2 = pytest.importorskip("cv2")
pytest.importorskip("onnxruntime")

TEXT = """<ir_version: 10, opset_import: ["": 22]>
g (float[1,3,4,5] x) => (float[1,3,4,5] y) { h = Relu(x) y = Neg(h) }"""
OTHER = TEXT.replace("Relu", "Abs")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("net.onnx", TEXT), ("other.onnx", OTHER)):
        onnx.save(onnx.parser.parse_model(text), name)
    return tmp_path


def result(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    return dict(json.loads(capsys.readouterr().out))


def test_the_three_words_in_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mmconvert.main(["net.onnx", "-om", "a.onnx", "--json"]) == 0
    assert result(capsys)["proof"] == "engines"
    assert mmconvert.main(["net.onnx", "-om", "b.onnx", "--noVerify", "--json"]) == 0
    assert result(capsys)["proof"] is None


@pytest.mark.parametrize(("level", "code"), [("engines", 0), ("reference", 0), ("written", 0)])
def test_what_is_demanded_is_there(here: Path, level: str, code: int) -> None:
    assert mmconvert.main(["net.onnx", "-om", "a.onnx", "--require", level]) == code
    assert Path("a.onnx").exists()


def test_less_than_demanded_has_an_exit_code_of_its_own(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["net.onnx", "-om", "a.onnx", "--noVerify", "--require", "written"]
    assert mmconvert.main(argv) == 3
    assert not Path("a.onnx").exists()
    said = capsys.readouterr().err
    assert "'written' is required, and this is not proved" in said
    assert "--noVerify leaves the comparison out" in said


def test_inputs_of_ones_own(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite("picture.png", np.full((9, 7, 3), (10, 20, 30), np.uint8))
    np.save("x.npy", np.ones((1, 3, 4, 5), np.float32))
    for flags in (["--npy", "x.npy"], ["--npy", "x:x.npy"], ["--image", "picture.png"]):
        assert mmcompare.main(["net.onnx", "net.onnx", "--json", *flags]) == 0
        feeds = result(capsys)["feeds"]
        assert isinstance(feeds, list)
        assert feeds[0] == "the user's own"
    assert mmcompare.main(["net.onnx", "net.onnx", "--feeds", "2", "--json"]) == 0
    assert "random 2" in str(result(capsys)["feeds"])
    assert mmcompare.main(["net.onnx", "net.onnx", "--npy", "z:x.npy"]) == 1
    assert "no input 'z'" in capsys.readouterr().err


SIDES = {
    "two.onnx": """<ir_version: 10, opset_import: ["": 22]>
        g (float[1,3] a, float[1,3] b) => (float[1,3] s) { t = Tanh(a) s = Add(t, b) }""",
    "two.prototxt": """input: "a" input_shape { dim: 1 dim: 3 } input: "b" input_shape { dim: 1 dim: 3 }
        layer { name: "t" type: "TanH" bottom: "a" top: "t" }
        layer { name: "s" type: "Eltwise" bottom: "t" bottom: "b" top: "s" }
        layer { name: "o" type: "Odd" bottom: "s" top: "o" }""",
}


@pytest.mark.parametrize("source", SIDES)
@pytest.mark.parametrize("target", ["end.onnx", "end.prototxt"])
def test_an_end_that_needs_one_input_is_proved(
    here: Path, capsys: pytest.CaptureFixture[str], source: str, target: str
) -> None:
    if source.endswith("onnx"):
        onnx.save(onnx.parser.parse_model(SIDES[source]), source)
    else:
        Path(source).write_text(SIDES[source])
    assert mmconvert.main([source, "-om", target, "-node", "t", "--json"]) == 0
    assert result(capsys)["proof"] in {"engines", "reference"}
    said = ["--inputShape", "a:[1,3]", "b:[1,3]"]
    assert mmconvert.main([source, "-om", target, "-node", "t", *said]) == 0


def test_a_byte_order_mark_is_no_obstacle_to_engines(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path("two.prototxt")
    text.write_text(SIDES["two.prototxt"].replace("dim: 3", "dim: 3 dim: 4 dim: 5"), "utf-8-sig")
    assert mmconvert.main(["two.prototxt", "-om", "end.onnx", "-node", "s", "--json"]) == 0
    assert result(capsys)["proof"] in {"engines", "reference"}
    assert mmconvert.main(["net.onnx", "-df", "mxnet", "-om", "net", "--noVerify"]) == 0
    symbol = Path("net-symbol.json")
    symbol.write_text(symbol.read_text(), "utf-8-sig")
    capsys.readouterr()
    assert mmconvert.main(["net-symbol.json", "-om", "back.onnx", "--json"]) == 0
    assert result(capsys)["proof"] in {"engines", None}


def test_a_batch_that_only_one_side_fixes(here: Path) -> None:
    text = TEXT.replace("1,3,4,5] x", "N,3,4,5] x").replace("1,3,4,5] y", "N,3,4,5] y")
    onnx.save(onnx.parser.parse_model(text), "open.onnx")
    assert mmcompare.main(["open.onnx", "net.onnx", "--json"]) == 0
    assert mmcompare.main(["net.onnx", "open.onnx", "--json"]) == 0


def test_a_difference_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mmcompare.main(["net.onnx", "other.onnx", "--json"]) == 1
    found = result(capsys)
    assert found["proof"] is None
    assert found["first_fault"] == "h"


def test_no_picture(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("text.png").write_text("no")
    assert mmcompare.main(["net.onnx", "net.onnx", "--image", "text.png"]) == 1
    assert "is no picture" in capsys.readouterr().err
    assert mmcompare.main(["net.onnx", "net.onnx", "--npy", "text.png"]) == 1
    assert "no array" in capsys.readouterr().err
