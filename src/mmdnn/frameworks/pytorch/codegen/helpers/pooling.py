"""Pooling that torch has no single call for."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it


def windows(
    x: torch.Tensor,
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...] = (),
) -> torch.Tensor:
    """The windows of an image, (N, C, *out, k): the elements of each in a last axis."""
    count = len(kernel_size)
    for i, (k, s) in enumerate(zip(kernel_size, stride, strict=True)):
        d = dilation[i] if dilation else 1
        x = x.unfold(i + 2, d * (k - 1) + 1, s)[..., ::d]
    return x.flatten(-count)


def average_pool(
    x: torch.Tensor,
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...] = (),
    pads: tuple[int, ...] = (),
    counted: tuple[int, ...] = (),
) -> torch.Tensor:
    """The average of what lies in the image, or in its padding as far as `counted`."""
    ones = F.pad(torch.ones_like(x[:1, :1]), counted, value=1.0)
    rest = tuple(p - c for p, c in zip(pads, counted or (0,) * len(pads), strict=True))
    total = windows(F.pad(x, pads), kernel_size, stride, dilation).sum(-1)
    return total / windows(F.pad(ones, rest), kernel_size, stride, dilation).sum(-1)


def lp_pool(
    x: torch.Tensor,
    p: int,
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...] = (),
    pads: tuple[int, ...] = (),
) -> torch.Tensor:
    """The p-norm of each window."""
    inside = windows(F.pad(x, pads), kernel_size, stride, dilation)
    return inside.abs().pow(p).sum(-1).pow(1 / p)


def max_pool_with_indices(
    x: torch.Tensor,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    dilation: int | tuple[int, ...] = 1,
    pads: tuple[int, ...] = (),
    by_column: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Maxima and their places in the whole tensor, flattened by rows or by columns."""
    sizes = x.shape[2:]
    pads = pads or (0, 0) * len(sizes)
    lowest = -torch.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    padded = F.pad(x, pads, value=lowest)
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(sizes) - 1]
    values, places = pool(
        padded, kernel_size, stride, dilation=dilation, return_indices=True
    )
    coordinates = []
    for axis, size in reversed(list(enumerate(padded.shape[2:]))):
        coordinates.append(places % size - pads[2 * (len(sizes) - 1 - axis)])
        places = places // size
    order = range(len(sizes)) if by_column else reversed(range(len(sizes)))
    flat, step = torch.zeros_like(places), 1
    for axis in order:
        flat = flat + coordinates[len(sizes) - 1 - axis] * step
        step *= sizes[axis]
    planes = torch.arange(x.shape[0] * x.shape[1], device=x.device) * step
    return values, flat + planes.view(x.shape[:2] + (1,) * len(sizes))


def max_unpool(
    x: torch.Tensor,
    indices: torch.Tensor,
    size: tuple[int, ...],
    output_shape: list[int] | None = None,
) -> torch.Tensor:
    """Maxima back at their places in zeros of `size`, padded to the output's shape."""
    shape = x.shape[:2] + size
    flat = x.new_zeros(shape.numel()).scatter(0, indices.flatten(), x.flatten())
    y = flat.view(shape)
    pads = [0, 0] * len(shape)
    pads[1::2] = [b - a for a, b in zip(shape, output_shape or shape, strict=True)][
        ::-1
    ]
    return F.pad(y, pads)


def roi_samples(
    start: torch.Tensor, size: torch.Tensor, bins: int, ratio: int, length: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Along an axis of a region: the neighbours of each sample, and their weights."""
    step = size / bins
    count = ratio if ratio > 0 else int(torch.ceil(step))
    inner = (torch.arange(count, device=start.device) + 0.5) * step / count
    at = start + torch.arange(bins, device=start.device)[:, None] * step + inner
    inside = (at >= -1) & (at <= length)
    at = at.clamp(0, length - 1)
    low = at.floor()
    part = at - low
    high = (low + 1).clamp(max=length - 1)
    return low.long(), high.long(), (1 - part) * inside, part * inside


def roi_align(
    x: torch.Tensor,
    rois: torch.Tensor,
    batch_indices: torch.Tensor,
    output_size: tuple[int, int],
    sampling_ratio: int = 0,
    aligned: bool = True,
    mode: str = "avg",
) -> torch.Tensor:
    """Regions (x1, y1, x2, y2) of an image, sampled bilinearly into bins."""
    pooled, boxes = [], rois - 0.5 * aligned
    for roi, index in zip(boxes, batch_indices.tolist(), strict=True):
        size = roi[2:] - roi[:2]
        if not aligned:
            size = size.clamp(min=1)
        image = x[index]
        rows = roi_samples(roi[1], size[1], output_size[0], sampling_ratio, x.shape[2])
        columns = roi_samples(
            roi[0], size[0], output_size[1], sampling_ratio, x.shape[3]
        )
        corners = [
            image[:, rows[i][:, :, None, None], columns[j]]
            * rows[i + 2][:, :, None, None]
            * columns[j + 2]
            for i in (0, 1)
            for j in (0, 1)
        ]
        stacked = torch.stack(corners)
        if mode == "max":
            pooled.append(stacked.amax((0, 3, 5)))
        else:
            pooled.append(stacked.sum(0).mean((2, 4)))
    if not pooled:
        return x.new_zeros((0, x.shape[1], *output_size))
    return torch.stack(pooled)


def max_roi_pool(
    x: torch.Tensor,
    rois: torch.Tensor,
    output_size: tuple[int, int],
    spatial_scale: float = 1.0,
) -> torch.Tensor:
    """The maxima of the bins of regions (image, x1, y1, x2, y2); 0 for an empty bin."""
    corners = rois[:, 1:] * spatial_scale
    corners = (corners.sign() * (corners.abs() + 0.5).floor()).long()
    pooled = x.new_zeros((len(rois), x.shape[1], *output_size))
    for i, (x1, y1, x2, y2) in enumerate(corners.tolist()):
        image = x[int(rois[i, 0])]
        height = max(y2 - y1 + 1, 1) / output_size[0]
        width = max(x2 - x1 + 1, 1) / output_size[1]
        for row in range(output_size[0]):
            top = max(math.floor(row * height) + y1, 0)
            bottom = max(math.ceil((row + 1) * height) + y1, 0)
            for column in range(output_size[1]):
                left = max(math.floor(column * width) + x1, 0)
                right = max(math.ceil((column + 1) * width) + x1, 0)
                inside = image[:, top:bottom, left:right]
                if inside.numel():
                    pooled[i, :, row, column] = inside.amax((1, 2))
    return pooled
