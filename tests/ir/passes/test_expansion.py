"""Operators that an exporter does not know are written out by their standard bodies."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.graphs import model, operators, outputs
from mmdnn.ir import LAYER, TYPE
from mmdnn.ir.passes.defaults import add_defaults
from mmdnn.ir.passes.expansion import expand

X = {"x": np.array([[-3, -0.5, 0], [0.5, 2, 7]], np.float32)}
ONE = [
    "Gelu(x)",
    'Gelu <approximate = "tanh"> (x)',
    "Mish(x)",
    "Celu <alpha = 0.5> (x)",
    "HardSwish(x)",
    "Softsign(x)",
    "ReduceLogSumExp <keepdims = 0> (x)",
    "MeanVarianceNormalization <axes = [1]> (x)",
    "Clip(x, low, high)",
    "EyeLike(x)",
    "EyeLike <k = -1, dtype = 7> (x)",
]


@pytest.mark.parametrize("call", ONE)
def test_the_body_computes_the_same(call: str) -> None:
    text = "g (float[2,3] x) => (y) <float low = {-1.0}, float high = {1.0}> { y = CALL }"
    before = model(text.replace("CALL", call))
    after = before.clone()
    add_defaults(after)
    type_ = before.graph[0].op_type
    assert expand(after, keep=set())
    assert type_ not in operators(after)
    assert all(node.metadata_props[TYPE] == type_ for node in after.graph)
    assert len({node.metadata_props[LAYER] for node in after.graph}) == 1
    for was, now in zip(outputs(before, X), outputs(after, X), strict=True):
        np.testing.assert_allclose(now, was, rtol=1e-5, atol=1e-6)


def test_what_is_known_stays_unless_it_does_not_fit() -> None:
    kept = model("g (float[2,3] x) => (y) { y = Gelu(x) }")
    add_defaults(kept)
    assert not expand(kept, keep={"Gelu"})
    assert expand(kept, keep={"Gelu"}, unfit=lambda node: node.op_type == "Gelu")


def test_an_operator_without_a_body_stays() -> None:
    plain = model("g (float[2,3] x) => (y) { y = Erf(x) }")
    add_defaults(plain)
    assert not expand(plain, keep=set())


@pytest.mark.parametrize("x", [X["x"], np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)])
def test_zeros_are_quantized_by_one(x: np.ndarray) -> None:
    text = "g (float[2,3] x) => (y, s, z) { y, s, z = DynamicQuantizeLinear(x) }"
    before = model(text)
    after = before.clone()
    add_defaults(after)
    assert expand(after, keep=set())
    for was, now in zip(outputs(before, {"x": x}), outputs(after, {"x": x}), strict=True):
        np.testing.assert_array_equal(now, was)
