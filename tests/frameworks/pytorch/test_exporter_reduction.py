"""Reductions, cumulative sums and sorting through generated PyTorch source."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.pytorch.harness import assert_snapshot, check, forward

NAMES = [
    "ReduceSum", "ReduceMean", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2",
    "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp",
]  # fmt: skip


def positive(*shape: int) -> np.ndarray:
    return (np.random.default_rng(0).random(shape) + 0.5).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("axes", [None, [1], [-1, 0], [0, 1, 2]])
def test_axes_as_constants(name: str, keep: int, axes: list[int] | None) -> None:
    weights = {} if axes is None else {"axes": np.array(axes)}
    body = f"y = {name}<keepdims={keep}>(x{', axes' if axes else ''})"
    check("float[2,3,4] x => float y", body, {"x": positive(2, 3, 4)}, weights=weights, opset=18)


@pytest.mark.parametrize("name", NAMES[1:])
def test_axes_as_attributes(name: str) -> None:
    """As before opset 18; those of ReduceSum are an input since 13."""
    body = f"y = {name}<axes=[0,2], keepdims=0>(x)"
    check("float[2,3,4] x => float y", body, {"x": positive(2, 3, 4)}, opset=13)


@pytest.mark.parametrize("name", NAMES)
def test_axes_computed(name: str) -> None:
    feeds = {"x": positive(2, 3, 4), "axes": np.array([0, -1])}
    check("float[2,3,4] x, int64[2] axes => float y", f"y = {name}(x, axes)", feeds, opset=18)


@pytest.mark.parametrize("name", ["ReduceSum", "ReduceMax", "ReduceMean", "ReduceProd"])
def test_no_axes(name: str) -> None:
    body = f"y = {name}<noop_with_empty_axes=1>(x)"
    check("float[2,3] x => float y", body, opset=18)


@pytest.mark.parametrize(
    "name", ["ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceMean"]
)
@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_integers(name: str, kind: str) -> None:
    body = f"y = {name}<keepdims=0>(x, axes)"
    check(f"{kind}[3,5] x => {kind} y", body, weights={"axes": np.array([1])}, opset=18)


@pytest.mark.parametrize("name", ["ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"])
@pytest.mark.parametrize("kind", ["float", "int32"])
def test_empty_sets(name: str, kind: str) -> None:
    weights = {"axes": np.array([1])}
    text = f"y = {name}(x, axes)"
    check(
        f"{kind}[2,0,4] x => {kind} y", text, weights=weights, opset=20, reference=kind != "float"
    )


def test_scalars() -> None:
    check("float[] x => float y", "y = ReduceSum(x)", opset=18)


@pytest.mark.parametrize("name", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("last", [0, 1])
def test_places_of_extremes(name: str, axis: int, keep: int, last: int) -> None:
    x = np.array([[1, 3, 3, 1], [2, 1, 3, 1]], np.float32)
    body = f"y = {name}<axis={axis}, keepdims={keep}, select_last_index={last}>(x)"
    check("float[2,4] x => int64 y", body, {"x": x})


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("kind", ["float", "int32"])
def test_cumulative_sums(exclusive: int, reverse: int, kind: str) -> None:
    body = f"y = CumSum<exclusive={exclusive}, reverse={reverse}>(x, axis)"
    axis = {"axis": np.array(1)}
    check(f"{kind}[2,5] x => {kind} y", body, weights=axis)
    check(f"{kind}[2,5] x, int64[] axis => {kind} y", body, axis)


def test_means_read_as_one_would_write_them() -> None:
    weights = {"axes": np.array([2, 3])}
    body = "y = ReduceMean<keepdims=0>(x, axes)"
    text = check("float[N,3,4,5] x => float y", body, weights=weights, opset=18)
    assert forward(text) == "return x.mean((2, 3))"


def test_source() -> None:
    text = check(
        "float[N,6,5] x => float y, int64 i",
        """
        m = ReduceMean<keepdims=1>(x, last)
        d = Sub(x, m)
        s = ReduceL2<keepdims=0>(d, last)
        y, i = TopK(s, k)
        """,
        weights={"last": np.array([-1]), "k": np.array([2])},
        opset=18,
    )
    assert_snapshot("reduction", text)
