"""Weights that a graph makes of constants are constants."""

from __future__ import annotations

import numpy as np

from helpers.graphs import model, same
from mmdnn.ir.passes.weights import rearranged, settle

TEXT = """g (float[5,1,2] x) => (y, h, c)
    <float[8,2] w = {W}, float[8,2] r = {W}, int64[1] k = {0}> {
    top, low = Split <axis = 0, num_outputs = 2> (w)
    turned = Concat <axis = 0> (low, top)
    wx = Unsqueeze(turned, k)
    rx = Unsqueeze(r, k)
    y, h, c = LSTM <hidden_size = 2> (x, wx, rx)
}""".replace("{W}", "{" + ", ".join(str(i / 8) for i in range(16)) + "}")
X = {"x": np.random.default_rng(0).standard_normal((5, 1, 2)).astype(np.float32)}


def test_a_recurrent_operator_s_weights() -> None:
    before, after = model(TEXT), model(TEXT)
    node = next(node for node in after.graph if node.op_type == "LSTM")
    settle(after.graph, node)
    w = node.inputs[1]
    assert w is not None
    assert w.const_value is not None
    numbers = np.arange(16, dtype=np.float32).reshape(8, 2) / 8
    np.testing.assert_array_equal(
        w.const_value.numpy(), np.concatenate([numbers[4:], numbers[:4]])[None]
    )
    same(before, after, X)


def test_what_depends_on_an_input_stays() -> None:
    graph = model("g (float[2,3] x) => (y) { y = Transpose(x) }").graph
    assert rearranged(graph.outputs[0]) is None


def test_numbers_that_are_computed_stay() -> None:
    text = "g () => (y) <float[2,3] w = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}> { n = Neg(w) y = Transpose(n) }"
    assert rearranged(model(text).graph.outputs[0]) is None
