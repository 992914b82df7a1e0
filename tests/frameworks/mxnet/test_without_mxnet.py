"""A conversion to MXNet is proved where MXNet is not installed: the files are read back."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import onnx
import pytest

import mmdnn
from mmdnn.verify import environments

MODELS = {
    "one operator": "g (float[1,2,4,4] x) => (float[1,2,4,4] y) { y = Relu(x) }",
    "names that MXNet has none for": """g (float[1,2,4,4] x) => (float[1,2,4,4] y)
        { a = Relu(x) b = Identity(a) c = Sigmoid(b) y = Add(b, c) }""",
    "an output that another layer reads": """g (float[1,2,4,4] x) => (float[1,2,4,4] y, float[1,2,4,4] z)
        { y = Relu(x) z = Exp(y) }""",
    "two outputs that are one": """g (float[2,3] x) => (float[2,3] y, float[2,3] z)
        { y = Relu(x) z = Identity(y) }""",
    "a number without axes": """g (float[2,3] x) => (float y)
        { y = ReduceSum<keepdims=0>(x) }""",
}


@pytest.fixture
def no_mxnet(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.delenv("MMDNN_MXNET_PYTHON", raising=False)
    monkeypatch.setattr(environments, "places", lambda name: iter([Path("nowhere")]))
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name == "mxnet" else found(name, *more),
    )


@pytest.mark.usefixtures("no_mxnet")
@pytest.mark.parametrize("text", MODELS.values(), ids=MODELS)
def test_onnx_to_mxnet(tmp_path: Path, text: str) -> None:
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": 22]> {text}')
    onnx.save(model, tmp_path / "net.onnx")
    result = mmdnn.convert(tmp_path / "net.onnx", tmp_path / "net-symbol.json")
    assert result.report is not None
    compared = {layer.value for layer in result.report.layers}
    assert compared >= {output.name for output in model.graph.output}
    assert any("read back" in note for note in result.notes)
