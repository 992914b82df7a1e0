"""Convolutions through generated PyTorch source."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.pytorch.harness import assert_snapshot, check, forward, parse
from mmdnn.errors import UnsupportedError

random = np.random.default_rng(0)


def weight(*shape: int) -> np.ndarray:
    return random.standard_normal(shape).astype(np.float32) / 4


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        "strides=[2,3]",
        "pads=[1,1,1,1]",
        "pads=[0,1,2,3]",
        'auto_pad="SAME_UPPER", strides=[2,2]',
        'auto_pad="SAME_LOWER", strides=[2,3]',
        'auto_pad="VALID"',
        "dilations=[2,1], group=2",
    ],
)
def test_convolution(attributes: str) -> None:
    channels = 2 if "group" in attributes else 4
    check(
        "float[N,4,9,11] x => float y",
        f"y = Conv<{attributes}>(x, w, b)".replace("<>", ""),
        weights={"w": weight(6, channels, 3, 2), "b": weight(6)},
    )


def test_convolution_with_a_computed_weight() -> None:
    text = check(
        "float[1,2,8] x, float[3,2,3] w => float y",
        "y = Conv<pads=[1,1]>(x, w)",
    )
    assert forward(text) == "return F.conv1d(x, w, padding=1)"


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("strides", [1, 2, 3])
def test_transposed_convolution(rank: int, strides: int) -> None:
    kernel = [3] * rank
    image = ",".join(["5", "6", "4"][:rank])
    check(
        f"float[2,4,{image}] x => float y",
        f"y = ConvTranspose<strides={[strides] * rank}>(x, w, b)",
        weights={"w": weight(4, 3, *kernel), "b": weight(3)},
    )


@pytest.mark.parametrize(
    "attributes",
    [
        "pads=[1,1,1,1]",
        "pads=[1,0,1,0], strides=[2,2]",
        "pads=[1,0,0,1], strides=[2,2]",
        "pads=[0,0,1,2], strides=[2,3]",
        "pads=[2,1,0,0], strides=[1,2]",
        "strides=[2,2], output_padding=[1,1]",
        "strides=[3,2], output_padding=[2,1], pads=[1,1,2,0]",
        "strides=[2,2], output_padding=[1,1], pads=[0,0,2,2]",
        "strides=[2,2], dilations=[2,1]",
        "strides=[3,2], output_shape=[15,12]",
        "strides=[3,2], output_shape=[16,9]",
        'auto_pad="SAME_UPPER", strides=[2,2]',
        'auto_pad="SAME_LOWER", strides=[2,2]',
        'auto_pad="SAME_UPPER", strides=[3,2], output_shape=[13,9]',
        'auto_pad="VALID", strides=[2,2]',
        "group=2",
    ],
)
def test_padding_of_transposed_convolution(attributes: str) -> None:
    check(
        "float[1,4,5,6] x => float y",
        f"y = ConvTranspose<{attributes}>(x, w, b)",
        weights={"w": weight(4, 3, 3, 2), "b": weight(6 if "group" in attributes else 3)},
    )


@pytest.mark.parametrize("masked", [False, True])
def test_deformable_convolution(masked: bool) -> None:
    mask = ", float[1,18,4,4] mask" if masked else ""
    check(
        f"float[1,4,8,8] x, float[1,36,4,4] moves{mask} => float y",
        "y = DeformConv<offset_group=2, group=2, strides=[2,2], pads=[1,1,1,1], kernel_shape=[3,3]>"
        f"(x, w, moves, b{', mask' if masked else ''})",
        weights={"w": weight(6, 2, 3, 3), "b": weight(6)},
    )


def test_double_precision() -> None:
    text = check(
        "double[1,2,5,5] x => double y",
        "y = Conv(x, w)",
        weights={"w": weight(3, 2, 3, 3).astype(np.float64)},
        reference=True,
    )
    assert "bias=False, dtype=torch.float64" in text


def test_a_size_that_is_not_known_is_refused() -> None:
    from mmdnn.frameworks.pytorch.exporter import from_ir

    model = parse(
        "float[1,1,H,W] x => float y",
        'y = Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, w)',
        weights={"w": weight(1, 1, 3, 3)},
    )
    with pytest.raises(UnsupportedError, match=r"\(SAME_UPPER\) depends on the size of its input"):
        from_ir(model)


def test_source() -> None:
    text = check(
        "float[N,3,32,32] image => float y",
        """
        a = Conv<pads=[1,1,1,1], strides=[2,2]>(image, conv1.weight, conv1.bias)
        b = Relu(a)
        c = ConvTranspose<strides=[2,2]>(b, up.weight, up.bias)
        y = Conv<pads=[0,0,1,1], dilations=[2,1]>(c, conv2.weight)
        """.replace("conv1.weight", "w1").replace("conv1.bias", "b1")
        .replace("up.weight", "w2").replace("up.bias", "b2").replace("conv2.weight", "w3"),
        weights={
            "w1": weight(8, 3, 3, 3), "b1": weight(8), "w2": weight(8, 4, 2, 2), "b2": weight(4),
            "w3": weight(5, 4, 3, 3),
        },
    )  # fmt: skip
    assert_snapshot("convolution", text)
