"""What constants and known shapes determine is computed; floats never are."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.graphs import model
from mmdnn.ir.passes.folding import fold, fold_sizes


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("Shape(x)", [2, 3]),
        ("Shape <start = -1> (x)", [3]),
        ("Add(a, b)", [5, 7]),
        ("Div(b, a)", [4, 2]),
        ("Concat <axis = 0> (a, b)", [1, 2, 4, 5]),
        ("Slice(b, i, j)", [5]),
        ("Gather <axis = 0> (b, i)", [5]),
        ("Squeeze(i)", 1),
        ("Unsqueeze(a, k)", [[1, 2]]),
        ("Cast <to = 1> (a)", [1.0, 2.0]),
    ],
)
def test_integers_and_shapes(call: str, wanted: object) -> None:
    graph = model(
        "g (float[2,3] x) => (y) <int64[2] a = {1, 2}, int64[2] b = {4, 5}, int64[1] i = {1}, "
        f"int64[1] j = {{2}}, int64[1] k = {{0}}> {{ y = {call} }}"
    ).graph
    found = fold(graph[0])
    assert found is not None
    np.testing.assert_array_equal(np.asarray(getattr(found, "numpy", lambda: found)()), wanted)


def test_the_rounding_of_floats_is_left_to_engines() -> None:
    graph = model("g () => (y) <float[2] a = {0.1, 0.2}> { y = Add(a, a) }").graph
    assert fold(graph[0]) is None


def test_division_by_zero_is_left_alone() -> None:
    graph = model("g () => (y) <int64[1] a = {1}, int64[1] z = {0}> { y = Div(a, z) }").graph
    assert fold(graph[0]) is None


@pytest.mark.parametrize("call", ["ConstantOfShape(s)", "Expand(a, s)"])
def test_what_would_fill_the_memory_is_left_alone(call: str) -> None:
    text = "g () => (y) <int64[2] s = {1048576, 1048576}, int64[1] a = {1}>"
    assert fold(model(f"{text} {{ y = {call} }}").graph[0]) is None


def test_sizes_that_are_known_of_a_shape_that_is_not() -> None:
    graph = model(
        "g (float[batch,3,4] x) => (y) <int64[1] one = {1}, int64[1] three = {3}> "
        "{ s = Shape(x) y = Slice(s, one, three) }"
    ).graph
    assert fold(graph[0]) is None
    np.testing.assert_array_equal(fold_sizes(graph[1]), [3, 4])


def test_a_reshape_to_sizes_of_an_open_batch() -> None:
    graph = model(
        "g (float[batch,3,4] x) => (float[a,b] y) <int64[1] zero = {0}, int64[1] one = {1}, "
        "int64[1] flat = {12}> { s = Shape(x) n = Slice(s, zero, one) "
        "t = Concat <axis = 0> (n, flat) y = Reshape(x, t) }"
    ).graph
    node = graph[3]
    assert fold(node) is None
    target = node.inputs[1]
    assert target is not None
    assert target.const_value is not None
    assert target.const_value.numpy().tolist()[1] == 12
    assert target.const_value.numpy().tolist()[0] in (0, -1)
