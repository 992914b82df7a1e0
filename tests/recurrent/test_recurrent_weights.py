"""Weights that the graph cuts and joins are constants, as exporters of other frameworks write them."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from helpers.recurrent.recurrence import Case
from mmdnn.ir.builder import Builder
from mmdnn.ir.passes.canonical import canonical


def joined(case: Case, *, computed: bool = False) -> tuple[ir.Model, dict[str, np.ndarray]]:
    """torch's way: gates in another order, each direction's weights with an axis of their own."""
    arrays = case.arrays()
    builder = Builder("mmdnn.test", "network")
    op, size = builder.op, case.sizes[3]
    x = builder.input("X", arrays["X"].shape)
    made = []
    for name in ("W", "R", "B"):
        ways = []
        for way in arrays[name]:
            i, o, f, c = np.split(way[: 4 * size], 4)
            stored = builder.weight(name, ir.tensor(np.concatenate([i, f, c, o])))
            if computed:
                stored = op.Add(stored, op.ReduceSum(op.Mul(x, np.float32(0)), keepdims=0))
            pieces = [
                op.Slice(stored, [place * size], [(place + 1) * size], [0])
                for place in (0, 3, 1, 2)
            ]
            if name == "B":
                pieces += op.outputs(4).Split(way[4 * size :], [size] * 4)
            ways.append(op.Unsqueeze(op.Concat(*pieces, axis=0), [0]))
        made.append(op.Identity(op.Concat(*ways, axis=0)))
    results = op.outputs(3).LSTM(x, *made, hidden_size=size, direction="bidirectional")
    for name, value in zip(("Y", "Y_h", "Y_c"), results, strict=True):
        value.name = name
    builder.graph.outputs.extend(results)
    return builder.model(), {"X": arrays["X"]}


CASE = Case("LSTM", {"direction": "bidirectional"}, sizes=(3, 2, 300, 70), scale=0.1)
"""Weights too large to be computed beforehand."""


def test_they_are_constants():
    model, _ = joined(CASE)
    made = canonical(model)
    assert [node.op_type for node in made.graph] == ["LSTM"]
    for name, value in zip("WRB", made.graph.node("LSTM").inputs[1:4], strict=True):
        assert value.const_value is not None
        np.testing.assert_array_equal(value.const_value.numpy(), CASE.arrays()[name])


@pytest.mark.parametrize("computed", [False, True])
def test_to_pytorch(computed):
    pytest.importorskip("torch")
    from mmdnn.frameworks.pytorch import codegen, engine, exporter

    model, feeds = joined(CASE, computed=computed)
    program = exporter.from_ir(model)
    assert ("nn.LSTM(300, 70, bidirectional=True)" in codegen.source(program)) is not computed
    found = engine.run(program, feeds)
    for name, array in CASE.wanted().items():
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-5, strict=True)
