"""Scans of a known number of steps, written out."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.graphs import model, operators, outputs
from mmdnn.ir.passes.canonical import canonical
from mmdnn.ir.passes.unrolling import unroll

TEXT = """g (float[2] first, float[STEPS,2] x) => (float[2] last, float[STEPS,2] y) {
    last, y = Scan <num_scan_inputs = 1 DIRECTIONS,
        body = b (float[2] h, float[2] xt) => (float[2] hn, float[2] yt)
            { s = Add(h, xt) hn = Tanh(s) yt = Neg(hn) }> (first, x)
}"""
FEEDS = {
    "first": np.array([0.5, -1], np.float32),
    "x": np.random.default_rng(0).standard_normal((4, 2)).astype(np.float32),
}
DIRECTIONS = ["", ", scan_input_directions = [1]", ", scan_output_directions = [1]"]


@pytest.mark.parametrize("directions", DIRECTIONS)
def test_step_by_step_it_computes_the_same(directions: str) -> None:
    text = TEXT.replace("STEPS", "4").replace(" DIRECTIONS", directions)
    before = canonical(model(text))
    after = before.clone()
    assert unroll(after, 10)
    assert operators(after).count("Tanh") == 4
    assert "Scan" not in operators(after)
    for was, now in zip(outputs(before, FEEDS), outputs(after, FEEDS), strict=True):
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize(("steps", "most"), [("4", 3), ("n", 10)])
def test_what_is_too_long_or_open_stays(steps: str, most: int) -> None:
    loop = canonical(model(TEXT.replace("STEPS", steps).replace(" DIRECTIONS", "")))
    assert not unroll(loop, most)
    assert "Scan" in operators(loop)
