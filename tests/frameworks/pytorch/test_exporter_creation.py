"""Operators that make tensors or tell of them, through generated PyTorch source."""

from __future__ import annotations

import numpy as np
import pytest
from pytorch_harness import assert_snapshot, check, forward, parse

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch.exporter import from_ir


@pytest.mark.parametrize("bounds", ["", "<start=1>", "<end=-1>", "<start=-2, end=3>"])
def test_shape(bounds: str) -> None:
    check("float[N,3,M] x => int64 y", f"y = Shape{bounds}(x)")
    check("float[] x => int64 y", "y = Shape(x)")


def test_size() -> None:
    check("float[N,3] x => int64 y", "y = Size(x)")


@pytest.mark.parametrize(
    ("kind", "bounds"),
    [
        ("int64", (0, 5, 1)), ("int64", (5, 0, -2)), ("int32", (1, 8, 3)), ("int64", (3, 3, 1)),
        ("float", (0.5, 2.1, 0.3)), ("float", (1, -1, -0.4)), ("double", (0, 1, 0.1)),
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


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("kind", ["int64", "float"])
def test_one_hot(axis: int, kind: str) -> None:
    places = np.array([[0, 3], [-1, 7]], np.float32 if kind == "float" else np.int64)
    given = {"d": np.array(4), "v": np.array([0.5, 2], np.float32)}
    body = f"y = OneHot<axis={axis}>(x, d, v)"
    feeds, reference = {"x": places}, kind == "float"
    check(f"{kind}[2,2] x => float y", body, feeds, weights=given, opset=11, reference=reference)
    feeds["d"] = given.pop("d")
    signature = f"{kind}[2,2] x, int64[] d => float y"
    check(signature, body, feeds, weights=given, opset=11, reference=reference)


KINDS = {
    "float": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9,
    "float16": 10, "double": 11, "uint32": 12, "uint64": 13, "bfloat16": 16,
}  # fmt: skip


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("kind", ["float", "int32", "uint8", "bool", "double"])
def test_cast(kind: str, to: str) -> None:
    numbers = np.array([0, 1.7, 100, 3.5, 0.2])
    array = numbers.astype({"float": np.float32, "double": np.float64}.get(kind, kind))
    check(
        f"{kind}[5] x => {to} y",
        f"y = Cast<to={KINDS[to]}>(x)",
        {"x": array},
        reference=to == "bfloat16",
    )


@pytest.mark.parametrize("to", [17, 18, 19, 20])
@pytest.mark.parametrize("saturate", [0, 1])
def test_cast_to_eight_bits(to: int, saturate: int) -> None:
    x = np.array([0, 0.3, -7, 448, 464, 470, -1e6, np.nan, np.inf, 57344, 61000, 65536], np.float32)
    body = f"z = Cast<to={to}, saturate={saturate}>(x)\ny = Cast<to=1>(z)"
    check("float[12] x => float y", body, {"x": x}, opset=19)


def test_types_that_torch_has_not_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="torch has no tensors of INT4"):
        from_ir(parse("float[2] x => int4 y", "y = Cast<to=22>(x)"))


def test_cast_like() -> None:
    check("float[3] x, int32[1] t => int32 y", "y = CastLike(x, t)")


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
