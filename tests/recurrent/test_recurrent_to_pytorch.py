"""Every option of LSTM, GRU and RNN as PyTorch source, which is run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recurrence import DEFAULTS
from recurrent_cases import CASES

pytest.importorskip("torch")

from mmdnn.frameworks.pytorch import codegen, engine, exporter

PACKED = {"lstm_no_steps", "gru_after_no_steps", "rnn_no_steps"}
"""torch itself refuses to pack a sequence of no steps."""

OURS = ("coupled", "clip", "peepholes", "computed", "mixed", "activations")


@pytest.mark.parametrize("name", sorted(CASES.keys() - PACKED))
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


@pytest.mark.parametrize("name", CASES)
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
