"""A value that is reshaped to the shape that it had is the value."""

from __future__ import annotations

import numpy as np

from helpers.graphs import model, same
from mmdnn.ir.passes.reshapes import skip_returns

X = {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}


def reads(text: str) -> str:
    """What the last node reads, by name, after the pass; the numbers stay."""
    before, after = model(text), model(text)
    skip_returns(after.graph)
    same(before, after, X)
    value = list(after.graph)[-1].inputs[0]
    return str(value.name if value is not None else None)


def test_there_and_back() -> None:
    text = """g (float[2,3] x) => (y) <int64[2] s = {3, 2}, int64[2] t = {2, 3}>
        { a = Reshape(x, s) b = Reshape(a, t) y = Relu(b) }"""
    assert reads(text) == "x"


def test_through_other_operators_that_reshape() -> None:
    text = """g (float[2,3] x) => (y) <int64[1] k = {0}>
        { a = Unsqueeze(x, k) b = Squeeze(a, k) y = Relu(b) }"""
    assert reads(text) == "x"


def test_another_shape_of_as_many_elements_stays() -> None:
    text = "g (float[2,3] x) => (y) <int64[2] s = {3, 2}> { a = Reshape(x, s) y = Relu(a) }"
    assert reads(text) == "a"


def test_what_is_done_between_stays() -> None:
    text = """g (float[2,3] x) => (y) <int64[2] s = {3, 2}, int64[2] t = {2, 3}>
        { a = Reshape(x, s) n = Neg(a) b = Reshape(n, t) y = Relu(b) }"""
    assert reads(text) == "b"


def test_an_output_keeps_its_node() -> None:
    text = """g (float[2,3] x) => (b) <int64[2] s = {3, 2}, int64[2] t = {2, 3}>
        { a = Reshape(x, s) b = Reshape(a, t) }"""
    graph = model(text).graph
    skip_returns(graph)
    assert graph.outputs[0].producer() is not None
