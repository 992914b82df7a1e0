"""Pooling through generated PyTorch source: sizes, padding, what is counted, indices."""

from __future__ import annotations

import itertools

import pytest

from helpers.pytorch.harness import assert_snapshot, check, forward, parse
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch.exporter import from_ir

WINDOWS = [
    "kernel_shape=[3,3], strides=[2,2]",
    "kernel_shape=[3,2], strides=[2,3], pads=[1,1,1,1]",
    "kernel_shape=[3,3], strides=[2,2], pads=[0,0,1,1]",
    "kernel_shape=[2,3], strides=[2,3], pads=[1,0,0,2]",
    "kernel_shape=[3,3], strides=[3,3], pads=[1,1,1,1]",
    "kernel_shape=[3,3], dilations=[2,2], pads=[2,1,2,1]",
    "kernel_shape=[2,2], dilations=[3,1], strides=[2,2]",
    'kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER"',
    'kernel_shape=[2,3], strides=[2,2], auto_pad="SAME_LOWER"',
]


def with_ceiling() -> list[tuple[str, int]]:
    """Each window with `ceil_mode` 0 and 1; sizes that auto_pad gives have no remainder to round."""
    both = itertools.product(WINDOWS, (0, 1))
    return [(window, ceil) for window, ceil in both if not (ceil and "auto_pad" in window)]


@pytest.mark.parametrize(("window", "ceil"), with_ceiling())
def test_maximum(window: str, ceil: int) -> None:
    check("float[2,3,9,10] x => float y", f"y = MaxPool<{window}, ceil_mode={ceil}>(x)")


@pytest.mark.parametrize(
    ("window", "ceil", "include"), [(*both, i) for both in with_ceiling() for i in (0, 1)]
)
def test_average(window: str, ceil: int, include: int) -> None:
    check(
        "float[2,3,9,10] x => float y",
        f"y = AveragePool<{window}, ceil_mode={ceil}, count_include_pad={include}>(x)",
    )


@pytest.mark.parametrize("size", range(5, 12))
@pytest.mark.parametrize("pad", [0, 1])
def test_ceiling_at_every_size(size: int, pad: int) -> None:
    window = f"kernel_shape=[3], strides=[2], pads=[{pad},{pad}], ceil_mode=1"
    check(
        f"float[1,2,{size}] x => float y, float z",
        f"y = MaxPool<{window}>(x)\nz = AveragePool<{window}, count_include_pad=1>(x)",
    )


@pytest.mark.parametrize("window", [w for w in WINDOWS if "auto" not in w])
@pytest.mark.parametrize("order", [0, 1])
def test_indices_of_maxima(window: str, order: int) -> None:
    check(
        "float[2,3,9,10] x => float y, int64 places",
        f"y, places = MaxPool<{window}, storage_order={order}>(x)",
    )


def test_integers() -> None:
    window = "kernel_shape=[2,2], pads=[1,1,0,0]"
    check("int8[1,1,4,4] x => int8 y", f"y = MaxPool<{window}>(x)")


@pytest.mark.parametrize("window", WINDOWS[:4])
@pytest.mark.parametrize("p", [1, 2, 3])
def test_norms(window: str, p: int) -> None:
    check("float[2,3,9,10] x => float y", f"y = LpPool<{window}, p={p}>(x)")


@pytest.mark.parametrize("operator", ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"])
@pytest.mark.parametrize("image", ["7", "7,6", "4,3,5"])
def test_whole_images(operator: str, image: str) -> None:
    check(f"float[N,3,{image}] x => float y", f"y = {operator}(x)", opset=21)


def test_maxima_go_back() -> None:
    check(
        "float[2,3,8,8] x => float y",
        """
        pooled, places = MaxPool<kernel_shape=[2,2], strides=[2,2]>(x)
        y = MaxUnpool<kernel_shape=[2,2], strides=[2,2]>(pooled, places)
        """,
    )


def test_uneven_padding_of_open_sizes_is_refused_with_ceiling() -> None:
    body = "y = MaxPool<kernel_shape=[3,3], pads=[0,0,1,1], strides=[2,2], ceil_mode=1>(x)"
    with pytest.raises(UnsupportedError, match="size is not known"):
        from_ir(parse("float[1,1,H,W] x => float y", body))


def test_open_sizes() -> None:
    body = "y = MaxPool<kernel_shape=[3,3], pads=[1,1,1,1], strides=[2,2], ceil_mode=1>(x)"
    text = check("float[1,1,H,W] x => float y", body)
    expected = "return F.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=True)"
    assert forward(text) == expected


def test_source() -> None:
    text = check(
        "float[N,3,17,17] x => float y",
        """
        a = MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[0,0,1,1]>(x)
        b = AveragePool<kernel_shape=[3,3], strides=[1,1], pads=[1,1,1,1]>(a)
        c = AveragePool<kernel_shape=[2,2], dilations=[2,2]>(b)
        y = GlobalAveragePool(c)
        """,
    )
    assert_snapshot("pooling", text)
