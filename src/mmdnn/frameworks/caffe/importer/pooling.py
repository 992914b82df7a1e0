"""Pooling (src/caffe/layers/pooling_layer.cpp).

Sizes are rounded up unless `round_mode` is FLOOR; the average divides by the window clipped to the
padded image. ONNX's `ceil_mode=1` with `count_include_pad=1` (opset 19 and newer) is the same rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.caffe._messages import by_axis
from mmdnn.frameworks.caffe.importer.shapes import known, needs_static
from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer
from mmdnn.ir.builder import Op, shape
from mmdnn.ir.windows import Axis, Window

MAX, AVE, STOCHASTIC = 0, 1, 2
CEIL = 0


LOWEST = -3.4028234663852886e38
"""What Caffe's maximum of an empty window is: -FLT_MAX."""


def windows(size: int, kernel: int, stride: int, pad: int, ceil: bool, clip: bool) -> Axis:
    """The windows along one axis; where any is padded (`clip`), none begins behind the image."""
    return Axis(size, kernel, stride, begin=pad, end=pad, ceil=ceil, drops=clip)


@importer("Pooling")
def pooling(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value | tuple[ir.Value, ...]:
    p = layer.param()
    if len(shape(x)) != 4:
        layer.unfit(f"it takes 4 axes, and there are {len(shape(x))}")
    ceil = _rounds_up(layer, p)
    if p.pool == STOCHASTIC:
        layer.refuse("stochastic pooling is random")
    if len(layer.tops) > 1 and p.pool != MAX:
        layer.refuse("a mask goes with a maximum only")
    stride, pad = _pair(layer, p, "stride", "stride"), _pair(layer, p, "pad", "pad")
    if p.global_pooling:
        if (stride, pad) != ([1, 1], [0, 0]) or p.HasField("kernel_size") or p.HasField("kernel_h"):
            layer.unfit("global pooling goes with no kernel, padding or stride")
        if len(layer.tops) == 1:
            return op.GlobalMaxPool(x) if p.pool == MAX else op.GlobalAveragePool(x)
    clip = any(pad)
    if None in shape(x)[2:] and not p.global_pooling:
        window = _pair(layer, p, "kernel_size", "kernel"), stride, pad
        return _open_pool(layer, op, x, p.pool, *window, ceil=ceil)
    sizes = known(x, 2), known(x, 3)
    kernel = sizes if p.global_pooling else _pair(layer, p, "kernel_size", "kernel")
    axes = [windows(*each, ceil, clip) for each in zip(sizes, kernel, stride, pad, strict=True)]
    return pool(layer, op, x, p.pool, axes, mask=len(layer.tops) > 1)


def _open_pool(
    layer: ImportedLayer,
    op: Op,
    x: ir.Value,
    method: int,
    kernel: list[int],
    stride: list[int],
    pad: list[int],
    *,
    ceil: bool,
) -> ir.Value:
    """Pooling of sizes left open, where no window can lie beyond the image: none has to be told apart."""
    _check_windows(layer, kernel, stride, pad)
    if len(layer.tops) > 1 or any(s > k for s, k in zip(stride, kernel, strict=True)):
        raise needs_static(x)
    attributes = {
        "kernel_shape": kernel,
        "strides": stride,
        "pads": pad + pad,
        "ceil_mode": int(ceil and max(stride) > 1),
    }
    if method == AVE:
        return op.AveragePool(x, **attributes, count_include_pad=int(any(pad)))
    return op.MaxPool(x, **attributes)


def _check_windows(
    layer: ImportedLayer, kernel: list[int], stride: list[int], pad: list[int]
) -> None:
    if min(*kernel, *stride) < 1:
        layer.unfit("its kernel and stride should be 1 or more")
    for size, begin in zip(kernel, pad, strict=True):
        if begin >= size:
            layer.unfit(f"padding {begin} is not smaller than the kernel {size}")


def _rounds_up(layer: ImportedLayer, p: Any) -> bool:
    """By `round_mode`, or as forks say it: `ceil_mode`, true unless it is given."""
    ceil, said = bool(p.round_mode == CEIL), layer.parameter("ceil_mode")
    if said is not None and p.HasField("round_mode") and bool(said) != ceil:
        layer.unfit("its round_mode and its ceil_mode say different things")
    return ceil if said is None else bool(said)


def _pair(layer: ImportedLayer, p: Any, name: str, short: str) -> list[int]:
    """Height and width, given as one number or two."""
    apart = by_axis(p, name)
    whole = p.HasField(name) or not all(p.HasField(f"{short}_{axis}") for axis in "hw")
    if apart is not None and whole:
        layer.unfit(f"it takes {name}, or else {short}_h and {short}_w")
    return apart or [getattr(p, name)] * 2


def pool(
    layer: ImportedLayer, op: Op, x: ir.Value, method: int, axes: list[Axis], *, mask: bool = False
) -> tuple[ir.Value, ...]:
    """A maximum with or without its mask, or an average, over these two axes' windows."""
    kernel, stride = [axis.kernel for axis in axes], [axis.stride for axis in axes]
    _check_windows(layer, kernel, stride, [axis.begin for axis in axes])
    for axis in axes:
        if (axis.count or 0) < 1:
            layer.unfit(f"a kernel of {axis.kernel} does not fit into {axis.size}")
    pads = Window(tuple(axes)).pads
    attributes = {
        "kernel_shape": kernel,
        "strides": stride,
        "pads": pads,
        "ceil_mode": int(any((axis.reach or 0) > axis.end and not axis.is_empty for axis in axes)),
    }
    if method == AVE:
        y = op.AveragePool(x, **attributes, count_include_pad=int(any(pads)))
        return (_with_empty_windows(op, y, axes, _average_of_nothing),)
    if not mask:
        return (_with_empty_windows(op, op.MaxPool(x, **attributes), axes, lambda _: LOWEST),)
    y, indices = op.outputs(2).MaxPool(x, **attributes)
    indices = op.Cast(op.Mod(indices, [known(x, 2) * known(x, 3)]), to=ir.DataType.FLOAT)
    return (
        _with_empty_windows(op, y, axes, lambda _: LOWEST),
        _with_empty_windows(op, indices, axes, lambda _: -1.0),
    )


def _average_of_nothing(axis: Axis) -> float:
    """0 divided by the window's size, which is negative, or 0 where it starts at the image's end."""
    return math.nan if axis.start == axis.size else 0.0


def _with_empty_windows(
    op: Op, y: ir.Value, axes: list[Axis], value: Callable[[Axis], float]
) -> ir.Value:
    """A row or column appended for the window that lies beyond the image; never more than one."""
    empty = {axis: value(window) for axis, window in enumerate(axes, 2) if window.is_empty}
    for axis in sorted(empty, key=lambda axis: math.isnan(empty[axis])):
        y = op.Pad(y, [0] * 4 + [int(i == axis) for i in range(4)], empty[axis])
    return y


@importer("SPP")
def spatial_pyramid(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """Pooling into 1, 4, 16, ... bins, flattened and side by side; a single level stays as it is."""
    p = layer.param()
    if p.pool == STOCHASTIC:
        layer.refuse("stochastic pooling is random")
    if p.pyramid_height < 1 or len(shape(x)) != 4:
        layer.unfit("it takes a pyramid height of 1 or more, and 4 axes")
    levels: list[ir.Value] = []
    for level in range(p.pyramid_height):
        bins = 2**level
        kernels = [-(-known(x, axis) // bins) for axis in (2, 3)]
        pads = [(k * bins - known(x, i) + 1) // 2 for i, k in enumerate(kernels, 2)]
        axes = [
            windows(known(x, i), k, k, pad, True, any(pads))
            for i, (k, pad) in enumerate(zip(kernels, pads, strict=True), 2)
        ]
        levels += pool(layer, op, x, p.pool, axes)
    if len(levels) == 1:
        return levels[0]
    return op.Concat(*(op.Flatten(y, axis=1) for y in levels), axis=1)
