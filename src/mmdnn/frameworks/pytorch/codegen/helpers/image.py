"""Resampling as ONNX defines it, where `F.interpolate` computes something else.

https://onnx.ai/onnx/operators/onnx__Resize.html
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it


def resize_coordinates(
    size: int,
    out: int,
    scale: float,
    transformation: str,
    start: float = 0.0,
    end: float = 1.0,
) -> torch.Tensor:
    """Where each of `out` places along an axis lies among `size` elements."""
    i = torch.arange(out, dtype=torch.float64)
    if transformation == "asymmetric":
        return i / scale
    if transformation == "align_corners":
        return i * (size - 1) / (out - 1) if out > 1 else i * 0
    if transformation == "pytorch_half_pixel":
        return (i + 0.5) / scale - 0.5 if out > 1 else i * 0
    if transformation == "half_pixel_symmetric":
        return size / 2 * (1 - out / (scale * size)) + (i + 0.5) / scale - 0.5
    if transformation == "tf_crop_and_resize":
        if out > 1:
            return start * (size - 1) + i * (end - start) * (size - 1) / (out - 1)
        return i * 0 + 0.5 * (start + end) * (size - 1)
    return (i + 0.5) / scale - 0.5


def resize_nearest(x: torch.Tensor, rounding: str) -> torch.Tensor:
    """The index of the nearest element."""
    if rounding == "round_prefer_floor":
        return torch.ceil(x - 0.5)
    if rounding == "round_prefer_ceil":
        return torch.floor(x + 0.5)
    return torch.floor(x) if rounding == "floor" else torch.ceil(x)


def resize_kernel(distance: torch.Tensor, mode: str, a: float) -> torch.Tensor:
    """The weight of an element at a distance."""
    d = distance.abs()
    if mode == "linear":
        return (1 - d).clamp(min=0)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return torch.where(d <= 1, near, torch.where(d < 2, far, torch.zeros_like(d)))


def resize_axis(
    x: torch.Tensor,
    axis: int,
    out: int,
    scale: float,
    window: tuple[float, float],
    mode: str,
    transformation: str,
    rounding: str,
    cubic: float,
    antialias: bool,
    exclude_outside: bool,
    outside: float,
) -> torch.Tensor:
    """Resize one axis."""
    size = x.shape[axis]
    at = resize_coordinates(size, out, scale, transformation, *window)
    if mode == "nearest":
        index = resize_nearest(at, rounding)
        y = x.index_select(axis, index.clamp(0, size - 1).long())
    else:
        shrink = min(scale, 1.0) if antialias else 1.0
        reach = (1 if mode == "linear" else 2) / shrink
        taps = torch.arange(
            1 - math.ceil(reach), math.ceil(reach) + 1, dtype=torch.float64
        )
        index = at.floor().unsqueeze(1) + taps
        distance = (at.unsqueeze(1) - index) * shrink
        weights = resize_kernel(distance, mode, cubic)
        if exclude_outside:
            weights = weights * ((index >= 0) & (index < size))
        if exclude_outside or antialias:
            weights = weights / weights.sum(1, keepdim=True)
        matrix = torch.zeros(out, size, dtype=torch.float64)
        matrix = matrix.scatter_add(1, index.clamp(0, size - 1).long(), weights)
        wide = x if x.is_floating_point() else x.float()
        y = (wide.movedim(axis, -1) @ matrix.to(wide).T).movedim(-1, axis)
    if transformation == "tf_crop_and_resize":
        shape = [1] * x.ndim
        shape[axis] = out
        beyond = ((at < 0) | (at > size - 1)).reshape(shape)
        y = torch.where(beyond, torch.full_like(y, outside), y)
    return y


def resize(
    x: torch.Tensor,
    axes: tuple[int, ...],
    sizes: list[int] | torch.Tensor | None = None,
    scales: list[float] | torch.Tensor | None = None,
    roi: torch.Tensor | None = None,
    mode: str = "nearest",
    transformation: str = "half_pixel",
    rounding: str = "round_prefer_floor",
    cubic: float = -0.75,
    antialias: bool = False,
    exclude_outside: bool = False,
    outside: float = 0.0,
) -> torch.Tensor:
    """ONNX's Resize of these axes; the new sizes are given, or else the scales."""
    y = x
    for i, axis in enumerate(axes):
        size = x.shape[axis]
        scale = 1.0 if scales is None else float(scales[i])
        out = math.floor(size * scale) if sizes is None else int(sizes[i])
        if scales is None:
            scale = out / size
        window = (
            (0.0, 1.0) if roi is None else (float(roi[i]), float(roi[i + len(axes)]))
        )
        if out != size or scale != 1 or roi is not None:
            y = resize_axis(
                y, axis, out, scale, window, mode, transformation, rounding, cubic,
                antialias, exclude_outside, outside,
            )  # fmt: skip
    if x.is_floating_point() or y.dtype == x.dtype:
        return y
    limits = torch.iinfo(x.dtype)
    return y.round().clamp(limits.min, limits.max).to(x.dtype)


def keep_aspect(
    x: torch.Tensor,
    axes: tuple[int, ...],
    sizes: list[int] | torch.Tensor,
    larger: bool,
) -> tuple[list[int], list[float]]:
    """Sizes of the same aspect ratio: none smaller, or else none larger, than these."""
    ratios = [int(size) / x.shape[axis] for size, axis in zip(sizes, axes, strict=True)]
    ratio = max(ratios) if larger else min(ratios)
    return [math.floor(x.shape[axis] * ratio + 0.5) for axis in axes], [ratio] * len(
        axes
    )


def col2im(
    x: torch.Tensor,
    image_shape: tuple[int, ...] | list[int],
    block_shape: tuple[int, ...] | list[int],
    strides: list[int],
    pads: list[int],
    dilations: list[int],
) -> torch.Tensor:
    """Sum the blocks in x (batch, channels * block, places) into images."""
    count = len(image_shape)
    padded = [image_shape[i] + pads[i] + pads[i + count] for i in range(count)]
    index = torch.zeros(1, 1, dtype=torch.long)
    for i in range(count):
        reach = dilations[i] * (block_shape[i] - 1)
        within = torch.arange(block_shape[i]) * dilations[i]
        starts = torch.arange(0, padded[i] - reach, strides[i])
        along = within.unsqueeze(1) + starts
        index = index[:, None, :, None] * padded[i] + along[None, :, None, :]
        index = index.flatten(2).flatten(0, 1)
    batch, rows = x.shape[:2]
    x = x.reshape(batch, rows // index.shape[0], -1)
    image = x.new_zeros(batch, x.shape[1], math.prod(padded))
    image = image.index_add(2, index.flatten().to(x.device), x).reshape(
        batch, -1, *padded
    )
    crop = [
        side for i in reversed(range(count)) for side in (-pads[i], -pads[i + count])
    ]
    return F.pad(image, crop)
