"""Every option of LSTM, GRU and RNN in MXNet 1.9.1: files and source code."""

from __future__ import annotations

from pathlib import Path

from helpers.mxnet.batch import Batch, difference
from helpers.recurrent.cases import CASES
from helpers.recurrent.recurrence import DOUBLES, doubled


def test_to_mxnet(tmp_path: Path) -> None:
    batch, wanted = Batch(tmp_path), {}
    for name, case in CASES.items():
        model, feeds = case.model()
        batch.add(name, model, feeds)
        wanted[name] = [case.wanted()[str(value.name)] for value in model.graph.outputs]
    for name in DOUBLES:
        model, feeds, outputs = doubled(CASES[name])
        batch.add(f"{name} double", model, feeds)
        wanted[f"{name} double"] = [outputs[str(value.name)] for value in model.graph.outputs]
    found = batch.run()
    wrong = {name: difference(found[name], wanted[name]) for name in wanted}
    assert {name: why for name, why in wrong.items() if why} == {}
