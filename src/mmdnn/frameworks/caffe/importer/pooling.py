"""Pooling (src/caffe/layers/pooling_layer.cpp).

Sizes are rounded up unless `round_mode` is FLOOR; the average divides by the window clipped to the
padded image. ONNX's `ceil_mode=1` with `count_include_pad=1` (opset 19 and newer) is the same rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.convolution import TUTORIAL
from mmdnn.frameworks.caffe.importer.table import Importing, importer
from mmdnn.ir.builder import NeedsStatic, shape

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
    ceil: bool

    @property
    def overhang(self) -> int:
        """How far the last window reaches beyond the padded image."""
        return (self.positions - 1) * self.stride + self.kernel - self.size - 2 * self.pad

    @property
    def empty(self) -> bool:
        """Whether the last window lies wholly beyond the image (a stride larger than the kernel)."""
        return self.pad == 0 and (self.positions - 1) * self.stride >= self.size

    @property
    def positions(self) -> int:
        span = self.size + 2 * self.pad - self.kernel
        count = (-(-span // self.stride) if self.ceil else span // self.stride) + 1
        return count - (self.pad > 0 and (count - 1) * self.stride >= self.size + self.pad)


def _pair(p: Any, name: str) -> list[int]:
    short = name.removesuffix("_size")
    if p.HasField(f"{short}_h"):
        return [getattr(p, f"{short}_h"), getattr(p, f"{short}_w")]
    return [getattr(p, name)] * 2


@importer("Pooling", doc=f"{TUTORIAL}/pooling.html")
def pooling(layer: Importing, op: Any, x: ir.Value) -> Any:
    p = layer.param("pooling_param")
    if len(shape(x)) != 4:
        layer.refuse(f"pooling takes 4 axes, and there are {len(shape(x))}")
    if p.pool == STOCHASTIC:
        layer.refuse("stochastic pooling is random")
    if len(layer.tops) > 1 and p.pool != MAX:
        layer.refuse("a mask goes with a maximum only")
    if p.global_pooling and len(layer.tops) == 1:
        return op.GlobalMaxPool(x) if p.pool == MAX else op.GlobalAveragePool(x)
    height, width = (dim or 0 for dim in shape(x)[2:])
    if 0 in (height, width):
        raise NeedsStatic(x.name)
    kernel = [height, width] if p.global_pooling else _pair(p, "kernel_size")
    axes = [
        Window(size, *rest, ceil=p.round_mode == CEIL)
        for size, *rest in zip(
            (height, width), kernel, _pair(p, "stride"), _pair(p, "pad"), strict=True
        )
    ]
    for axis in axes:
        if axis.pad >= axis.kernel:
            layer.refuse(f"padding {axis.pad} is not smaller than the kernel {axis.kernel}")
        if axis.positions < 1:
            layer.refuse(f"a kernel of {axis.kernel} does not fit into {axis.size}")
    return _pool(layer, op, x, p.pool, axes)


def _pool(layer: Importing, op: Any, x: ir.Value, method: int, axes: list[Window]) -> Any:
    pads = [axis.pad for axis in axes] * 2
    attributes = {
        "kernel_shape": [axis.kernel for axis in axes],
        "strides": [axis.stride for axis in axes],
        "pads": pads,
        "ceil_mode": int(any(axis.overhang > 0 and not axis.empty for axis in axes)),
    }
    if any(axis.empty for axis in axes):
        ends = [axis.overhang if axis.empty else 0 for axis in axes]
        x = op.Pad(x, [0] * 6 + ends, LOWEST if method == MAX else 0.0)
    if method == AVE:
        return op.AveragePool(x, **attributes, count_include_pad=int(any(pads)))
    if len(layer.tops) == 1:
        return op.MaxPool(x, **attributes)
    y, indices = op.MaxPool(x, **attributes, outputs=2)
    area = shape(x)[2] * shape(x)[3]  # type: ignore[operator]
    return y, op.Cast(op.Mod(indices, [area]), to=ir.DataType.FLOAT)
