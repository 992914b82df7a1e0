"""Convolutions, forward and transposed (Source/ComputationNetworkLib/ConvolutionalNodes.h)."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.cntk.graph import Shape
from mmdnn.frameworks.cntk.importer.operand import Operand, folded, sizes
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.frameworks.cntk.importer.windows import by_axis, cropped, padding, windows
from mmdnn.ir.builder import Op


@importer("Convolution", doc=f"{API}/cntk.ops#convolution")
def convolution(f: ImportedFunction, op: Op, w: Operand, x: Operand) -> Operand:
    """Kernels (maps, channels / groups, *spatial); transposed (channels, maps, *spatial).

    One map needs no axis for it.
    """
    if w.axes:
        f.refuse("its kernel differs from sample to sample")
    if f.get("sequential", bool, default=False):
        f.refuse("it goes along a sequence that is still packed")
    if not all(f.get("sharing", list)):
        f.refuse("its weights are not shared")
    for name in ("kernelShape", "outputShape"):
        f.get(name, Shape, default=Shape((1,)))
    spatial = x.rank - 1
    if w.rank == x.rank and not f.get("transpose", bool):
        w = f.reshaped(w, (1, *sizes(w)))
    if w.rank != x.rank + 1:
        f.refuse(f"a kernel of {w.rank} axes for an input of {x.rank}")
    kernel = sizes(w)[2:]
    dilation = by_axis(f, "dilation", spatial) if f.has("dilation") else [1] * spatial
    if f.get("transpose", bool):
        return _transposed(f, op, w, x, kernel, dilation)
    _check_channels(f, x, sizes(w)[1])
    extents = [(size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=True)]
    found = windows(f, x.shape[1:], extents)
    groups = f.get("groups", int, default=1) or 1
    if x.shape[0] != sizes(w)[1] * groups:  # CNTK 1's files have forgotten their groups
        f.unfit(f"a kernel for {sizes(w)[1] * groups} channels over {x.shape[0]}")

    def convolve(image: ir.Value) -> ir.Value:
        inner, where = cropped(op, image, found, 2)
        return op.Conv(
            inner,
            w.value,
            kernel_shape=list(kernel),
            strides=where.strides,
            pads=where.pads,
            dilations=dilation,
            group=groups,
        )

    return folded(op, x, convolve)


def _check_channels(f: ImportedFunction, x: Operand, channels: int) -> None:
    """The channel axis takes part like any other; only one place for the kernel is a convolution."""
    rank = x.rank
    (stride, *_), (padded, *_) = by_axis(f, "strides", rank), by_axis(f, "autoPadding", rank)
    padded = padded and len(f.get("autoPadding", list)) == rank
    pads = [by_axis(f, name, rank)[0] for name in ("lowerPad", "upperPad")]
    if (padded and stride < channels and channels > 1) or (any(pads) and not padded):
        f.refuse("it pads the channels")


def _transposed(
    f: ImportedFunction,
    op: Op,
    w: Operand,
    x: Operand,
    kernel: tuple[int, ...],
    dilation: list[int],
) -> Operand:
    """Autopadding crops (k - 1) // 2 before and k // 2 after; a given size moves the end."""
    rank = len(kernel)
    strides, crops = by_axis(f, "strides", rank), padding(f, rank)
    wanted = f.get("outputShape", Shape)
    before, after, extra = [], [], []
    for axis, size in enumerate(kernel):
        extent = (size - 1) * dilation[axis] + 1
        crop = crops[axis] or ((extent - 1) // 2, extent // 2)
        if any(wanted):
            full = (sizes(x)[1 + axis] - 1) * strides[axis] + extent
            crop = (crop[0], full - crop[0] - wanted[len(wanted) - rank + axis])
        before.append(crop[0])
        after.append(max(crop[1], 0))
        extra.append(max(-crop[1], 0))
    groups = f.get("groups", int, default=1) or 1
    return folded(
        op,
        x,
        lambda image: op.ConvTranspose(
            image,
            w.value,
            kernel_shape=list(kernel),
            strides=strides,
            pads=[*before, *after],
            output_padding=extra if any(extra) else None,
            dilations=dilation,
            group=groups,
        ),
    )
