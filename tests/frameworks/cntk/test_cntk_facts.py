"""Where CNTK's guards have nothing to do, as far as a graph shows."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.frameworks.cntk.importer.facts import least
from mmdnn.ir.builder import Builder

CASES = {
    "an input": (lambda op, x: x, -math.inf),
    "a square and more": (lambda op, x: op.Add(op.Mul(x, x), 0.5), 0.5),
    "a mean of squares": (lambda op, x: op.ReduceMean(op.Mul(x, x), [1]), 0),
    "a sum of squares": (lambda op, x: op.ReduceSum(op.Mul(x, x), [1]), 0),
    "a sum of what is above 1": (lambda op, x: op.ReduceSum(op.Add(op.Abs(x), 1.0), [1]), 0),
    "a sum": (lambda op, x: op.ReduceSum(x, [1]), -math.inf),
    "another way round": (lambda op, x: op.Reshape(op.Exp(x), [-1]), 0),
    "roots and a negative number": (lambda op, x: op.Add(op.Sqrt(x), -0.5), -0.5),
    "a product of two": (lambda op, x: op.Mul(op.Abs(x), op.Relu(x)), 0),
    "a product of one of them": (lambda op, x: op.Mul(op.Abs(x), x), -math.inf),
    "the larger": (lambda op, x: op.Max(x, 0.25), 0.25),
    "the smaller": (lambda op, x: op.Min(op.Abs(x), 0.25), 0),
    "a difference": (lambda op, x: op.Sub(op.Abs(x), op.Abs(x)), -math.inf),
}


@pytest.mark.parametrize("case", CASES)
def test_least(case: str) -> None:
    builder = Builder("mmdnn.test")
    x = builder.input("x", (2, 3))
    build, wanted = CASES[case]
    assert least(build(builder.op, x)) == wanted


def test_long_ways_and_large_constants_are_not_looked_at() -> None:
    builder = Builder("mmdnn.test")
    x = builder.op.Abs(builder.input("x", (2, 3)))
    for _ in range(40):
        x = builder.op.Add(x, x)
    assert least(x) == -math.inf
    large = builder.weight("w", ir.tensor(np.ones(1 << 13, np.float32)))
    assert least(large) == -math.inf
    assert least(builder.constant(np.array([1, np.nan], np.float32))) == -math.inf
