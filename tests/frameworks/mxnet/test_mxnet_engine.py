"""MXNet 1.9.1 itself, in its own interpreter, and the IR beside it on models and variants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("onnxruntime")

from helpers.mxnet import corpus
from mmdnn.errors import MissingExtraError, ShapeError
from mmdnn.frameworks.mxnet import engine, exporter, importer, reader, writer
from mmdnn.frameworks.mxnet.graph import VARIABLE, Entry, Model, Node, Symbol
from mmdnn.ir import notes
from mmdnn.ir.builder import Builder
from mmdnn.registry import Source
from mmdnn.verify import environments, isolated


@pytest.fixture(scope="module")
def python() -> str:
    try:
        return engine.interpreter()
    except MissingExtraError as error:
        pytest.skip(f"MXNet is not installed: {error.message}")


CASES = (
    "net_rpn",
    "net_gluon_lstm",
    "params_csr",
    "np_mlp",
    "foreach",
    "json_param_aux",
    "fp16_cast",
)


@pytest.mark.parametrize("case", CASES)
def test_it_computes_the_golden_numbers(shared: Path, python: str, case: str) -> None:
    folder = shared / "corpus" / "mxnet" / case
    golden = corpus.golden(folder)
    found = engine.run(corpus.source(folder), golden.inputs)
    heads = reader.read(corpus.source(folder)).symbol.heads
    names = [head.node.output_name(head.output) for head in heads]
    assert list(corpus.differences(dict(zip(names, golden.outputs, strict=True)), found)) == []
    assert list(corpus.differences(golden.internals, found)) == []


MODELS = {
    "mobilefacenet_y1": (1, 3, 112, 112),
    "mtcnn_det1_PNet": (2, 3, 40, 50),
    "mtcnn_det3_ONet": (2, 3, 48, 48),
    "residual": (1, 3, 224, 224),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_of_trained_models(shared: Path, python: str, name: str) -> None:
    source = corpus.source(shared / "models" / "mxnet" / name)
    feeds = {"data": np.random.default_rng(0).uniform(-1, 1, MODELS[name]).astype(np.float32)}
    wanted = engine.run(source, feeds)
    model = importer.to_ir(reader.read(source))
    found = corpus.run(model, feeds)
    assert wanted.keys() <= found.keys()
    for layer, array in wanted.items():
        scale = np.abs(array).max()
        assert np.abs(found[layer] - array).max() <= 1e-5 * scale, layer
    for value in model.graph.outputs:
        output = str(value.name)
        assert np.abs(found[output] - wanted[output]).max() <= 2e-6


def test_it_says_why_it_refuses(shared: Path, python: str) -> None:
    source = corpus.source(shared / "corpus" / "mxnet" / "conv")
    with pytest.raises(ShapeError, match="MXNet refuses it"):
        engine.run(source, {"data": np.zeros((2, 4, 7, 6), np.float32)})


def test_without_mxnet_the_command_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MMDNN_MXNET_PYTHON", raising=False)
    monkeypatch.setattr(environments, "places", lambda name: iter([tmp_path]))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="mmengine install mxnet"):
        engine.interpreter()


def test_what_fusion_changes_is_told(
    python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MXNet fuses operators unless it is told not to; a usual network is the same both ways."""
    del python
    x = np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype("f4")
    (tmp_path / "net-symbol.json").write_text(
        '{"nodes": [{"op": "null", "name": "x", "inputs": []}, {"op": "Activation", "name": "r", '
        '"attrs": {"act_type": "relu"}, "inputs": [[0, 0, 0]]}], "arg_nodes": [0], "heads": [[1, 0, 0]]}'
    )
    source = Source(tmp_path / "net-symbol.json")
    assert engine.remarks(source, {"x": x}) == ()
    answer = isolated.Answer(["r_output"], {})
    monkeypatch.setattr(engine.isolated, "run", lambda *_, **__: [answer])
    assert "computes r_output otherwise" in engine.remarks(source, {"x": x})[0]


def test_a_number_that_is_fed_has_one_element(tmp_path: Path, python: str) -> None:
    """y = x s: MXNet's arrays have one dimension at least."""
    builder = Builder("mmdnn.test")
    x = builder.input("x", (1, 3), ir.DataType.FLOAT)
    y = builder.op.Mul(x, builder.input("s", (), ir.DataType.FLOAT))
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    writer.write(exporter.from_ir(builder.model()), tmp_path / "net")
    feeds = {"x": np.array([[1, -2, 3]], np.float32), "s": np.array(1.5, np.float32)}
    made = Source(network=tmp_path / "net-symbol.json", weights=tmp_path / "net-0000.params")
    np.testing.assert_array_equal(engine.run(made, feeds)["y"], [[1.5, -3, 4.5]])


def test_a_label_that_is_computed_is_not_fed(tmp_path: Path, python: str) -> None:
    """As of `SoftmaxOutput(x, Reshape(label, shape=(-1,)))`; the model has no such input."""
    del python
    data, label = Node(VARIABLE, "data", {"__shape__": "(0, 3)"}), Node(VARIABLE, "label")
    flat = Node("Reshape", "flat", {"shape": "(-1,)"}, [Entry(label)])
    loss = Node("SoftmaxOutput", "softmax", {}, [Entry(data), Entry(flat)])
    symbol = Symbol([data, label, flat, loss], [Entry(loss)])
    source = Source(*writer.write(Model(symbol), tmp_path / "net"))
    model = importer.to_ir(reader.read(source))
    assert [value.name for value in model.graph.inputs] == ["data"]
    assert notes.of(model) == ("Left out, as only training reads them: label.",)
    found = engine.run(source, {"data": np.ones((2, 3), np.float32)})
    np.testing.assert_allclose(found["softmax_output"], np.full((2, 3), 1 / 3), rtol=1e-6)
