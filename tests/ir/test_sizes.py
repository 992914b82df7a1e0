"""Sizes are traced to dimensions, through what shapes are computed with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.ir.builder import Builder
from mmdnn.ir.sizes import Count, Dim, Size, Term, is_of, trace

Build = Callable[[Any, ir.Value], ir.Value]


def made(build: Build) -> tuple[ir.Value, list[Size] | None]:
    builder = Builder("mmdnn.test")
    x = builder.input("x", ("N", 3, "H", 8))
    return x, trace(build(builder.op, x))


CASES: dict[str, tuple[Build, Callable[[Dim, Dim], list[Any] | None]]] = {
    "a shape": (lambda op, x: op.Shape(x), lambda n, h: [n, 3, h, 8]),
    "some of it": (lambda op, x: op.Shape(x, start=1, end=-1), lambda n, h: [3, h]),
    "one of it": (lambda op, x: op.Gather(op.Shape(x), np.int64(2)), lambda n, h: [h]),
    "beside numbers": (
        lambda op, x: op.Concat(op.Slice(op.Shape(x), [0], [1]), np.int64([6, -1]), axis=0),
        lambda n, h: [n, 6, -1],
    ),
    "backwards": (
        lambda op, x: op.Slice(op.Shape(x), [-1], [-9], [0], [-1]),
        lambda n, h: [8, h, 3, n],
    ),
    "twice": (
        lambda op, x: op.Mul(op.Gather(op.Shape(x), np.int64([2, 3])), np.int64([2])),
        lambda n, h: [Term("Mul", h, 2), 16],
    ),
    "halves": (
        lambda op, x: op.Div(op.Shape(x, start=2), np.int64(2)),
        lambda n, h: [Term("Div", h, 2), 4],
    ),
    "once": (lambda op, x: op.Mul(op.Shape(x, end=1), np.int64(1)), lambda n, h: [n]),
    "half of what may be negative": (
        lambda op, x: op.Div(op.Sub(op.Shape(x, end=1), np.int64(3)), np.int64(2)),
        lambda n, h: None,
    ),
    "all of it": (
        lambda op, x: op.ReduceProd(op.Shape(x), keepdims=0),
        lambda n, h: [Term("Mul", Term("Mul", 24, n), h)],
    ),
    "floats": (lambda op, x: x, lambda n, h: None),
    "a size by way of a float": (
        lambda op, x: op.Cast(op.Cast(op.Shape(x), to=ir.DataType.FLOAT), to=ir.DataType.INT64),
        lambda n, h: None,
    ),
    "a constant of two axes": (lambda op, x: op.Identity(np.int64([[1]])), lambda n, h: None),
}


@pytest.mark.parametrize("case", CASES)
def test_trace(case: str) -> None:
    build, wanted = CASES[case]
    x, found = made(build)
    assert found == wanted(Dim(x, 0), Dim(x, 2))


def test_the_number_of_elements() -> None:
    x, found = made(lambda op, x: op.Size(x))
    assert found == [Count(x)]


def test_a_dimension_is_known_by_its_name() -> None:
    builder = Builder("mmdnn.test")
    x, y = builder.input("x", ("N", 3)), builder.input("y", ("N", 4))
    assert is_of(Dim(x, 0), y, 0)
    assert is_of(4, y, 1)
    assert not is_of(Dim(x, 0), y, 1)
    assert not is_of(Count(x), y, 0)
    assert not is_of(3, y, 2)
