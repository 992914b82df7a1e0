"""Reductions and ArgMax: Caffe's Reduction takes all axes from one on, a Pooling a whole picture."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.caffe.exporter.drafts import Blob
from mmdnn.frameworks.caffe.exporter.pooling import global_pool
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, Exporting, Operand, Writing, exporter

PAGE = f"{TUTORIAL}/reduction.html"


def axes_of(node: Exporting, caffe: Writing, x: Blob, axes: Operand | None) -> list[int]:
    """The axes that go: all of them where none are given."""
    rank = len(x.shape)
    given = caffe.ints(axes, "axes") if axes is not None else []
    node.ignore("keepdims")
    if not given and node.attribute("noop_with_empty_axes", 0):
        node.refuse("it reduces nothing")
    return sorted({axis % rank for axis in given}) or list(range(rank))


def _reduced(
    node: Exporting, caffe: Writing, x: Blob, axes: list[int], operation: str, suffix: str = ""
) -> Blob:
    rank = len(x.shape)
    trailing = [axis for axis in range(axes[0], rank) if axis in axes or x.shape[axis] != 1]
    if trailing != axes:
        node.refuse(f"it reduces the axes {axes} of {rank}; Caffe's Reduction takes the last ones")
    shape = x.shape[: axes[0]]
    param = {"axis": axes[0], "operation": operation}
    if shape == node.shape():
        return caffe.layer("Reduction", x, shape=shape, suffix=suffix, reduction_param=param)
    y = caffe.layer("Reduction", x, shape=shape, suffix=suffix or "reduced", reduction_param=param)
    return caffe.reshape(y, node.shape(), suffix=f"{suffix}_kept" if suffix else "")


def reduces(onnx: str, operation: str) -> None:
    """An operator that Caffe's Reduction has."""

    @exporter(onnx, doc=PAGE)
    def function(node: Exporting, caffe: Writing, x: Blob, axes: Operand | None = None) -> Blob:
        which = axes_of(node, caffe, x, axes)
        return _reduced(node, caffe, x, which, operation)


reduces("ReduceSum", "SUM")
reduces("ReduceL1", "ASUM")
reduces("ReduceSumSquare", "SUMSQ")


@exporter("ReduceMean", doc=PAGE)
def reduce_mean(node: Exporting, caffe: Writing, x: Blob, axes: Operand | None = None) -> Blob:
    which = axes_of(node, caffe, x, axes)
    if which == [2, 3] and len(x.shape) == 4 and len(node.shape()) == 4:
        return global_pool(caffe, x, "AVE")
    return _reduced(node, caffe, x, which, "MEAN")


@exporter("ReduceL2", doc=PAGE)
def reduce_l2(node: Exporting, caffe: Writing, x: Blob, axes: Operand | None = None) -> Blob:
    which = axes_of(node, caffe, x, axes)
    return caffe.power(_reduced(node, caffe, x, which, "SUMSQ", "squares"), power=0.5)


@exporter("ReduceMax", doc=f"{TUTORIAL}/argmax.html")
def reduce_max(node: Exporting, caffe: Writing, x: Blob, axes: Operand | None = None) -> Blob:
    """The maximum of a picture by pooling, along one axis by ArgMax, which can give the value."""
    which = axes_of(node, caffe, x, axes)
    shape = node.shape()
    if which == [2, 3] and len(x.shape) == 4:
        if len(shape) == 4:
            return global_pool(caffe, x, "MAX")
        return caffe.reshape(global_pool(caffe, x, "MAX", "pool"), shape)
    if len(which) > 1:
        start, end = which[0], which[-1] + 1
        if which != list(range(start, end)):
            node.refuse(f"it reduces the axes {which}")
        rest = int(np.prod(x.shape[start:end], dtype=np.int64))
        x = caffe.reshape(x, (*x.shape[:start], rest, *x.shape[end:]), suffix="flat")
    kept = (*x.shape[: which[0]], 1, *x.shape[which[0] + 1 :])
    param = {"axis": which[0], "out_max_val": True}
    same = kept == shape
    y = caffe.layer("ArgMax", x, shape=kept, suffix="" if same else "value", argmax_param=param)
    return y if same else caffe.reshape(y, shape)


@exporter("ReduceMin", doc=f"{TUTORIAL}/argmax.html")
def reduce_min(node: Exporting, caffe: Writing, x: Blob, axes: Operand | None = None) -> Blob:
    """The negative of the maximum of the negative."""
    negative = caffe.power(x, scale=-1.0, suffix="negative")
    return caffe.power(reduce_max(node, caffe, negative, axes), scale=-1.0)
