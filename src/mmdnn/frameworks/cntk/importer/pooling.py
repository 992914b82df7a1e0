"""Poolings (Source/ComputationNetworkLib/ConvolutionalNodes.h, Source/Math/CPUMatrixImpl.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import onnx_ir as ir

from mmdnn.frameworks.cntk.graph import UNKNOWN_SHAPE, Shape
from mmdnn.frameworks.cntk.importer.operand import Operand, folded, sizes
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.frameworks.cntk.importer.windows import cropped, windows
from mmdnn.ir.builder import Op
from mmdnn.ir.windows import Window

MAX, AVERAGE = 0, 1

_LARGEST = 1 << 16
"""An image's side, or a number of bins, of which each has numbers of its own in the IR."""


def _kernel(f: ImportedFunction, x: Operand, name: str) -> list[int]:
    """The window's spatial sizes."""
    window = list(f.get(name, Shape))
    if len(window) == x.rank and len(window) > 1 and x.rank > 1 and window[0] == 1:
        window = window[1:]
    if len(window) not in (x.rank - 1, x.rank):
        f.refuse(f"a window of {len(window)} axes over {x.rank}")
    if any(size < 1 for size in window):
        f.refuse("its window has no size")
    return window


def _image(op: Op, x: Operand, rank: int) -> Operand:
    """The operand as channels and spatial axes."""
    if x.rank == rank + 1:
        return x
    return Operand(op.Unsqueeze(x.value, [x.leading]), x.axes)


@importer("Pooling", doc=f"{API}/cntk.ops#pooling")
def pooling(f: ImportedFunction, op: Op, x: Operand) -> Operand:
    """An average does not count padding, nor what lies beyond the image, unless `includePad`."""
    kind, include = f.get("poolingType", int), f.get("includePad", bool, default=False)
    if kind not in (MAX, AVERAGE):
        f.refuse(f"the pooling type {kind} is not known")
    if f.get("poolingWindowShape", Shape) == UNKNOWN_SHAPE:
        for name in ("strides", "lowerPad", "upperPad"):
            f.get(name, Shape)
        f.get("autoPadding", list)
        f.get("ceilOutDim", bool, default=False)
        return folded(op, x, op.GlobalMaxPool if kind == MAX else op.GlobalAveragePool)
    kernel = _kernel(f, x, "poolingWindowShape")
    image = _image(op, x, len(kernel))
    found = windows(f, image.shape[1:], kernel)
    if found.ceil and (include or any(axis.stride > axis.span for axis in found.axes)):
        found = _closed(f, found, sizes(image)[1:], include=include)

    def pool(value: ir.Value) -> ir.Value:
        inner, where = cropped(op, value, found, 2)
        given = {
            "kernel_shape": kernel,
            "strides": where.strides,
            "pads": where.pads,
            "ceil_mode": int(where.ceil),
        }
        if kind == MAX:
            return op.MaxPool(inner, **given)
        return op.AveragePool(inner, **given, count_include_pad=int(include))

    made = folded(op, image, pool)
    if image is x:
        return made
    return Operand(op.Squeeze(made.value, [x.leading]), x.axes)


def _closed(f: ImportedFunction, found: Window, image: Sequence[int], *, include: bool) -> Window:
    """The windows over known sizes; where padding counts, padding instead of windows that hang over.

    A last window that lies wholly outside is refused: CNTK gives infinity there, or no number.
    """
    axes = []
    for axis, size in zip(found.axes, image, strict=True):
        start, reach = axis.start, axis.reach
        assert start is not None
        assert reach is not None
        if axis.stride > axis.span and start >= size:
            f.refuse("a window of it lies wholly outside of the image")
        axes.append(replace(axis, end=reach, ceil=False) if include else axis)
    return Window(tuple(axes))


@importer("Unpooling", doc=f"{API}/cntk.ops#unpooling")
def unpooling(f: ImportedFunction, op: Op, x: Operand, like: Operand) -> Operand:
    """Each number goes to where the maximum of its window in the other operand was."""
    if f.get("poolingType", int) != MAX:
        f.refuse("only a maximum can be undone")
    if x.leading != 1 or like.axes != x.axes:
        f.refuse("its operands have different dynamic axes")
    kernel = _kernel(f, like, "unpoolingWindowShape")
    found = windows(f, like.shape[1:], kernel)
    if min(found.begins) < 0 or len(kernel) != like.rank - 1:
        f.refuse("its windows begin inside the image")
    given = {"kernel_shape": kernel, "strides": found.strides, "pads": found.pads}
    _, places = op.outputs(2).MaxPool(like.value, **given)
    made = op.MaxUnpool(x.value, places, op.Shape(like.value), **given)
    made.shape = like.value.shape
    return Operand(made, x.axes)
