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
    window: tuple[float, float] = (0.0, 1.0),
) -> torch.Tensor:
    """Where each of `out` places along an axis lies among `size`: float32."""
    start, end = window
    i = torch.arange(out, dtype=torch.float32)
    if transformation == "asymmetric":
        return i / scale
    if transformation == "align_corners":
        return i * (size - 1) / (out - 1) if out > 1 else i * 0
    if transformation == "pytorch_half_pixel":
        return (i + 0.5) / scale - 0.5 if out > 1 else i * 0
    if transformation == "half_pixel_symmetric":
        offset = size / 2 * (1 - out / (torch.tensor(scale) * size))
        return (offset + (i.double() + 0.5) / torch.tensor(scale) - 0.5).float()
    if transformation == "tf_crop_and_resize":
        if out > 1:
            return i * (end - start) * (size - 1) / (out - 1) + start * (size - 1)
        return i * 0 + 0.5 * (start + end) * (size - 1)
    return (i + 0.5) / scale - 0.5


def nearest_index(x: torch.Tensor, rounding: str) -> torch.Tensor:
    """The index of the nearest element."""
    low = torch.floor(x)
    if rounding in {"floor", "ceil"}:
        return low if rounding == "floor" else torch.ceil(x)
    middle = (x - low - 0.5).abs() <= 1e-6  # as near is in the middle for onnxruntime
    return torch.where(middle, low + (rounding == "round_prefer_ceil"), x.round())


def resize_kernel(distance: torch.Tensor, a: float | None) -> torch.Tensor:
    """The weight of an element at a distance: linear, or cubic by a coefficient."""
    d = distance.abs()
    if a is None:
        return (1 - d).clamp(min=0)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return torch.where(d <= 1, near, torch.where(d < 2, far, torch.zeros_like(d)))


def resize_targets(
    x: torch.Tensor,
    axes: tuple[int, ...],
    sizes: list[int] | torch.Tensor | None = None,
    scales: list[float] | torch.Tensor | None = None,
) -> dict[int, tuple[int, float]]:
    """The new size of each axis, and its scale; one of them is given."""
    found = {}
    for i, axis in enumerate(axes):
        if sizes is not None:
            out = int(sizes[i])
            found[axis] = out, out / x.shape[axis]
        elif scales is not None:
            scale = float(scales[i])
            found[axis] = math.floor(x.shape[axis] * scale), scale
    return found


def keep_aspect(
    x: torch.Tensor,
    axes: tuple[int, ...],
    sizes: list[int] | torch.Tensor,
    larger: bool,
) -> dict[int, tuple[int, float]]:
    """Sizes of the same aspect ratio: none smaller, or else none larger, than these."""
    ratios = [int(size) / x.shape[axis] for size, axis in zip(sizes, axes, strict=True)]
    ratio = max(ratios) if larger else min(ratios)
    return {axis: (math.floor(x.shape[axis] * ratio + 0.5), ratio) for axis in axes}


def resize_places(
    x: torch.Tensor,
    targets: dict[int, tuple[int, float]],
    transformation: str,
    crop: tuple[torch.Tensor, float] | None,
) -> dict[int, torch.Tensor]:
    """Where the places along each axis that changes lie."""
    found = {}
    for i, (axis, (out, scale)) in enumerate(targets.items()):
        size = x.shape[axis]
        if crop is not None:
            window = float(crop[0][i]), float(crop[0][i + len(targets)])
            found[axis] = resize_coordinates(size, out, scale, transformation, window)
        elif out != size or scale != 1:
            found[axis] = resize_coordinates(size, out, scale, transformation)
    return found


def fill_outside(
    y: torch.Tensor, x: torch.Tensor, places: dict[int, torch.Tensor], value: float
) -> torch.Tensor:
    """The resized image, with a value at places outside of the image."""
    for axis, at in places.items():
        shape = [1] * y.ndim
        shape[axis] = len(at)
        beyond = ((at < 0) | (at > x.shape[axis] - 1)).reshape(shape)
        y = torch.where(beyond, torch.full_like(y, value), y)
    return y


def resize_nearest(
    x: torch.Tensor,
    targets: dict[int, tuple[int, float]],
    transformation: str = "half_pixel",
    rounding: str = "round_prefer_floor",
    crop: tuple[torch.Tensor, float] | None = None,
) -> torch.Tensor:
    """ONNX's Resize, a copy of the nearest; a crop is a region, and a value outside."""
    places, y = resize_places(x, targets, transformation, crop), x
    for axis, at in places.items():
        index = nearest_index(at, rounding).clamp(0, x.shape[axis] - 1)
        y = y.index_select(axis, index.long())
    return y if crop is None else fill_outside(y, x, places, crop[1])


def resize_weights(
    at: torch.Tensor, size: int, scale: float, cubic: float | None, exclude: bool
) -> torch.Tensor:
    """What each place takes of each of `size` elements."""
    reach = math.ceil((1 if cubic is None else 2) / scale)
    taps = torch.arange(1 - reach, reach + 1, dtype=torch.float64)
    index = at.floor().unsqueeze(1) + taps
    weights = resize_kernel((at.unsqueeze(1) - index) * scale, cubic)
    if exclude:
        weights = weights * ((index >= 0) & (index < size))
    if exclude or scale != 1:
        weights = weights / weights.sum(1, keepdim=True)
    matrix = torch.zeros(len(at), size, dtype=torch.float64)
    return matrix.scatter_add(1, index.clamp(0, size - 1).long(), weights)


def resize_smooth(
    x: torch.Tensor,
    targets: dict[int, tuple[int, float]],
    cubic: float | None = None,
    transformation: str = "half_pixel",
    antialias: bool = False,
    exclude_outside: bool = False,
    crop: tuple[torch.Tensor, float] | None = None,
) -> torch.Tensor:
    """ONNX's Resize, linear or cubic; a crop is a region, and a value outside."""
    places, y = resize_places(x, targets, transformation, crop), x
    for axis, at in places.items():
        scale = min(targets[axis][1], 1.0) if antialias else 1.0
        matrix = resize_weights(at, x.shape[axis], scale, cubic, exclude_outside)
        y = y if y.is_floating_point() else y.float()
        y = (y.movedim(axis, -1) @ matrix.to(y).T).movedim(-1, axis)
    if crop is not None:
        y = fill_outside(y, x, places, crop[1])
    if x.is_floating_point() or y.dtype == x.dtype:
        return y
    limits = torch.iinfo(x.dtype)
    return y.round().clamp(limits.min, limits.max).to(x.dtype)


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
