"""Operators that rearrange elements, through generated PyTorch source."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.pytorch.harness import assert_snapshot, check, forward, ints


@pytest.mark.parametrize(
    ("shape", "target", "expected"),
    [
        ("2,3,4", (6, 4), "x.reshape(6, 4)"),
        ("2,3,4", (-1, 4), "x.reshape(-1, 4)"),
        ("2,3,4", (2, 12), "x.flatten(1)"),
        ("2,3,4", (0, -1), "x.flatten(1)"),
        ("N,3,4", (0, -1), "x.flatten(1)"),
        ("N,3,4", (-1, 12), "x.flatten(1)"),
        ("N,3,4", (0, 4, 3), "x.reshape(-1, 4, 3)"),
        ("N,3,4", (0, 0, 2, -1), "x.reshape(-1, 3, 2, 2)"),
        ("2,3,4", (0, 0, 2, 2), "x.reshape(2, 3, 2, 2)"),
        ("0,3,4", (0, 12), "x.reshape(0, 12)"),
        ("0,3", (3, -1), "x.reshape(3, 0)"),
        ("1", (), "x.reshape(())"),
    ],
)
def test_reshape(shape: str, target: tuple[int, ...], expected: str) -> None:
    weights = {"s": np.array(target, np.int64)}
    text = check(f"float[{shape}] x => float y", "y = Reshape(x, s)", weights=weights)
    assert forward(text) == f"return {expected}"


@pytest.mark.parametrize(("zero", "target"), [(0, (2, 0, 2, -1)), (0, (24,)), (1, (4, 6))])
def test_reshape_to_computed_sizes(zero: int, target: tuple[int, ...]) -> None:
    body = f"y = Reshape<allowzero={zero}>(x, s)"
    signature = f"float[2,3,4] x, int64[{len(target)}] s => float y"
    check(signature, body, {"s": ints(*target)})


def test_sizes_from_shapes_are_integers() -> None:
    body = """
    s = Shape(x)
    i = Constant<value_ints=[0]>()
    n = Gather(s, i)
    c = Constant<value_ints=[4]>()
    r = Constant<value_ints=[-1]>()
    t = Concat<axis=0>(n, c, r)
    p = Transpose<perm=[0,2,1]>(x)
    y = Reshape(p, t)
    """
    text = check("float[N,3,8] x => float y", body)
    assert forward(text) == "return x.transpose(1, 2).reshape(-1, 4, 6)"


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -2])
def test_flatten(axis: int) -> None:
    check("float[2,3,4] x => float y", f"y = Flatten<axis={axis}>(x)")
    if axis in {0, 1}:
        check("float[5] x => float y", f"y = Flatten<axis={axis}>(x)")


@pytest.mark.parametrize(
    ("perm", "expected"),
    [
        ("", "x.permute(3, 2, 1, 0)"),
        ("<perm=[0,2,3,1]>", "x.permute(0, 2, 3, 1)"),
        ("<perm=[0,3,2,1]>", "x.transpose(1, 3)"),
    ],
)
def test_transpose(perm: str, expected: str) -> None:
    text = check("float[2,3,4,5] x => float y", f"y = Transpose{perm}(x)")
    assert forward(text) == f"return {expected}"


@pytest.mark.parametrize("axes", [(0,), (-1,), (0, 2), (2, 0), None])
def test_squeeze(axes: tuple[int, ...] | None) -> None:
    body = f"y = Squeeze(x{', a' if axes else ''})"
    weights = {"a": ints(*axes)} if axes else {}
    check("float[1,3,1] x => float y", body, weights=weights)
    if axes:
        check(f"float[1,3,1] x, int64[{len(axes)}] a => float y", body, weights)


@pytest.mark.parametrize("axes", [(0,), (-1,), (0, 2), (3, 0), (-1, -3)])
def test_unsqueeze(axes: tuple[int, ...]) -> None:
    weights = {"a": ints(*axes)}
    check("float[2,3] x => float y", "y = Unsqueeze(x, a)", weights=weights)
    check(f"float[2,3] x, int64[{len(axes)}] a => float y", "y = Unsqueeze(x, a)", weights)


@pytest.mark.parametrize(
    ("shape", "target"),
    [
        ("3,1", (3, 4)),
        ("3,1", (2, 1, 4)),
        ("3,4", (1, 1)),
        ("3,4", (4,)),
        ("", ()),
        ("1", (0,)),
        ("N,1", (1, 4)),
    ],
)
def test_expand(shape: str, target: tuple[int, ...]) -> None:
    weights = {"s": ints(*target)}
    check(f"float[{shape}] x => float y", "y = Expand(x, s)", weights=weights)
    signature = f"float[{shape}] x, int64[{len(target)}] s => float y"
    check(signature, "y = Expand(x, s)", weights)


def test_expand_to_another_shape() -> None:
    body = "s = Shape(b)\ny = Expand(a, s)"
    check(
        "float[N,1] a, float[M,5] b => float y",
        body,
        {"a": np.ones((3, 1), np.float32), "b": np.ones((1, 5), np.float32)},
    )


def test_tile() -> None:
    weights = {"r": ints(2, 1, 3)}
    check("float[2,3,1] x => float y", "y = Tile(x, r)", weights=weights)
    check("float[2,3,1] x, int64[3] r => float y", "y = Tile(x, r)", weights)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_and_space(mode: str) -> None:
    check("float[2,12,3,4] x => float y", f'y = DepthToSpace<blocksize=2, mode="{mode}">(x)')


def test_space_to_depth() -> None:
    check("float[2,3,4,6] x => float y", "y = SpaceToDepth<blocksize=2>(x)")


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("k", [None, 0, 1, -2, 9])
def test_triangles(upper: int, k: int | None) -> None:
    body = f"y = Trilu<upper={upper}>(x{', k' if k is not None else ''})"
    given = {} if k is None else {"k": np.array(k)}
    check("float[2,3,4] x => float y", body, weights=given)
    if k is not None:
        check("int64[2,3,4] x, int64[] k => int64 y", body, given)


def test_source() -> None:
    text = check(
        "float[N,3,8,8] x => float y",
        """
        a = Pad(x, pads)
        b = SpaceToDepth<blocksize=2>(a)
        c = Transpose<perm=[0,2,3,1]>(b)
        d, e = Split<axis=-1>(c, halves)
        f = Concat<axis=1>(d, e)
        g = Flatten(f)
        y = Unsqueeze(g, axes)
        """,
        weights={"pads": ints(0, 0, 0, 0, 0, 0, 2, 2), "halves": ints(6, 6), "axes": ints(1)},
    )
    assert_snapshot("shape", text)


@pytest.mark.parametrize("bounds", ["", "<start=1>", "<end=-1>", "<start=-2, end=3>"])
def test_shape(bounds: str) -> None:
    check("float[N,3,M] x => int64 y", f"y = Shape{bounds}(x)")
    check("float[] x => int64 y", "y = Shape(x)")


def test_size() -> None:
    check("float[N,3] x => int64 y", "y = Size(x)")
