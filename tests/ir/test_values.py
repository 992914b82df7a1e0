"""Facts of values are certain: whatever runs through, they hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.frameworks.onnx import engine
from mmdnn.ir import values
from mmdnn.ir.builder import Builder

Build = Callable[[Any, ir.Value], ir.Value]

BOUNDS: dict[str, tuple[Build, float, bool]] = {
    "an input": (lambda op, x: x, -math.inf, False),
    "a square and more": (lambda op, x: op.Add(op.Mul(x, x), 0.5), 0.5, True),
    "a mean of squares": (lambda op, x: op.ReduceMean(op.Mul(x, x), [1]), 0, False),
    "a sum of squares": (lambda op, x: op.ReduceSum(op.Mul(x, x), [1]), 0, False),
    "a sum of what is above 1": (lambda op, x: op.ReduceSum(op.Add(op.Abs(x), 1.0), [1]), 0, True),
    "a sum": (lambda op, x: op.ReduceSum(x, [1]), -math.inf, False),
    "another way round": (lambda op, x: op.Reshape(op.Exp(x), [-1]), 0, False),
    "roots and a negative number": (lambda op, x: op.Add(op.Sqrt(x), -0.5), -0.5, False),
    "the root of what is positive": (lambda op, x: op.Sqrt(op.Add(op.Abs(x), 1.0)), 0, True),
    "the inverse of it": (lambda op, x: op.Reciprocal(op.Add(op.Abs(x), 1.0)), 0, True),
    "the inverse of anything": (lambda op, x: op.Reciprocal(op.Abs(x)), -math.inf, False),
    "a product of two": (lambda op, x: op.Mul(op.Abs(x), op.Relu(x)), 0, False),
    "a product of one of them": (lambda op, x: op.Mul(op.Abs(x), x), -math.inf, False),
    "the larger": (lambda op, x: op.Max(x, 0.25), 0.25, True),
    "the smaller": (lambda op, x: op.Min(op.Abs(x), 0.25), 0, False),
    "a difference": (lambda op, x: op.Sub(op.Abs(x), op.Abs(x)), -math.inf, False),
    "from a number on": (lambda op, x: op.Clip(x, np.float32(0.5)), 0.5, True),
    "up to a number": (lambda op, x: op.Clip(x, None, np.float32(0.5)), -math.inf, False),
    "between two": (lambda op, x: op.Clip(x, np.float32(0.5), np.float32(-1)), -1, False),
    "an even power": (lambda op, x: op.Pow(x, 2.0), 0, False),
    "an odd power": (lambda op, x: op.Pow(x, 3.0), -math.inf, False),
    "fractions cut off": (
        lambda op, x: op.Cast(op.Clip(x, np.float32(0.25), np.float32(9)), to=ir.DataType.INT64),
        0,
        False,
    ),
    "a wider type": (lambda op, x: op.Cast(op.Max(x, 0.25), to=ir.DataType.DOUBLE), 0.25, True),
    "where the largest is": (lambda op, x: op.ArgMax(x), 0, False),
    "an infinity and its opposite": (
        lambda op, x: op.Add(op.Max(x, math.inf), -math.inf),
        -math.inf,
        False,
    ),
}


def built(build: Build) -> tuple[Builder, ir.Value]:
    builder = Builder("mmdnn.test")
    return builder, build(builder.op, builder.input("x", (2, 3)))


@pytest.mark.parametrize("case", BOUNDS)
def test_bounds(case: str) -> None:
    build, least, positive = BOUNDS[case]
    _, y = built(build)
    assert values.least(y) == least
    assert values.is_nonnegative(y) == (least >= 0)
    assert values.is_positive(y) == values.is_nonzero(y) == positive


@pytest.mark.parametrize("case", BOUNDS)
def test_bounds_hold(case: str) -> None:
    builder, y = built(BOUNDS[case][0])
    builder.graph.outputs.append(builder.op.Identity(y))
    model = builder.model()
    for x in ([-3, -1e-30, 0], [1e-38, 1, 3e38], [-math.inf, -1, math.inf]):
        found = engine.run(model, {"x": np.array([x, x[::-1]], np.float32)})
        array = found[str(model.graph.outputs[0].name)]
        kept = array[~np.isnan(array)]
        assert (kept >= values.least(y)).all()
        if values.is_positive(y):
            assert (kept > 0).all() or np.isinf(x).any()


def test_constants() -> None:
    builder = Builder("mmdnn.test")
    x = builder.input("x", (2,))
    w = builder.constant(np.array([[2, 0]]))
    one = builder.constant(np.array([0.5], np.float32))
    assert values.constant(x) is values.constant(None) is values.numbers(x) is None
    assert values.ints(w) == [2, 0]
    assert values.number(w) is values.number(x) is None
    assert values.number(one) == 0.5
    assert values.numbers(w, most=8) is None
    assert values.is_nonzero(one)
    assert not values.is_nonzero(w)
    assert values.is_zero(builder.constant(np.zeros((3, 3))))
    assert not values.is_zero(w)
    assert not values.is_zero(x)
    assert not values.is_zero(None)


def test_a_default_that_an_input_may_replace_is_no_constant() -> None:
    value = ir.val("x", ir.DataType.FLOAT, [1], const_value=ir.tensor(np.ones(1, np.float32)))
    ir.Graph([value], [], nodes=[], initializers=[value], opset_imports={"": 22})
    assert values.constant(value) is None
    assert values.least(value) == -math.inf


def test_producer() -> None:
    _, y = built(lambda op, x: op.Relu(x))
    assert values.producer(y, "Abs", "Relu") is y.producer()
    assert values.producer(y, "Abs") is values.producer(None, "Relu") is None


def test_long_ways_and_large_constants_are_not_looked_at() -> None:
    builder, x = built(lambda op, x: op.Abs(x))
    for _ in range(40):
        x = builder.op.Add(x, x)
    assert values.least(x) == -math.inf
    large = builder.weight("w", ir.tensor(np.ones(1 << 21, np.float32)))
    assert values.least(large) == -math.inf
    assert values.least(builder.constant(np.array([1, np.nan], np.float32))) == -math.inf


FLOAT = ir.DataType.FLOAT

WHOLE: dict[str, tuple[Build, bool]] = {
    "floats": (lambda op, x: x, False),
    "places": (lambda op, x: op.Cast(op.ArgMax(x), to=FLOAT), True),
    "places and one": (lambda op, x: op.Add(op.Cast(op.ArgMax(x), to=FLOAT), 1.0), True),
    "places and a half": (lambda op, x: op.Add(op.Cast(op.ArgMax(x), to=FLOAT), 0.5), False),
    "places and a list": (
        lambda op, x: op.Add(op.Cast(op.ArgMax(x), to=FLOAT), np.ones([1], np.float32)),
        True,
    ),
    "half of them": (lambda op, x: op.Div(op.Cast(op.ArgMax(x), to=FLOAT), 2.0), False),
    "truths": (lambda op, x: op.Neg(op.Cast(op.Greater(x, 0.5), to=FLOAT)), True),
    "clipped": (lambda op, x: op.Clip(op.Cast(op.ArgMax(x), to=FLOAT), np.float32(0)), True),
}


@pytest.mark.parametrize("case", WHOLE)
def test_is_whole(case: str) -> None:
    build, wanted = WHOLE[case]
    assert values.is_whole(built(build)[1]) == wanted


FINITE: dict[str, tuple[Build, bool]] = {
    "an input": (lambda op, x: x, True),
    "a sum": (lambda op, x: op.Add(op.Mul(x, x), 1.0), True),
    "a logarithm somewhere": (lambda op, x: op.Add(op.Log(x), 1.0), False),
    "a quotient": (lambda op, x: op.Div(1.0, x), False),
    "a part": (lambda op, x: op.Div(x, 4.0), True),
    "nothing's part": (lambda op, x: op.Div(x, 0.0), False),
    "infinity": (lambda op, x: op.Min(x, math.inf), False),
}


@pytest.mark.parametrize("case", FINITE)
def test_is_finite(case: str) -> None:
    build, wanted = FINITE[case]
    assert values.is_finite(built(build)[1]) == wanted
