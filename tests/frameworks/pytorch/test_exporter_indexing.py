"""Slices, gathers and scatters through generated PyTorch source."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from helpers.pytorch.harness import assert_snapshot, check, forward, ints

FAR = 1 << 62


@pytest.mark.parametrize("step", [1, 2, -1, -2])
@pytest.mark.parametrize(
    ("start", "end"), list(itertools.product([0, 2, -3, 9, FAR], [0, 4, -1, -2, 9, FAR, -FAR]))
)
def test_every_slice(start: int, end: int, step: int) -> None:
    weights = {"s": ints(start), "e": ints(end), "a": ints(1), "t": ints(step)}
    check("float[2,6] x => float y", "y = Slice(x, s, e, a, t)", weights=weights)


@pytest.mark.parametrize("step", [1, 3, -2])
@pytest.mark.parametrize(("start", "end"), [(0, 4), (-3, FAR), (4, -FAR), (-1, 0)])
def test_slices_of_open_and_computed_sizes(start: int, end: int, step: int) -> None:
    weights = {"s": ints(start), "e": ints(end), "a": ints(-1), "t": ints(step)}
    feeds = {"x": np.arange(14, dtype=np.float32).reshape(2, 7)}
    body = "y = Slice(x, s, e, a, t)"
    check("float[M,N] x => float y", body, feeds, weights=weights)
    inputs = ", ".join(f"int64[1] {name}" for name in weights)
    check(f"float[M,N] x, {inputs} => float y", body, {**feeds, **weights})


@pytest.mark.parametrize(
    ("start", "end", "axis", "step", "expected"),
    [
        (1, 3, 1, 1, "x[:, 1:3]"),
        (0, 2, 0, 1, "x[:2]"),
        (1, FAR, -1, 2, "x[..., 1::2]"),
        (-2, FAR, 2, 1, "x[:, :, 4:]"),
        (-1, -FAR, 2, -1, "x.flip(2)"),
        (0, 6, 2, 1, "x"),
    ],
)
def test_slices_read_as_one_would_write_them(
    start: int, end: int, axis: int, step: int, expected: str
) -> None:
    weights = {"s": ints(start), "e": ints(end), "a": ints(axis), "t": ints(step)}
    text = check("float[3,4,6,5] x => float y", "y = Slice(x, s, e, a, t)", weights=weights)
    assert forward(text) == f"return {expected}"


def test_slice_up_to_a_size() -> None:
    body = """
    s = Shape(b)
    i = Constant<value_ints=[1]>()
    n = Gather(s, i)
    z = Constant<value_ints=[0]>()
    y = Slice(a, z, n, i)
    """
    feeds = {"a": np.ones((2, 7), np.float32), "b": np.ones((3, 4), np.float32)}
    text = check("float[M,N] a, float[K,L] b => float y", body, feeds)
    assert forward(text) == "return a[:, : b.shape[1]]"


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("kind", ["int32", "int64"])
@pytest.mark.parametrize("shape", ["", "3", "2,3"])
def test_gather(axis: int, kind: str, shape: str) -> None:
    sizes = tuple(map(int, shape.split(","))) if shape else ()
    places = np.random.default_rng(0).integers(-3, 3, sizes).astype(kind)
    body = f"y = Gather<axis={axis}>(x, i)"
    check(f"float[3,4,3] x, {kind}[{shape}] i => float y", body, {"i": places})
    check("float[3,4,3] x => float y", body, weights={"i": places})


def test_a_table_is_an_embedding() -> None:
    table = {"w": np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)}
    feeds = {"i": np.array([[0, 4], [2, 2]])}
    text = check("int64[N,2] i => float y", "y = Gather(w, i)", feeds, weights=table)
    assert "nn.Embedding(5, 3)" in text


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_gather_elements(axis: int, kind: str) -> None:
    places = np.random.default_rng(0).integers(-3, 3, (2, 3)).astype(kind)
    body = f"y = GatherElements<axis={axis}>(x, i)"
    check(f"float[3,4] x, {kind}[2,3] i => float y", body, {"i": places})
    check("float[3,4] x => float y", body, weights={"i": places})


@pytest.mark.parametrize(
    ("x", "places", "batch"),
    [("3,4,5", (2, 2), 0), ("3,4,5", (2, 3), 0), ("3,4,5", (3, 2, 1), 1), ("2,3,4", (2, 3, 1), 2)],
)
def test_gather_nd(x: str, places: tuple[int, ...], batch: int) -> None:
    index = np.random.default_rng(0).integers(-2, 2, places)
    sizes = ",".join(map(str, places))
    body = f"y = GatherND<batch_dims={batch}>(x, i)"
    check(f"float[{x}] x, int64[{sizes}] i => float y", body, {"i": index})


REDUCTIONS = ["none", "add", "mul", "max", "min"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("axis", [0, 1])
def test_scatter_elements(reduction: str, axis: int) -> None:
    index = np.array([[0, -1], [2, 1]]) if reduction == "none" else np.array([[0, 1], [0, -2]])
    body = f'y = ScatterElements<axis={axis}, reduction="{reduction}">(x, i, u)'
    signature = "float[3,4] x, int64[2,2] i, float[2,2] u => float y"
    check(signature, body, {"i": index}, opset=18)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_scatter_nd(reduction: str, depth: int) -> None:
    rows = [[0, 1, 2], [-1, 0, 1]] if reduction == "none" else [[0, 1, 2], [0, 1, 2]]
    index = np.array(rows)[:, :depth]
    rest = "".join(f",{size}" for size in (4, 5)[depth - 1 :])
    body = f'y = ScatterND<reduction="{reduction}">(x, i, u)'
    signature = f"float[3,4,5] x, int64[2,{depth}] i, float[2{rest}] u => float y"
    check(signature, body, {"i": index}, opset=18)


@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("count", [2, 3])
def test_compress(axis: int | None, count: int) -> None:
    attribute = "" if axis is None else f"<axis={axis}>"
    kept = np.array([False, True, True][:count])
    body = f"y = Compress{attribute}(x, c)"
    check(f"float[3,4] x, bool[{count}] c => float y", body, {"c": kept})


def test_places_that_are_not_zero() -> None:
    x = np.array([[0, 1, 0], [2, 0, 3]], np.float32)
    check("float[2,3] x => int64 y", "y = NonZero(x)", {"x": x})


@pytest.mark.parametrize("is_sorted", [0, 1])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_unique(is_sorted: int, axis: int | None) -> None:
    attribute = "" if axis is None else f", axis={axis}"
    x = np.array([[2, 1, 1], [3, 0, 0], [2, 1, 1]], np.float32)
    body = f"y, i, v, n = Unique<sorted={is_sorted}{attribute}>(x)"
    check("float[3,3] x => float y, int64 i, int64 v, int64 n", body, {"x": x})
    check("float[3,3] x => float y", body.replace(", i, v, n", ""), {"x": x})
    check("float[3,3] x => float y, int64 v", body.replace(", n =", " ="), {"x": x})
    check("float[3,3] x => int64 i", body.replace(", v, n", ""), {"x": x})


@pytest.mark.parametrize("mode", ["linear", "circular"])
def test_caches_are_written(mode: str) -> None:
    body = f'y = TensorScatter<mode="{mode}">(c, u, i)'
    signature = "float[2,3,4,5] c, float[2,3,2,5] u, int64[2] i => float y"
    start = ints(1, 2) if mode == "linear" else ints(3, 0)
    check(signature, body, {"i": start}, opset=24)


def test_source() -> None:
    text = check(
        "float[N,3,8,8] x, int64[N] i => float y",
        """
        a = Slice(x, one, far, axes, two)
        b = Gather<axis=1>(a, zero)
        y = Gather(b, i)
        """,
        weights={
            "one": ints(1, 0), "far": ints(FAR, -1), "axes": ints(2, 3), "two": ints(2, 1),
            "zero": np.array(0),
        },
        feeds={"i": ints(1, 0)},
    )  # fmt: skip
    assert_snapshot("indexing", text)


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


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("kind", ["float", "int64"])
def test_the_first_of_equals_comes_first(largest: int, axis: int, kind: str) -> None:
    x = np.array([[1, 3, 3, 1, 2], [2, 1, 3, 1, 3], [2, 3, 1, 1, 2]])
    feeds = {"x": x.astype(np.float32 if kind == "float" else np.int64)}
    body = f"v, i = TopK<axis={axis}, largest={largest}>(x, k)"
    check(f"{kind}[3,5] x => {kind} v, int64 i", body, feeds, weights={"k": np.array([3])})
    feeds["k"] = np.array([2])
    check(f"{kind}[3,5] x, int64[1] k => {kind} v, int64 i", body, feeds)
