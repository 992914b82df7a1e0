"""Every option of LSTM, GRU and RNN as Caffe's layers, read back and held against the equations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers import sampled
from helpers.recurrent.cases import CASES
from helpers.recurrent.recurrence import Case

pytest.importorskip("onnxruntime")

from mmdnn.errors import Error
from mmdnn.frameworks.caffe import importer, reader, writer
from mmdnn.frameworks.caffe.exporter import from_ir
from mmdnn.frameworks.caffe.graph import Network
from mmdnn.frameworks.onnx import engine
from mmdnn.ir.builder import Builder
from mmdnn.registry import Source


def run(case: Case, folder: Path) -> tuple[Network, dict[str, np.ndarray]]:
    model, feeds = case.model()
    network = from_ir(model)
    source = Source(*writer.write(network, folder / "net.prototxt"))
    again = importer.to_ir(reader.read(source))
    return network, engine.run(again, {n: a.astype(np.float32) for n, a in feeds.items()})


REFUSED = {
    name: "computed while the model runs" if "computed" in name else "the size of axis"
    for name, case in CASES.items()
    if (name.endswith("_computed") and "peepholes" not in name) or "T" in case.open
}


@pytest.mark.parametrize("name", sampled(sorted(CASES.keys() - REFUSED)))
def test_to_caffe(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    _, found = run(case, tmp_path)
    for key, array in case.wanted().items():
        np.testing.assert_allclose(found[key], array, rtol=1e-4, atol=1e-5, strict=True)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name: str) -> None:
    with pytest.raises(Error, match=REFUSED[name]):
        from_ir(CASES[name].model()[0])


def types(network: Network) -> list[str]:
    return [layer.type for layer in network.layers if layer.type != "Input"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("lstm_steps_only", ["DummyData", "Concat", "LSTM", "Reshape"]),
        ("lstm_one_step", ["DummyData", "DummyData", "LSTM", "Reshape"]),
        ("lstm_states", ["DummyData", "LSTM", "Reshape"]),
        ("lstm_only_memory_out", ["DummyData", "DummyData", "LSTM", "Silence"]),
        ("rnn_last_only", ["DummyData", "DummyData", "RNN", "Silence"]),
        (
            "lstm_back_steps_only",
            [
                *["Slice", "Concat"],
                *["DummyData", "Concat", "LSTM"],
                *["Slice", "Concat"],
                "Reshape",
            ],
        ),
    ],
)
def test_caffes_own_layer_where_there_is_one(name: str, wanted: list[str]) -> None:
    assert types(from_ir(CASES[name].model()[0])) == wanted


def test_weights_are_in_caffes_order() -> None:
    case = CASES["lstm_steps_only"]
    network = from_ir(case.model()[0])
    arrays = case.arrays()
    blobs = next(layer.blobs for layer in network.layers if layer.type == "LSTM")
    i, o, f, g = np.split(arrays["W"][0], 4)
    np.testing.assert_array_equal(blobs[0].numpy(), np.concatenate([i, f, o, g]))
    i, o, f, g = np.split(arrays["B"][0][:12] + arrays["B"][0][12:], 4)
    np.testing.assert_array_equal(blobs[1].numpy(), np.concatenate([i, f, o, g]))
    i, o, f, g = np.split(arrays["R"][0], 4)
    np.testing.assert_array_equal(blobs[2].numpy(), np.concatenate([i, f, o, g]))


def two_layers() -> Builder:
    """As other frameworks write two layers, the lower one in both directions."""
    random = np.random.default_rng(3)

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    builder = Builder("mmdnn.test", "network")
    op, x = builder.op, builder.input("x", (4, 2, 5))
    weights = [normal(2, 12, 5), normal(2, 12, 3), normal(2, 24)]
    y, _, _ = op.outputs(3).LSTM(x, *weights, hidden_size=3, direction="bidirectional")
    y = op.Reshape(op.Transpose(y, perm=[0, 2, 1, 3]), [0, 0, -1])
    y, _, _ = op.outputs(3).LSTM(y, normal(1, 12, 6), normal(1, 12, 3), hidden_size=3)
    y = op.Squeeze(y, [1])
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    return builder


def test_nothing_stands_between_layers(tmp_path: Path) -> None:
    model = two_layers().model()
    network = from_ir(model)
    assert types(network) == [
        *("DummyData", "Concat", "LSTM"),
        *("Slice", "Concat", "LSTM", "Slice", "Concat"),
        *("Concat", "LSTM"),
    ]
    feeds = {"x": np.random.default_rng(5).standard_normal((4, 2, 5)).astype(np.float32)}
    again = importer.to_ir(reader.read(Source(*writer.write(network, tmp_path / "n.prototxt"))))
    found, wanted = engine.run(again, feeds)["y"], engine.run(model, feeds)["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5, strict=True)


@pytest.mark.parametrize("name", ["lstm_states", "lstm_both", "rnn_last_only"])
def test_there_and_back(name: str, tmp_path: Path) -> None:
    network = from_ir(CASES[name].model()[0])
    source = Source(*writer.write(network, tmp_path / "net.prototxt"))
    back = from_ir(importer.to_ir(reader.read(source)))
    for before, after in zip(network.layers, back.layers, strict=True):
        assert (before.name, before.type) == (after.name, after.type)
        assert (before.bottoms, before.tops) == (after.bottoms, after.tops)
        for ours, theirs in zip(before.blobs, after.blobs, strict=True):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_an_unbroken_sequence_is_torchs_layer(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from mmdnn.frameworks.pytorch import codegen, exporter

    network = from_ir(CASES["lstm_states"].model()[0])
    source = Source(*writer.write(network, tmp_path / "net.prototxt"))
    text = codegen.source(exporter.from_ir(importer.to_ir(reader.read(source))))
    assert "nn.LSTM(4, 3)" in text
    assert "for " not in text


def test_long_loops_are_refused() -> None:
    with pytest.raises(Error, match=r"layer.*GRU.*up to 64 steps"):
        from_ir(Case("GRU", sizes=(65, 2, 4, 3)).model()[0])
    assert "LSTM" in types(from_ir(Case("LSTM", sizes=(65, 2, 4, 3)).model()[0]))
