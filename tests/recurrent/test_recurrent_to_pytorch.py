"""Every option of LSTM, GRU and RNN as PyTorch source, which is run."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from helpers import sampled
from helpers.recurrent.cases import CASES
from helpers.recurrent.recurrence import DEFAULTS, DOUBLES, doubled

pytest.importorskip("torch")

from mmdnn.frameworks.onnx import engine as onnxruntime
from mmdnn.frameworks.pytorch import codegen, engine, exporter
from mmdnn.ir.builder import Builder

PACKED = {"lstm_no_steps", "gru_after_no_steps", "rnn_no_steps"}
"""torch itself refuses to pack a sequence of no steps."""

OURS = ("coupled", "clip", "peepholes", "computed", "mixed", "activations")


@pytest.mark.parametrize("name", sampled(sorted(CASES.keys() - PACKED)))
def test_to_pytorch(name: str) -> None:
    case = CASES[name]
    model, feeds = case.model()
    found = engine.run(exporter.from_ir(model), feeds)
    for key, array in case.wanted().items():
        np.testing.assert_allclose(found[key], array, rtol=1e-4, atol=1e-5, strict=True)


@pytest.mark.parametrize("name", sorted(PACKED))
def test_no_steps(name: str) -> None:
    model, feeds = CASES[name].model()
    with pytest.raises(RuntimeError, match="greater than 0"):
        engine.run(exporter.from_ir(model), feeds)
    case = replace(CASES[name], fed=())
    model, feeds = case.model()
    found = engine.run(exporter.from_ir(model), feeds)
    for key, array in case.wanted().items():
        np.testing.assert_allclose(found[key], array, rtol=1e-4, atol=1e-5, strict=True)


@pytest.mark.parametrize("name", sampled(CASES))
def test_torchs_own_layer_where_there_is_one(name: str) -> None:
    case = CASES[name]
    source = codegen.source(exporter.from_ir(case.model()[0]))
    before = case.kind == "GRU" and not case.attributes.get("linear_before_reset")
    lengths = "lengths" in case.inputs
    backwards = case.attributes.get("direction") == "reverse"
    usual = [*DEFAULTS[case.kind] * case.ways], ["Relu"] * case.ways
    functions = [f.title() for f in case.attributes.get("activations", usual[0])]
    odd = functions != usual[0] and (case.kind, functions) != ("RNN", usual[1])
    ours = before or (backwards and lengths) or odd or any(word in name for word in OURS)
    assert (f"nn.{case.kind}(" in source) is not ours, source
    assert ("pack_padded_sequence(" in source) is (lengths and not ours)


@pytest.mark.parametrize("name", DOUBLES)
def test_doubles(name: str) -> None:
    model, feeds, wanted = doubled(CASES[name])
    found = engine.run(exporter.from_ir(model), feeds)
    for key, array in wanted.items():
        np.testing.assert_allclose(found[key], array, rtol=1e-5, atol=1e-6, strict=True)


def test_nothing_stands_between_layers() -> None:
    """What exporters put behind a layer to turn ONNX's axes back is not written."""
    random = np.random.default_rng(3)

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    builder = Builder("mmdnn.test", "network")
    op, x = builder.op, builder.input("x", ("T", 2, 5))
    weights = [normal(2, 12, 5), normal(2, 12, 3), normal(2, 24)]
    y, _, _ = op.outputs(3).LSTM(x, *weights, hidden_size=3, direction="bidirectional")
    y = op.Reshape(op.Transpose(y, perm=[0, 2, 1, 3]), [0, 0, -1])
    y, h = op.outputs(2).RNN(y, normal(1, 3, 6), normal(1, 3, 3), hidden_size=3)
    builder.graph.outputs.extend([op.Squeeze(y, [1]), h])
    model = builder.model()
    source = codegen.source(exporter.from_ir(model))
    assert "y, _ = self.LSTM(x)" in source
    assert "self.RNN(y)" in source
    assert not {"squeeze", "reshape", "transpose", "unflatten"} & set(re.findall(r"\w+", source))
    feeds = {"x": normal(4, 2, 5)}
    found, wanted = engine.run(exporter.from_ir(model), feeds), onnxruntime.run(model, feeds)
    for value in model.graph.outputs:
        key = str(value.name)
        np.testing.assert_allclose(found[key], wanted[key], rtol=1e-4, atol=1e-5, strict=True)
