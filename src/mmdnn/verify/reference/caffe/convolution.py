"""Convolution, Deconvolution, InnerProduct, Embed and Im2col.

A convolution is the product of its weights and of what is under its kernel, in columns, some rows at a time
(src/caffe/layers/base_conv_layer.cpp).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmdnn.verify.reference.caffe.layer import Array, Step, computes

BLOCK = 1 << 20
"""How many numbers under a kernel are looked at together."""


@dataclass(frozen=True)
class _Window:
    """Where a kernel goes: a number for each spatial axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]

    def reach(self) -> list[int]:
        """How far the kernel reaches."""
        return [d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True)]

    def counts(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """How many places it has on an input of these sizes."""
        parts = zip(sizes, self.pad, self.reach(), self.stride, strict=True)
        return tuple((size + 2 * pad - reach) // stride + 1 for size, pad, reach, stride in parts)

    def places(self, counts: tuple[int, ...]) -> Any:
        """Each place of the kernel, and the slices of the padded input under it."""
        for place in itertools.product(*map(range, self.kernel)):
            starts = [d * k for d, k in zip(self.dilation, place, strict=True)]
            yield (
                place,
                tuple(
                    slice(start, start + stride * (count - 1) + 1, stride)
                    for start, stride, count in zip(starts, self.stride, counts, strict=True)
                ),
            )


def _window(step: Step, axes: int) -> _Window:
    """As ConvolutionParameter says it: one number for all axes, one each, or by height and width."""
    p = step.layer.message.convolution_param

    def of(field: str, stem: str, default: int) -> tuple[int, ...]:
        said = list(getattr(p, field))
        by_side = [f"{stem}_{side}" for side in "hw"]
        if stem and any(p.HasField(name) for name in by_side):
            if said or axes != 2:
                step.wrong(f"{field} and {stem}_h, or other than two spatial axes")
            return tuple(getattr(p, name) for name in by_side)
        if not said and not default and field != "pad" and axes:
            step.wrong("it has no kernel_size")
        if len(said) not in (0, 1, axes):
            step.wrong(f"{len(said)} numbers of {field} for {axes} spatial axes")
        said = said or [default]
        return tuple(said * axes if len(said) == 1 else said)

    window = _Window(
        of("kernel_size", "kernel", 0),
        of("stride", "stride", 1),
        of("pad", "pad", 0),
        of("dilation", "", 1),
    )
    if 0 in (*window.kernel, *window.stride, *window.dilation):
        step.wrong("a kernel, stride or dilation of 0")
    return window


def _padded(x: Array, window: _Window) -> Array:
    pads = [(0, 0)] * (x.ndim - len(window.pad)) + [(pad, pad) for pad in window.pad]
    return np.pad(x, pads) if any(window.pad) else x


def _convolve(x: Array, weight: Array, group: int, window: _Window) -> Array:
    """Of N, C, then spatial axes, with weights of O, C / group, then the kernel."""
    counts = window.counts(x.shape[2:])
    if min(counts, default=1) < 1:
        raise ValueError(f"no place for a kernel of {window.kernel} on {x.shape[2:]}")
    x = _padded(x, window)
    y = np.empty((len(x), weight.shape[0], *counts))
    flat = weight.reshape(group, weight.shape[0] // group, -1)
    size = x.shape[1] * int(np.prod(window.kernel)) * int(np.prod(counts[1:]))
    rows = max(1, BLOCK // max(size, 1))
    for image, out in zip(x, y, strict=True):
        for start in range(0, counts[0] if counts else 1, rows):
            here = (slice(None), slice(start, start + rows)) if counts else ()
            out[here] = _block(image, flat, window, counts, start, out[here].shape)
    return y


def _block(
    image: Array,
    weight: Array,
    window: _Window,
    counts: tuple[int, ...],
    start: int,
    shape: tuple[int, ...],
) -> Array:
    """Some rows of an image's output: what is under the kernel as columns, times the weights."""
    group, outputs, _ = weight.shape
    parts = []
    for _, under in window.places(counts):
        if counts:
            first = under[0].start + start * window.stride[0]
            last = first + (shape[1] - 1) * window.stride[0]
            under = (slice(first, last + 1, window.stride[0]), *under[1:])
        parts.append(image[(slice(None), *under)].reshape(group, len(image) // group, -1))
    if len(image) == group:
        y = sum(weight[:, :, place, None] * part for place, part in enumerate(parts))
        return np.asarray(y).reshape(shape)
    columns = np.stack(parts, 2).reshape(group, weight.shape[2], -1)
    return np.asarray(np.matmul(weight, columns).reshape(group * outputs, *shape[1:]))


def _deconvolve(x: Array, weight: Array, group: int, window: _Window) -> Array:
    """The transpose, with weights of C, O / group, then the kernel."""
    counts = x.shape[2:]
    parts = zip(window.stride, counts, window.reach(), strict=True)
    sizes = [stride * (count - 1) + reach for stride, count, reach in parts]
    images, channels, outputs = len(x), x.shape[1], weight.shape[1] * group
    y = np.zeros((images, outputs, *sizes))
    flat = x.reshape(images, group, channels // group, -1)
    grouped = weight.reshape(group, channels // group, *weight.shape[1:])
    for place, under in window.places(counts):
        factor = np.ascontiguousarray(grouped[(..., *place)].swapaxes(1, 2))
        part = factor * flat if channels == group else np.matmul(factor, flat)
        y[(slice(None), slice(None), *under)] += part.reshape(images, outputs, *counts)
    cut = [slice(pad, size - pad) for pad, size in zip(window.pad, sizes, strict=True)]
    return y[(slice(None), slice(None), *cut)]


def _each(step: Step, group: int, transposed: bool, bottoms: tuple[Array, ...]) -> list[Array]:
    """The layer on each of its bottoms, with one set of weights."""
    p = step.layer.message.convolution_param
    axis = step.axis(p.axis, bottoms[0])
    channels, outputs = bottoms[0].shape[axis], p.num_output
    window = _window(step, bottoms[0].ndim - axis - 1)
    if not group or channels % group or outputs % group:
        step.wrong(f"{group} groups of {channels} channels to {outputs}")
    ends = (channels, outputs // group) if transposed else (outputs, channels // group)
    weight = step.weight(0, (*ends, *window.kernel))
    tops = []
    for x in bottoms:
        if x.shape[axis] != channels:
            step.wrong(f"bottoms of {channels} and of {x.shape[axis]} channels")
        flat = x.reshape(-1, *x.shape[axis:])
        y = (_deconvolve if transposed else _convolve)(flat, weight, group, window)
        if p.bias_term:
            y = y + step.weight(1, (outputs,)).reshape(-1, *[1] * len(window.kernel))
        tops.append(y.reshape(*x.shape[:axis], *y.shape[1:]))
    return tops


@computes("Convolution")
def convolution(step: Step, *bottoms: Array) -> list[Array]:
    """Cross-correlation; the output size is floored."""
    return _each(step, step.p.group, False, bottoms)


@computes("ConvolutionDepthwise", "DepthwiseConvolution")
def depthwise_convolution(step: Step, *bottoms: Array) -> list[Array]:
    """As many groups as channels (github.com/yonghenglh6/DepthwiseConvolution)."""
    p = step.layer.message.convolution_param
    channels = bottoms[0].shape[step.axis(p.axis, bottoms[0])]
    if p.HasField("group") and p.group not in (1, channels):
        step.refuse(f"{p.group} groups of {channels} channels")
    if p.num_output % channels:
        step.wrong(f"{channels} channels to {p.num_output}")
    return _each(step, channels, False, bottoms)


@computes("Deconvolution")
def deconvolution(step: Step, *bottoms: Array) -> list[Array]:
    """The transpose of a convolution; it cuts its pad off."""
    return _each(step, step.p.group, True, bottoms)


@computes("Im2col")
def im2col(step: Step, x: Array) -> Array:
    """The input under each place of the kernel, as channels."""
    axis = step.axis(step.layer.message.convolution_param.axis, x)
    window = _window(step, x.ndim - axis - 1)
    flat = x.reshape(-1, *x.shape[axis:])
    counts = window.counts(flat.shape[2:])
    padded = _padded(flat, window)
    parts = [padded[(slice(None), slice(None), *under)] for _, under in window.places(counts)]
    columns = x.shape[axis] * len(parts)
    return np.stack(parts, 2).reshape(*x.shape[:axis], columns, *counts)


@computes("InnerProduct")
def inner_product(step: Step, x: Array) -> Array:
    """All axes from one on, times a matrix."""
    p = step.p
    axis = step.axis(p.axis, x)
    flat = x.reshape(*x.shape[:axis], -1) if axis else x.reshape(-1)
    inputs, outputs = flat.shape[-1], p.num_output
    weight = step.weight(0, (inputs, outputs) if p.transpose else (outputs, inputs))
    y = flat @ (weight if p.transpose else weight.T)
    return np.asarray(y + step.weight(1, (outputs,)) if p.bias_term else y)


@computes("Embed")
def embed(step: Step, x: Array) -> Array:
    """Rows of a table."""
    p = step.p
    rows = x.astype(np.int64)
    if rows.size and not 0 <= rows.min() <= rows.max() < p.input_dim:
        step.wrong(f"an index is not below {p.input_dim}")
    y = step.weight(0, (p.input_dim, p.num_output))[rows]
    return y + step.weight(1, (p.num_output,)) if p.bias_term else y
