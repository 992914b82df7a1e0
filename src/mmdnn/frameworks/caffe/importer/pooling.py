"""Pooling (src/caffe/layers/pooling_layer.cpp).

Sizes are rounded up unless `round_mode` is FLOOR; the average divides by the window clipped to the
padded image. ONNX's `ceil_mode=1` with `count_include_pad=1` (opset 19 and newer) is the same rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import known
from mmdnn.frameworks.caffe.importer.table import TUTORIAL, Importing, importer
from mmdnn.ir.builder import Op, shape

MAX, AVE, STOCHASTIC = 0, 1, 2
CEIL = 0


LOWEST = -3.4028234663852886e38
"""What Caffe's maximum of an empty window is: -FLT_MAX."""


@dataclass(frozen=True)
class Window:
    """One spatial axis of a pooling window, and the rule for its number of positions."""

    size: int
    kernel: int
    stride: int
    pad: int
    ceil: bool = True
    clip: bool = False
    """Whether a last window that starts beyond the image is dropped: where any axis is padded."""

    @property
    def positions(self) -> int:
        """How many windows there are."""
        span = self.size + 2 * self.pad - self.kernel
        count = (-(-span // self.stride) if self.ceil else span // self.stride) + 1
        return count - (self.clip and (count - 1) * self.stride >= self.size + self.pad)

    @property
    def start(self) -> int:
        """Where the last window starts in the padded image."""
        return (self.positions - 1) * self.stride

    @property
    def overhang(self) -> int:
        """How far the last window reaches beyond the padded image."""
        return self.start + self.kernel - self.size - 2 * self.pad

    @property
    def empty(self) -> bool:
        """Whether the last window lies wholly beyond the image (a stride larger than the kernel)."""
        return not self.pad and self.start >= self.size


@importer("Pooling", doc=f"{TUTORIAL}/pooling.html")
def pooling(layer: Importing, op: Op, x: ir.Value) -> ir.Value | tuple[ir.Value, ...]:
    p = layer.param("pooling_param")
    if len(shape(x)) != 4:
        layer.unfit(f"it takes 4 axes, and there are {len(shape(x))}")
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
    sizes = known(x, 2), known(x, 3)
    kernel = sizes if p.global_pooling else _pair(layer, p, "kernel_size", "kernel")
    ceil, clip = p.round_mode == CEIL, any(pad)
    axes = [Window(*each, ceil, clip) for each in zip(sizes, kernel, stride, pad, strict=True)]
    return pool(layer, op, x, p.pool, axes, mask=len(layer.tops) > 1)


def _pair(layer: Importing, p: Any, name: str, short: str) -> list[int]:
    """Height and width, given as one number or two."""
    pair = [p.HasField(f"{short}_{axis}") for axis in "hw"]
    if any(pair) and (not all(pair) or p.HasField(name)):
        layer.unfit(f"it takes {name}, or else {short}_h and {short}_w")
    return (
        [getattr(p, f"{short}_h"), getattr(p, f"{short}_w")]
        if all(pair)
        else [getattr(p, name)] * 2
    )


def pool(
    layer: Importing, op: Op, x: ir.Value, method: int, axes: list[Window], *, mask: bool = False
) -> tuple[ir.Value, ...]:
    """A maximum with or without its mask, or an average, over these two axes' windows."""
    for axis in axes:
        if axis.kernel < 1 or axis.stride < 1:
            layer.unfit("its kernel and stride should be 1 or more")
        if axis.pad >= axis.kernel:
            layer.unfit(f"padding {axis.pad} is not smaller than the kernel {axis.kernel}")
        if axis.positions < 1:
            layer.unfit(f"a kernel of {axis.kernel} does not fit into {axis.size}")
    pads = [axis.pad for axis in axes] * 2
    attributes = {
        "kernel_shape": [axis.kernel for axis in axes],
        "strides": [axis.stride for axis in axes],
        "pads": pads,
        "ceil_mode": int(any(axis.overhang > 0 and not axis.empty for axis in axes)),
    }
    if method == AVE:
        y = op.AveragePool(x, **attributes, count_include_pad=int(any(pads)))
        return (_with_empty_windows(op, y, axes, _average_of_nothing),)
    if not mask:
        return (_with_empty_windows(op, op.MaxPool(x, **attributes), axes, lambda _: LOWEST),)
    y, indices = op.outputs(2).MaxPool(x, **attributes)
    indices = op.Cast(op.Mod(indices, [axes[0].size * axes[1].size]), to=ir.DataType.FLOAT)
    return (
        _with_empty_windows(op, y, axes, lambda _: LOWEST),
        _with_empty_windows(op, indices, axes, lambda _: -1.0),
    )


def _average_of_nothing(axis: Window) -> float:
    """0 divided by the window's size, which is negative, or 0 where it starts at the image's end."""
    return math.nan if axis.start == axis.size else 0.0


def _with_empty_windows(
    op: Op, y: ir.Value, axes: list[Window], value: Callable[[Window], float]
) -> ir.Value:
    """A row or column appended for the window that lies beyond the image; never more than one."""
    empty = {axis: value(window) for axis, window in enumerate(axes, 2) if window.empty}
    for axis in sorted(empty, key=lambda axis: math.isnan(empty[axis])):
        y = op.Pad(y, [0] * 4 + [int(i == axis) for i in range(4)], empty[axis])
    return y


@importer("SPP", doc=f"{TUTORIAL}/spp.html")
def spatial_pyramid(layer: Importing, op: Op, x: ir.Value) -> ir.Value:
    """Pooling into 1, 4, 16, ... bins, flattened and side by side; a single level stays as it is."""
    p = layer.param("spp_param")
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
            Window(known(x, i), k, k, pad, clip=any(pads))
            for i, (k, pad) in enumerate(zip(kernels, pads, strict=True), 2)
        ]
        levels += pool(layer, op, x, p.pool, axes)
    if len(levels) == 1:
        return levels[0]
    return op.Concat(*(op.Flatten(y, axis=1) for y in levels), axis=1)
