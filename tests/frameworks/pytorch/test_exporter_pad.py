"""Padding through generated PyTorch source."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.pytorch.harness import check, ints, parse
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch.exporter import from_ir

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


def test_a_pad_of_unknown_bits_is_refused() -> None:
    weights = {"p": ints(1, 1), "v": np.array((1 << 53) + 1)}
    with pytest.raises(UnsupportedError, match="53 bits"):
        from_ir(parse("int64[3] x => int64 y", "y = Pad(x, p, v)", weights=weights))
