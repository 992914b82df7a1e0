"""Pooling: Caffe's own rules for the number of windows and for the divisor of an average.

Caffe pads both sides alike, rounds sizes up (or down, `round_mode: FLOOR`), and divides by the
window clipped to the padded image. Every window is held against that: where Caffe has more windows
than the node they are cut off, where a divisor differs the result is scaled by the quotient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob
from mmdnn.frameworks.caffe.exporter.convolution import crop, pair, window
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, Exporting, Writing, exporter
from mmdnn.frameworks.caffe.importer.pooling import Window as Rule

PAGE = f"{TUTORIAL}/pooling.html"


@dataclass(frozen=True)
class Axis:
    """One spatial axis: the window, what the node asks for, and what Caffe is told.

    Attributes:
        size: Of the input.
        count: How many windows are wanted.
        begin: The padding in front, of the node.
        end: The padding behind, of the node.
        ahead: Windows that Caffe's larger padding puts in front.
    """

    size: int
    count: int
    kernel: int
    stride: int
    begin: int
    end: int
    ahead: int = 0

    @property
    def pad(self) -> int:
        """Caffe's padding."""
        return self.begin + self.ahead * self.stride

    def windows(self, *, ceil: bool, clip: bool) -> int:
        """How many windows Caffe makes."""
        rule = Rule(self.size, self.kernel, self.stride, self.pad, ceil, clip)
        return 0 if rule.empty else rule.positions

    def divisors(self, *, counts_padding: bool) -> tuple[list[int], list[int]]:
        """By window: the length that Caffe divides by, and the one that the node does."""
        starts = [i * self.stride - self.begin for i in range(self.count)]
        stops = [start + self.kernel for start in starts]
        ours = [min(b, self.size + self.pad) - a for a, b in zip(starts, stops, strict=True)]
        if counts_padding:
            theirs = [min(b, self.size + self.end) - a for a, b in zip(starts, stops, strict=True)]
        else:
            theirs = [min(b, self.size) - max(a, 0) for a, b in zip(starts, stops, strict=True)]
        return ours, theirs


def _fit(axes: list[Axis]) -> tuple[list[Axis], bool] | None:
    """Padding and rounding under which Caffe makes the windows wanted, exactly or with more behind.

    Rounding down comes last: older Caffe, and OpenCV, cannot.
    """
    for ceil, exact in ((True, True), (True, False), (False, True)):
        for ahead in (0, 1):
            fitted = [replace(axis, ahead=ahead) for axis in axes]
            if _suits(fitted, ceil=ceil, exact=exact):
                return fitted, ceil
    return None


def _suits(axes: list[Axis], *, ceil: bool, exact: bool) -> bool:
    clip = any(axis.pad for axis in axes)
    counts = [axis.windows(ceil=ceil, clip=clip) - axis.ahead for axis in axes]
    enough = all(
        have == axis.count if exact and not axis.ahead else have >= axis.count
        for have, axis in zip(counts, axes, strict=True)
    )
    return enough and all(axis.pad < axis.kernel for axis in axes)


def _pool(node: Exporting, caffe: Writing, x: Blob, method: str, counts_padding: bool) -> Blob:
    frame = window(node, x)
    node.ignore("ceil_mode", "pads")
    if set(frame.dilations) != {1}:
        node.refuse(f"its window is dilated by {frame.dilations}")
    shape = node.shape()
    if len(x.shape) == 3:
        return _as_picture(node, caffe, x, method, counts_padding)
    if len(x.shape) != 4:
        node.refuse(f"Caffe pools pictures, and there are {len(x.shape)} axes")
    axes = [
        Axis(*each)
        for each in zip(
            x.shape[2:],
            shape[2:],
            frame.kernel,
            frame.strides,
            frame.begins,
            frame.ends,
            strict=True,
        )
    ]
    return _pooled(node, caffe, x, method, axes, counts_padding)


def _as_picture(
    node: Exporting, caffe: Writing, x: Blob, method: str, counts_padding: bool
) -> Blob:
    """A row of numbers as a picture one pixel wide."""
    frame = window(node, x)
    size, count = x.shape[2], node.shape()[2]
    axes = [
        Axis(size, count, frame.kernel[0], frame.strides[0], frame.begins[0], frame.ends[0]),
        Axis(1, 1, 1, 1, 0, 0),
    ]
    picture = caffe.reshape(x, (*x.shape, 1), suffix="picture")
    pooled = _pooled(node, caffe, picture, method, axes, counts_padding, suffix="pool")
    return caffe.reshape(pooled, node.shape())


def _pooled(
    node: Exporting,
    caffe: Writing,
    x: Blob,
    method: str,
    axes: list[Axis],
    counts_padding: bool,
    suffix: str = "",
) -> Blob:
    fit = _fit(axes)
    if fit is None:
        node.refuse("no padding of Caffe's gives these windows")
    axes, ceil = fit
    clip = any(axis.pad for axis in axes)
    sizes = tuple(axis.windows(ceil=ceil, clip=clip) for axis in axes)
    counts = tuple(axis.count for axis in axes)
    quotients = _quotients(axes, counts_padding=counts_padding) if method == "AVE" else None
    helper = "" if sizes == counts and quotients is None else "window"
    y = caffe.layer(
        "Pooling",
        x,
        shape=(*x.shape[:2], *sizes),
        suffix=suffix or helper,
        pooling_param=_param(method, axes, ceil),
    )
    y = crop(caffe, y, [axis.ahead for axis in axes], counts)
    if quotients is None:
        return y
    blob = ir.tensor(quotients)
    return caffe.layer("Scale", y, blobs=[blob], scale_param={"axis": 2, "num_axes": 2})


def _param(method: str, axes: list[Axis], ceil: bool) -> dict[str, Any]:
    found = {
        "pool": method,
        **pair("kernel", "kernel_size", [axis.kernel for axis in axes]),
        **pair("stride", "stride", [axis.stride for axis in axes], 1),
        **pair("pad", "pad", [axis.pad for axis in axes], 0),
        "round_mode": None if ceil else "FLOOR",
    }
    return {key: value[0] if isinstance(value, list) else value for key, value in found.items()}


def _quotients(axes: list[Axis], *, counts_padding: bool) -> np.ndarray | None:
    """What Caffe divides by over what the node divides by, for each pixel; None where they agree."""
    rows, columns = (axis.divisors(counts_padding=counts_padding) for axis in axes)
    ours, theirs = (np.outer(a, b) for a, b in zip(rows, columns, strict=True))
    return None if (ours == theirs).all() else (ours / theirs).astype(np.float32)


@exporter("MaxPool", doc=PAGE)
def max_pool(node: Exporting, caffe: Writing, x: Blob) -> list[Blob | None]:
    node.ignore("storage_order")
    return [_pool(node, caffe, x, "MAX", counts_padding=False), None]


@exporter("AveragePool", doc=PAGE)
def average_pool(node: Exporting, caffe: Writing, x: Blob) -> Blob:
    counts = bool(node.attribute("count_include_pad", 0))
    return _pool(node, caffe, x, "AVE", counts_padding=counts)


def global_pool(caffe: Writing, x: Blob, method: str, suffix: str = "") -> Blob:
    """The whole picture at once; a row of numbers, or a volume, is made a picture first."""
    if len(x.shape) != 4:
        rest = int(np.prod(x.shape[2:], dtype=np.int64))
        x = caffe.reshape(x, (*x.shape[:2], rest, 1), suffix="picture")
    return caffe.layer(
        "Pooling",
        x,
        shape=(*x.shape[:2], 1, 1),
        suffix=suffix,
        pooling_param={"pool": method, "global_pooling": True},
    )


@exporter("GlobalMaxPool", doc=PAGE)
def global_max_pool(node: Exporting, caffe: Writing, x: Blob) -> Blob:
    return _globally(node, caffe, x, "MAX")


@exporter("GlobalAveragePool", doc=PAGE)
def global_average_pool(node: Exporting, caffe: Writing, x: Blob) -> Blob:
    return _globally(node, caffe, x, "AVE")


def _globally(node: Exporting, caffe: Writing, x: Blob, method: str) -> Blob:
    if len(x.shape) == 4:
        return global_pool(caffe, x, method)
    return caffe.reshape(global_pool(caffe, x, method, "pool"), node.shape())
