"""How many windows there are, and how far they reach, against counting them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdnn.errors import UnsupportedError
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.windows import Axis, Window

small = st.integers(1, 5)


@st.composite
def axes(draw: st.DrawFn, ceil: bool | None = None) -> Axis:
    kernel, stride, dilation = draw(small), draw(small), draw(st.integers(1, 3))
    span = (kernel - 1) * dilation + 1
    begin, end = draw(st.integers(0, span - 1)), draw(st.integers(0, span - 1))
    size = draw(st.integers(max(span - begin - end, 1), 20))
    rounds = draw(st.booleans()) if ceil is None else ceil
    return Axis(size, kernel, stride, dilation, begin, end, rounds, draw(st.booleans()))


def starts(axis: Axis) -> list[int]:
    """Where windows begin, one by one, as ONNX says it."""
    assert axis.size is not None
    found, start = [], -axis.begin
    while start + axis.span <= axis.size + axis.end:
        found.append(start)
        start += axis.stride
    left = found[-1] + axis.span < axis.size + axis.end
    if axis.ceil and left and (start < axis.size or not axis.drops):
        found.append(start)
    elif axis.ceil and not left and axis.drops and found[-1] >= axis.size:
        found.pop()
    return found


@given(axes())
def test_count_and_start_and_reach(axis: Axis) -> None:
    found = starts(axis)
    assert axis.count == len(found)
    if found:
        assert axis.start == found[-1]
        assert axis.reach == found[-1] + axis.span - (axis.size or 0)


@given(axes(ceil=True))
def test_with_its_reach_as_padding_rounding_down_makes_the_same_windows(axis: Axis) -> None:
    assert axis.reach is not None
    down = Axis(axis.size, axis.kernel, axis.stride, axis.dilation, axis.begin, axis.reach)
    assert (down.count, down.reach) == (axis.count, axis.reach)


@given(axes(ceil=True))
def test_what_may_drop(axis: Axis) -> None:
    assert axis.size is not None
    keeps = [Axis(size, axis.kernel, axis.stride, axis.dilation, axis.begin, axis.end, True, False)
             for size in range(axis.span, axis.span + 2 * axis.stride)]  # fmt: skip
    late = any((keep.start or 0) >= (keep.size or 0) for keep in keeps)
    assert axis.may_drop == late


@given(axes())
def test_lengths(axis: Axis) -> None:
    assert axis.size is not None
    for padding in (False, True):
        low, high = (-axis.begin, axis.size + axis.end) if padding else (0, axis.size)
        inside = set(range(low, high))
        wanted = [
            len(inside.intersection(range(start, start + axis.span, axis.dilation)))
            for start in starts(axis)
        ]
        assert axis.lengths(padding=padding) == wanted


@given(small, small, small, st.integers(-2, 4), st.integers(-2, 4), st.integers(0, 3))
def test_an_even_cut_is_the_same_cut(
    size: int, kernel: int, stride: int, begin: int, end: int, extra: int
) -> None:
    axis = Axis(size, kernel, stride, begin=begin, end=end, extra=extra)
    cut = axis.even_cut(stride)
    if cut is None:
        assert extra >= stride
        return
    pad, added, (front, back) = cut
    assert 0 <= pad < axis.span
    assert 0 <= added < stride
    assert pad + front == begin
    assert pad - added + back == end - extra


def test_what_is_open_is_open() -> None:
    axis = Axis(None, 3, 2, begin=1, end=1)
    assert (axis.count, axis.start, axis.reach, axis.whole) == (None,) * 4
    assert axis.span == 3
    with pytest.raises(ValueError, match="open"):
        axis.lengths(padding=True)


def window_of(shape: Any, **attributes: Any) -> Window:
    """The windows of a node with these attributes, over an image of this shape."""
    x = ir.val("x", shape=None if shape is None else ir.Shape(shape))
    node = ir.node("MaxPool", [x], {"auto_pad": "NOTSET", **attributes})
    return Window.of(ExportedNode(node))


PLAIN = {"kernel_shape": [3, 2], "strides": [1, 2], "dilations": [2, 1], "pads": [1, 2, 3, 4]}


def test_a_node_s_windows() -> None:
    window = window_of(("N", 3, 9, 8), **PLAIN, ceil_mode=1)
    assert window.axes == (Axis(9, 3, 1, 2, 1, 3, ceil=True), Axis(8, 2, 2, 1, 2, 4, ceil=True))
    assert window.sizes == [9, 8]
    assert (window.kernel, window.spans) == ([3, 2], [5, 2])
    assert (window.strides, window.dilations) == ([1, 2], [2, 1])
    assert (window.begins, window.ends, window.pads) == ([1, 2], [3, 4], [1, 2, 3, 4])
    assert window.counts == [9, 6]  # of 7 columns the last would begin behind the image
    assert window.reach == [3, 2]
    assert (window.ceil, window.is_even, len(window)) == (True, False, 2)


@pytest.mark.parametrize("shape", [None, ("N", 3, "H", 8), (1, 3, None, 8), (8,)])
def test_a_node_s_windows_over_an_open_image(shape: Any) -> None:
    window = window_of(shape, **PLAIN)
    assert window.sizes is window.counts is None
    assert window.reach == [3, 4]
    assert window_of(shape, **PLAIN, ceil_mode=1).reach is None


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({}, "size of its kernel is not known"),
        ({**PLAIN, "auto_pad": "SAME_LOWER"}, r"padding \(SAME_LOWER\) depends on the size"),
        ({**PLAIN, "output_shape": [9, 9]}, r"an output of \[9, 9\] depends on an input"),
    ],
)
def test_what_depends_on_an_open_size_is_refused(attributes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        window_of((1, 1, None, None), **attributes)


def test_windows_larger_than_the_image_are_refused() -> None:
    said = {"kernel_shape": [3, 2], "dilations": [1, 1], "pads": [0, 0, 0, 0]}
    for strides, ceil in (([1, 3], 0), ([2, 3], 0), ([1, 3], 1)):
        with pytest.raises(UnsupportedError, match="larger than its image"):
            window_of((1, 1, 2, 8), **said, strides=strides, ceil_mode=ceil)
    assert window_of((1, 1, 2, 8), **said, strides=[2, 3], ceil_mode=1).counts == [1, 3]
    assert window_of((1, 1, 2, None), **said, strides=[2, 3], ceil_mode=1).reach is None


def test_one_element_is_not_dilated() -> None:
    said = {"kernel_shape": [1, 2], "strides": [1, 1], "pads": [0, 0, 0, 0]}
    assert window_of((1, 1, 9, 9), **said, dilations=[2, 2]).dilations == [1, 2]


def test_no_padding_is_even() -> None:
    assert Window((Axis(math.prod((2, 3)), 1),)).is_even
    assert not Window((Axis(4, 2, begin=-1, end=-1),)).is_even


def test_a_spread_kernel_has_zeros_between_its_elements() -> None:
    window = Window((Axis(9, 2, dilation=3), Axis(9, 2, dilation=1)))
    spread = window.spread(np.float32([[1, 2], [3, 4]]))
    assert spread.tolist() == [[1, 2], [0, 0], [0, 0], [3, 4]]
    assert window.dense == Window((Axis(9, 4), Axis(9, 2)))
