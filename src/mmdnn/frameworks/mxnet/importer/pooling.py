"""Pooling (src/operator/nn/pooling.cc, pool.h; the older pooling_v1-inl.h).

"valid" rounds the number of windows down; "full" rounds it up and never drops a window, not even
one that lies wholly in the padding, as ONNX's `ceil_mode` does: what may be such a case is spelled
out with explicit padding. "full" with a stride of s gives the windows of "valid" with s - 1 more
padding at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import channels_last, per_axis, to_first, to_last
from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.special import cube_root
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, Ints, importer
from mmdnn.ir.builder import Op, known, rank
from mmdnn.ir.windows import Axis, Window


def _laid(kernel: list[int], stride: list[int], pad: list[int], more: list[int]) -> Window:
    """Windows rounded down; "full" and "same" have more padding at the end."""
    each = zip(kernel, stride, pad, more, strict=True)
    return Window(tuple(Axis(None, k, s, begin=p, end=p + m) for k, s, p, m in each))


def _without_padding(window: Window) -> Window:
    """As many windows over an image that has the padding in it, but for what is more at the end."""
    axes = (replace(axis, begin=0, end=axis.end - axis.begin) for axis in window.axes)
    return Window(tuple(axes))


def _may_miss(window: Window) -> bool:
    """Whether a last window may lie wholly in the padding, where ONNX drops it."""
    late = any(axis.begin > axis.kernel - axis.stride for axis in window.axes)
    return late and window.begins != window.ends


def _plain(window: Window) -> dict[str, Any]:
    """As attributes of ONNX."""
    return {
        "kernel_shape": window.kernel,
        "strides": window.strides,
        "pads": window.begins * 2,
        "ceil_mode": int(window.begins != window.ends),
    }


def _sums(op: Op, x: ir.Value, window: Window) -> ir.Value:
    """The sum of each window, over zeros where it is padding."""
    x = _pad(op, x, window.begins, window.ends, 0)
    means = op.AveragePool(x, kernel_shape=window.kernel, strides=window.strides)
    return op.Mul(means, array(math.prod(window.kernel), x))


def _pad(op: Op, x: ir.Value, starts: list[int], ends: list[int], fill: float) -> ir.Value:
    if not any(ends):
        return x
    return op.Pad(x, [0, 0, *starts, 0, 0, *ends], array(fill, x))


def lowest(x: ir.Value) -> float:
    """What MXNet's maximum of nothing is."""
    return float(np.finfo((x.dtype or ir.DataType.FLOAT).numpy()).min)


def _window(node: ImportedNode, x: ir.Value) -> Window:
    count = rank(x) - 2
    kernel = list(node.p.kernel)
    if len(kernel) != count or not 1 <= count <= 3:
        node.unfit(f"a kernel {kernel} does not fit {rank(x)} axes")
    stride, pad = per_axis(node, "stride", count, 1), per_axis(node, "pad", count, 0)
    convention = node.p.pooling_convention
    if convention == "same":
        if count != 1 or node.p.pool_type != "max" or any(pad):
            node.refuse("'same' goes with a maximum along one axis, without padding")
        return _laid(kernel, stride, pad, [kernel[0] - 1])
    more = [s - 1 for s in stride] if convention == "full" else [0] * count
    return _laid(kernel, stride, pad, more)


LAID = "kernel stride pad pooling_convention"
"""What says how windows are laid: nothing, where there is one only."""


@importer("Pooling", doc=f"{NN}.Pooling", unused=LAID)
def pooling(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    p = node.p
    if channels_last(node):
        x = to_first(op, x)
    power = p.p_value
    power = power if p.pool_type == "lp" else 1
    if power not in {1, 2, 3}:
        node.unfit(f"a pooling of type lp with p_value {power}")
    include = p.count_include_pad is not False
    if p.global_pool:
        y = _global(op, x, p.pool_type, power)
    else:
        window = _window(node, x)
        y = _POOL[p.pool_type](op, x, window, power, include)
    return to_last(op, y) if channels_last(node) else y


def _global(op: Op, x: ir.Value, kind: str, power: int) -> ir.Value:
    if kind == "max":
        return op.GlobalMaxPool(x)
    if kind == "avg":
        return op.GlobalAveragePool(x)
    return _root(op, op.ReduceSum(_power(op, x, power), list(range(2, rank(x))), keepdims=1), power)


def _power(op: Op, x: ir.Value, power: int) -> ir.Value:
    """x, x² or x³; MXNet takes no absolute value."""
    return x if power == 1 else op.Mul(op.Mul(x, x), x) if power == 3 else op.Mul(x, x)


def _root(op: Op, x: ir.Value, power: int) -> ir.Value:
    if power == 2:
        return op.Sqrt(x)
    return cube_root(op, x) if power == 3 else x


def _max(op: Op, x: ir.Value, window: Window, _power: int = 1, _include: bool = True) -> ir.Value:
    full = all(axis.end == axis.begin + axis.stride - 1 for axis in window.axes)
    if full and not _may_miss(window):
        return op.MaxPool(x, **_plain(window))
    if all(axis.end < axis.kernel for axis in window.axes):
        return op.MaxPool(x, **(_plain(window) | {"pads": window.pads, "ceil_mode": 0}))
    x = _pad(op, x, window.begins, window.ends, lowest(x))
    return op.MaxPool(x, kernel_shape=window.kernel, strides=window.strides)


def _average(op: Op, x: ir.Value, window: Window, _power: int, include: bool) -> ir.Value:
    """Divided by the window clipped to the padded image, or to the image."""
    if not _may_miss(window):
        counted = int(include and any(window.begins))
        return op.AveragePool(x, **_plain(window), count_include_pad=counted)
    ones = op.Expand(array(1, x), op.Shape(op.Slice(x, [0, 0], [1, 1], [0, 1])))
    ones.shape = ir.Shape([1, 1, *list(x.shape or ())[2:]])
    counts = window
    if include:
        ones = op.Pad(ones, [0, 0, *window.begins] * 2, array(1, ones))
        counts = _without_padding(window)
    return op.Div(_sums(op, x, window), op.Max(_sums(op, ones, counts), array(1, x)))


def _sum(op: Op, x: ir.Value, window: Window, power: int, _include: bool) -> ir.Value:
    return _root(op, _sums(op, _power(op, x, power), window), power)


_POOL: dict[str, Callable[..., Any]] = {"max": _max, "avg": _average, "sum": _sum, "lp": _sum}


@importer("Pooling_v1", doc=f"{NN}.Pooling_v1", unused=LAID)
def pooling_v1(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """Padding counts: as zeros for a maximum, and in an average, which divides by the whole kernel."""
    p = node.p
    if p.global_pool:
        return _global(op, x, p.pool_type, 1)
    window = _window(node, x)
    area = array(math.prod(window.kernel), x)
    if p.pool_type == "max":
        x = _pad(op, x, window.begins, window.begins, 0)
        clipped = _without_padding(window)
        if _may_miss(clipped):
            node.refuse("a maximum over windows beyond the picture")
        return _max(op, x, clipped)
    sums = _sums(op, x, window)
    return op.Div(sums, area) if p.pool_type == "avg" else sums


@importer("_contrib_AdaptiveAvgPooling2D", doc=f"{NN}.contrib.AdaptiveAvgPooling2D")
def adaptive_average(node: ImportedNode, op: Op, x: ir.Value, *, output_size: Ints) -> ir.Value:
    """Bin i averages the pixels from floor(i n / bins) up to ceil((i + 1) n / bins)."""
    given = list(output_size) or [1]
    bins = given * 2 if len(given) == 1 else given
    if bins == [1, 1]:
        return op.GlobalAveragePool(x)
    sizes = [known(x, 2), known(x, 3)]
    if all(n % b == 0 for n, b in zip(sizes, bins, strict=True)):
        kernel = [n // b for n, b in zip(sizes, bins, strict=True)]
        return op.AveragePool(x, kernel_shape=kernel, strides=kernel)
    rows, columns = (_bins(n, b, x) for n, b in zip(sizes, bins, strict=True))
    return op.MatMul(op.MatMul(rows, x), np.ascontiguousarray(columns.T))


def _bins(size: int, count: int, like: ir.Value) -> np.ndarray:
    """A matrix [count, size] that averages."""
    weights = np.zeros((count, size))
    for i in range(count):
        start, end = i * size // count, -(-(i + 1) * size // count)
        weights[i, start:end] = 1 / (end - start)
    return array(weights, like)
