"""Pooling: Caffe's own rules for the number of windows and for the divisor of an average.

Caffe pads both sides alike, rounds sizes up (or down, `round_mode: FLOOR`), and divides by the
window clipped to the padded image. Every window is held against that: where Caffe has more windows
than the node they are cut off, where a divisor differs the result is scaled by the quotient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob
from mmdnn.frameworks.caffe.exporter.convolution import crop, window_fields
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter
from mmdnn.frameworks.caffe.exporter.writer import Writer
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.windows import Axis, Window

PAGE = f"{TUTORIAL}/pooling.html"


@dataclass(frozen=True)
class Fit:
    """How Caffe is to lay the windows of a node along one axis.

    Attributes:
        axis: The windows wanted.
        count: How many they are.
        ceil: How Caffe rounds.
        clip: Whether Caffe drops a last window that begins behind the image: where any axis is padded.
        ahead: Windows that Caffe's larger padding puts in front.
    """

    axis: Axis
    count: int
    ceil: bool
    clip: bool
    ahead: int

    @property
    def pad(self) -> int:
        """Caffe's padding."""
        return self.axis.begin + self.ahead * self.axis.stride

    @property
    def ours(self) -> Axis:
        """The windows that Caffe makes."""
        padded = replace(self.axis, begin=self.pad, end=self.pad)
        return replace(padded, ceil=self.ceil, drops=self.clip)

    @property
    def windows(self) -> int:
        """How many windows Caffe makes."""
        return 0 if self.ours.is_empty else self.ours.count or 0

    def suits(self, *, exact: bool) -> bool:
        """Whether Caffe makes the windows wanted, exactly or with more behind."""
        have = self.windows - self.ahead
        enough = have == self.count if exact and not self.ahead else have >= self.count
        return enough and self.pad < self.axis.kernel

    def divisors(self, *, padding: bool) -> tuple[list[int], list[int]]:
        """By window: the length that Caffe divides by, and the one that the node does."""
        ours = self.ours.lengths(padding=True)[self.ahead :][: self.count]
        return ours, self.axis.lengths(padding=padding)


def _fit(axes: list[tuple[Axis, int]]) -> list[Fit] | None:
    """Padding and rounding under which Caffe makes so many windows along each axis.

    Rounding down comes last: older Caffe, and OpenCV, cannot.
    """
    for ceil, exact in ((True, True), (True, False), (False, True)):
        for ahead in (0, 1):
            clip = any(axis.begin + ahead * axis.stride for axis, _ in axes)
            fits = [Fit(axis, count, ceil, clip, ahead) for axis, count in axes]
            if all(fit.suits(exact=exact) for fit in fits):
                return fits
    return None


def _pool(caffe: Writer, x: Blob, method: str, window: Window, counts_padding: bool) -> Blob:
    if set(window.dilations) != {1}:
        caffe.node.refuse(f"its window is dilated by {window.dilations}")
    axes = list(zip(window.axes, caffe.node.shape()[2:], strict=True))
    if len(x.shape) == 4:
        return _pooled(caffe, x, method, axes, counts_padding)
    if len(x.shape) != 3:
        caffe.node.refuse(f"Caffe pools pictures, and there are {len(x.shape)} axes")
    axes.append((Axis(1, 1), 1))  # a row of numbers is a picture one pixel wide
    picture = caffe.reshape(x, (*x.shape, 1), suffix="picture")
    pooled = _pooled(caffe, picture, method, axes, counts_padding, suffix="pool")
    return caffe.reshape(pooled, caffe.node.shape())


def _pooled(
    caffe: Writer,
    x: Blob,
    method: str,
    axes: list[tuple[Axis, int]],
    counts_padding: bool,
    suffix: str = "",
) -> Blob:
    fits = _fit(axes)
    if fits is None:
        caffe.node.refuse("no padding of Caffe's gives these windows")
    sizes = tuple(fit.windows for fit in fits)
    counts = tuple(fit.count for fit in fits)
    quotients = _quotients(fits, counts_padding=counts_padding) if method == "AVE" else None
    helper = "" if sizes == counts and quotients is None else "window"
    kernel, strides = [axis.kernel for axis, _ in axes], [axis.stride for axis, _ in axes]
    y = caffe.layer(
        "Pooling",
        x,
        shape=(*x.shape[:2], *sizes),
        suffix=suffix or helper,
        **pool_fields(method, kernel, strides, [fit.pad for fit in fits], fits[0].ceil),
    )
    y = crop(caffe, y, [fit.ahead for fit in fits], counts)
    if quotients is None:
        return y
    blob = ir.tensor(quotients)
    return caffe.layer("Scale", y, blobs=[blob], axis=2, num_axes=2)


def pool_fields(
    method: str, kernel: list[int], strides: list[int], pads: list[int], ceil: bool
) -> dict[str, Any]:
    """The windows of a Pooling in its fields."""
    window = window_fields(kernel, strides, pads, [1])
    single = {key: value[0] if isinstance(value, list) else value for key, value in window.items()}
    del single["dilation"]
    return {"pool": method, **single, "round_mode": None if ceil else "FLOOR"}


def _quotients(fits: list[Fit], *, counts_padding: bool) -> np.ndarray | None:
    """What Caffe divides by over what the node divides by, for each pixel; None where they agree."""
    rows, columns = (fit.divisors(padding=counts_padding) for fit in fits)
    ours, theirs = (np.outer(a, b) for a, b in zip(rows, columns, strict=True))
    return None if (ours == theirs).all() else (ours / theirs).astype(np.float32)


@exporter("MaxPool", doc=PAGE, unused="storage_order")
def max_pool(_node: ExportedNode, caffe: Writer, x: Blob, *, window: Window) -> list[Blob | None]:
    return [_pool(caffe, x, "MAX", window, counts_padding=False), None]


@exporter("AveragePool", doc=PAGE)
def average_pool(
    _node: ExportedNode, caffe: Writer, x: Blob, *, window: Window, count_include_pad: int
) -> Blob:
    return _pool(caffe, x, "AVE", window, counts_padding=bool(count_include_pad))


def global_pool(caffe: Writer, x: Blob, method: str, suffix: str = "") -> Blob:
    """The whole picture at once; a row of numbers, or a volume, is made a picture first."""
    if len(x.shape) != 4:
        rest = math.prod(x.shape[2:])
        x = caffe.reshape(x, (*x.shape[:2], rest, 1), suffix="picture")
    return caffe.layer(
        "Pooling", x, shape=(*x.shape[:2], 1, 1), suffix=suffix, pool=method, global_pooling=True
    )


@exporter("GlobalMaxPool", "GlobalAveragePool", doc=PAGE)
def whole_pool(node: ExportedNode, caffe: Writer, x: Blob) -> Blob:
    method = "MAX" if node.type == "GlobalMaxPool" else "AVE"
    if len(x.shape) == 4:
        return global_pool(caffe, x, method)
    return caffe.reshape(global_pool(caffe, x, method, "pool"), node.shape())
