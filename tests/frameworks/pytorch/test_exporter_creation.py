"""Operators that make tensors or tell of them, through generated PyTorch source."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.pytorch.harness import assert_snapshot, check, forward


@pytest.mark.parametrize(
    ("kind", "bounds"),
    [
        ("int64", (0, 5, 1)), ("int64", (5, 0, -2)), ("int32", (1, 8, 3)), ("int64", (3, 3, 1)),
        ("float", (0.5, 2.1, 0.3)), ("float", (1, -1, -0.4)), ("float", (0, 0.6, 0.1)),
        ("double", (0, 1, 0.1)),
    ],
)  # fmt: skip
def test_range(kind: str, bounds: tuple[float, ...]) -> None:
    dtype = {"float": np.float32, "double": np.float64}.get(kind, kind)
    given = {name: np.array(b, dtype) for name, b in zip("abc", bounds, strict=True)}
    inputs = ", ".join(f"{kind}[] {name}" for name in given)
    check(f"{inputs} => {kind} y", "y = Range(a, b, c)", given)
    check(f"float[1] x => {kind} y", "y = Range(a, b, c)", weights=given)


def test_range_of_a_size() -> None:
    body = """
    s = Shape(x)
    i = Constant<value_int=0>()
    n = Gather(s, i)
    one = Constant<value_int=1>()
    y = Range(i, n, one)
    """
    assert forward(check("float[N,3] x => int64 y", body)) == "return torch.arange(x.shape[0])"


@pytest.mark.parametrize(
    "value", ["", "<value=int64[1] {3}>", "<value=float[1] {1}>", "<value=bool[1] {1}>"]
)
def test_constants_of_a_shape(value: str) -> None:
    kind = value[7:].partition("[")[0] or "float"
    body = f"y = ConstantOfShape{value}(s)"
    check(f"int64[2] s => {kind} y", body, {"s": np.array([2, 3])})
    check(f"float[N,3] x => {kind} y", f"s = Shape(x)\n{body}")
    check(f"int64[0] s => {kind} y", body, {"s": np.array([], np.int64)})


@pytest.mark.parametrize("k", [0, 1, -2])
@pytest.mark.parametrize("dtype", ["", ", dtype=7"])
def test_eye(k: int, dtype: str) -> None:
    kind = "int64" if dtype else "float"
    check(f"float[3,4] x => {kind} y", f"y = EyeLike<k={k}{dtype}>(x)")


def test_source() -> None:
    text = check(
        "int64[N,4] x => float y",
        """
        s = Shape(x)
        a = ConstantOfShape<value=float[1] {0.5}>(s)
        b = Cast<to=1>(x)
        c = Add(a, b)
        e = EyeLike(c)
        y = Add(c, e)
        """,
        feeds={"x": np.arange(16).reshape(4, 4)},
    )
    assert_snapshot("creation", text)
