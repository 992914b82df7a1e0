"""Reductions: Caffe's takes all axes from one on, a Pooling a whole picture, a convolution channels."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob
from mmdnn.frameworks.caffe.exporter.broadcast import repeated
from mmdnn.frameworks.caffe.exporter.comparison import at_least
from mmdnn.frameworks.caffe.exporter.cuts import MOST_PARTS, parts
from mmdnn.frameworks.caffe.exporter.matmul import mixed
from mmdnn.frameworks.caffe.exporter.pooling import global_pool
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode

Reduce: TypeAlias = Callable[[Writer, Blob, list[int]], Blob]


def reduces(onnx: str, page: str = "reduction") -> Callable[[Reduce], Reduce]:
    """Registers a function `(caffe, x, axes)` that is told the axes that go: all, if none are given."""

    def register(reduce: Reduce) -> Reduce:
        @exporter(onnx, doc=f"{TUTORIAL}/{page}.html", unused="keepdims")
        def function(
            node: ExportedNode,
            caffe: Writer,
            x: Blob,
            axes: Operand | None = None,
            *,
            noop_with_empty_axes: int,
        ) -> Blob:
            rank, given = len(x.shape), node.ints(axes, "axes") if axes is not None else []
            if not given and noop_with_empty_axes:
                node.refuse("it reduces nothing")
            return reduce(caffe, x, sorted({a % rank for a in given}) or list(range(rank)))

        return reduce

    return register


def _reduced(caffe: Writer, x: Blob, axes: list[int], operation: str, suffix: str = "") -> Blob:
    rank = len(x.shape)
    trailing = [axis for axis in range(axes[0], rank) if axis in axes or x.shape[axis] != 1]
    if trailing != axes:
        return _summed(caffe, x, axes, operation, suffix)
    shape = x.shape[: axes[0]]
    name = suffix if shape == caffe.node.shape() else suffix or "reduced"
    y = caffe.layer("Reduction", x, shape=shape, suffix=name, axis=axes[0], operation=operation)
    return caffe.reshape(y, caffe.node.shape(), suffix=f"{suffix}_kept" if suffix else "")


def _summed(caffe: Writer, x: Blob, axes: list[int], operation: str, suffix: str) -> Blob:
    """Sums of channels, the last ones first: convolutions with ones."""
    if operation == "ASUM":
        x = caffe.layer("AbsVal", x, suffix=f"{suffix}abs")
    if operation == "SUMSQ":
        x = caffe.power(x, power=2.0, suffix=f"{suffix}square")
    blocks = _blocks(axes)
    for start, end in blocks[::-1]:
        count = math.prod(x.shape[start:end])
        share = np.full((1, count), 1 / count if operation == "MEAN" else 1.0, np.float32)
        last = (start, end) == blocks[0]
        kept = (*x.shape[:start], *[1] * (end - start), *x.shape[end:])
        name = suffix if last else f"{suffix}axis{start}"
        x = mixed(
            caffe, x, start, end, ir.tensor(share), name, caffe.node.shape() if last else kept
        )
    return x


def _blocks(axes: list[int]) -> list[tuple[int, int]]:
    """Axes in a row, by their first one and the one behind the last."""
    starts = [axis for axis in axes if axis - 1 not in axes]
    ends = [axis + 1 for axis in axes if axis + 1 not in axes]
    return list(zip(starts, ends, strict=True))


reduces("ReduceSum")(partial(_reduced, operation="SUM"))
reduces("ReduceL1")(partial(_reduced, operation="ASUM"))
reduces("ReduceSumSquare")(partial(_reduced, operation="SUMSQ"))


@reduces("ReduceMean")
def reduce_mean(caffe: Writer, x: Blob, axes: list[int]) -> Blob:
    if axes == [2, 3] and len(x.shape) == 4 and len(caffe.node.shape()) == 4:
        return global_pool(caffe, x, "AVE")
    return _reduced(caffe, x, axes, "MEAN")


@reduces("ReduceL2")
def reduce_l2(caffe: Writer, x: Blob, axes: list[int]) -> Blob:
    return caffe.power(_reduced(caffe, x, axes, "SUMSQ", "squares"), power=0.5)


@reduces("ReduceMax", "argmax")
def reduce_max(caffe: Writer, x: Blob, axes: list[int]) -> Blob:
    """The maximum of a picture by pooling, along one axis by ArgMax, which can give the value."""
    shape = caffe.node.shape()
    if axes == [2, 3] and len(x.shape) == 4:
        if len(shape) == 4:
            return global_pool(caffe, x, "MAX")
        return caffe.reshape(global_pool(caffe, x, "MAX", "pool"), shape)
    blocks = _blocks(axes)
    for start, end in blocks[::-1]:
        whole = math.prod(x.shape[start:end])
        flat = (*x.shape[:start], whole, *x.shape[end:])
        last = (start, end) == blocks[0]
        kept = (*x.shape[:start], *[1] * (end - start), *x.shape[end:])
        name = "" if last else f"axis{start}"
        x = caffe.reshape(x, flat, suffix=f"{name}flat")
        same = last and (*flat[:start], 1, *flat[start + 1 :]) == shape
        x = best(caffe, x, start, name if same else f"{name}value", value=True)
        x = caffe.reshape(x, shape if last else kept, suffix=name)
    return x


def best(caffe: Writer, x: Blob, axis: int, suffix: str = "", *, value: bool) -> Blob:
    """The maximum along an axis, or the last place where it is."""
    shape = x.resized(axis, 1)
    return caffe.layer("ArgMax", x, shape=shape, suffix=suffix, axis=axis, out_max_val=value)


@reduces("ReduceMin", "argmax")
def reduce_min(caffe: Writer, x: Blob, axes: list[int]) -> Blob:
    """The negative of the maximum of the negative."""
    negative = caffe.power(x, scale=-1.0, suffix="negative")
    return caffe.power(reduce_max(caffe, negative, axes), scale=-1.0)


@exporter("ArgMax", "ArgMin", doc=f"{TUTORIAL}/argmax.html", unused="keepdims")
def arg_max(
    node: ExportedNode, caffe: Writer, x: Blob, *, axis: int, select_last_index: int
) -> Blob:
    """Of equal maxima Caffe takes the last one. The least is where the negative is greatest."""
    axis = node.axis(x, axis)
    if node.type == "ArgMin":
        x = caffe.power(x, scale=-1.0, suffix="negative")
    if not select_last_index:
        return _first_of_best(caffe, x, axis)
    kept = x.resized(axis, 1) == node.shape()
    place = best(caffe, x, axis, "" if kept else "place", value=False)
    return caffe.reshape(place, node.shape())


def _first_of_best(caffe: Writer, x: Blob, axis: int) -> Blob:
    """The maxima numbered n, n - 1, ... from the first place on: the largest number is the first one's."""
    size = x.shape[axis]
    most = repeated(caffe, best(caffe, x, axis, "most", value=True), x.shape, "most")
    gap = caffe.sum(x, most, coeff=[1.0, -1.0], suffix="gap")
    numbers = ir.tensor(np.arange(size, 0, -1, dtype=np.float32))
    marks = at_least(caffe, gap, 0.0, "maxima")
    numbered = caffe.layer("Scale", marks, blobs=[numbers], suffix="numbered", axis=axis)
    first = best(caffe, numbered, axis, "first", value=True)
    kept = first.shape == caffe.node.shape()
    place = caffe.power(first, scale=-1.0, shift=float(size), suffix="" if kept else "place")
    return caffe.reshape(place, caffe.node.shape())


@reduces("ReduceProd", "eltwise")
def reduce_prod(caffe: Writer, x: Blob, axes: list[int]) -> Blob:
    """Each axis cut into parts of size 1, and these multiplied."""
    for axis in axes:
        if x.shape[axis] > MOST_PARTS:
            caffe.node.refuse(f"a product of {x.shape[axis]} parts")
        if x.shape[axis] > 1:
            x = caffe.product(
                *parts(caffe, x, axis, [1] * x.shape[axis], f"axis{axis}"), suffix="product"
            )
    return caffe.reshape(x, caffe.node.shape())
