"""Operators that rearrange elements, through generated PyTorch source."""

from __future__ import annotations

import numpy as np
import pytest
from pytorch_harness import assert_snapshot, check, forward, parse

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch.exporter import from_ir


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


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


def test_concat() -> None:
    text = check("float[2,3] a, float[2,1] b => float y", "y = Concat<axis=-1>(a, b)")
    assert forward(text) == "return torch.cat([a, b], -1)"


@pytest.mark.parametrize("sizes", [(2, 2, 2), (1, 2, 3), (6, 0, 0)])
def test_split(sizes: tuple[int, ...]) -> None:
    body = "a, b, c = Split<axis=1>(x, s)"
    signature = "float[2,6] x => float a, float b, float c"
    check(signature, body, weights={"s": ints(*sizes)})
    check("float[2,6] x, int64[3] s => float a, float b, float c", body, {"s": ints(*sizes)})


@pytest.mark.parametrize("size", [6, 7, 8])
def test_split_into_a_number_of_parts(size: int) -> None:
    body = "a, b, c = Split<axis=-1, num_outputs=3>(x)"
    check(f"float[2,{size}] x => float a, float b, float c", body, opset=18)


def test_split_of_which_one_part_is_used() -> None:
    body = "a, b, c = Split<axis=1, num_outputs=3>(x)\ny = Relu(b)"
    check("float[2,6] x => float y", body, opset=18)


@pytest.mark.parametrize(
    ("shape", "target"),
    [
        ("3,1", (3, 4)),
        ("3,1", (2, 1, 4)),
        ("3,4", (1, 1)),
        ("3,4", (4,)),
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


PADS = [(0, 0, 1, 2, 0, 0, 2, 1), (0, 1, 0, 0, 0, 1, 0, 0), (0, 0, -1, 1, 0, 0, 1, -2), (0,) * 8]


@pytest.mark.parametrize("pads", PADS)
@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
@pytest.mark.parametrize("kind", ["float", "int32"])
@pytest.mark.parametrize("known", [True, False])
def test_pad(pads: tuple[int, ...], mode: str, kind: str, known: bool) -> None:
    if mode != "constant" and min(pads) < 0:
        pads = tuple(abs(pad) for pad in pads)  # onnxruntime mirrors before it cuts
    body = f'y = Pad<mode="{mode}">(x, p)'
    inputs = "" if known else ", int64[8] p"
    feeds, weights = ({}, {"p": ints(*pads)}) if known else ({"p": ints(*pads)}, {})
    signature = f"{kind}[2,3,4,5] x{inputs} => {kind} y"
    check(signature, body, feeds, weights=weights, opset=19)


@pytest.mark.parametrize("axes", [(1,), (-1, 0)])
@pytest.mark.parametrize("known", [True, False])
def test_pad_of_some_axes(axes: tuple[int, ...], known: bool) -> None:
    given = {
        "p": ints(*range(1, 2 * len(axes) + 1)),
        "v": np.array(1.5, np.float32),
        "a": ints(*axes),
    }
    n = len(axes)
    inputs = "" if known else f", int64[{2 * n}] p, float[] v, int64[{n}] a"
    feeds, weights = ({}, given) if known else (given, {})
    check(f"float[2,3] x{inputs} => float y", "y = Pad(x, p, v, a)", feeds, weights=weights)


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5, 6])
def test_pad_of_the_last_axis(mode: str, rank: int) -> None:
    shape = ",".join(["2"] * (rank - 1) + ["5"])
    pads = ints(*[0] * (rank - 1), 2, *[0] * (rank - 1), 3)
    check(
        f"float[{shape}] x => float y",
        f'y = Pad<mode="{mode}">(x, p)',
        weights={"p": pads},
        opset=19,
    )


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_and_space(mode: str) -> None:
    check("float[2,12,3,4] x => float y", f'y = DepthToSpace<blocksize=2, mode="{mode}">(x)')


def test_space_to_depth() -> None:
    check("float[2,3,4,6] x => float y", "y = SpaceToDepth<blocksize=2>(x)")


@pytest.mark.parametrize(("batch", "time"), [(0, 1), (1, 0)])
def test_reverse_sequences(batch: int, time: int) -> None:
    body = f"y = ReverseSequence<batch_axis={batch}, time_axis={time}>(x, n)"
    check("float[3,3,2] x, int64[3] n => float y", body, {"n": ints(1, 3, 2)})


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("k", [None, 0, 1, -2, 9])
def test_triangles(upper: int, k: int | None) -> None:
    body = f"y = Trilu<upper={upper}>(x{', k' if k is not None else ''})"
    given = {} if k is None else {"k": np.array(k)}
    check("float[2,3,4] x => float y", body, weights=given)
    if k is not None:
        check("int64[2,3,4] x, int64[] k => int64 y", body, given)


def test_a_pad_of_unknown_bits_is_refused() -> None:
    weights = {"p": ints(1, 1), "v": np.array((1 << 53) + 1)}
    with pytest.raises(UnsupportedError, match="53 bits"):
        from_ir(parse("int64[3] x => int64 y", "y = Pad(x, p, v)", weights=weights))


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
