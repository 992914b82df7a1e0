"""Convolutions that torch itself does not have."""

from __future__ import annotations

import torch


def bilinear(image: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Images (N, C, H, W) at places (N, *) of their own, zero outside."""
    (n, c, h, w), shape = image.shape, y.shape[1:]
    flat, total = image.flatten(2), torch.zeros_like(image[..., :1, 0])
    top, left = y.floor(), x.floor()
    for row, down in ((top, top + 1 - y), (top + 1, y - top)):
        for column, across in ((left, left + 1 - x), (left + 1, x - left)):
            inside = (row >= 0) & (row < h) & (column >= 0) & (column < w)
            at = row.clamp(0, h - 1) * w + column.clamp(0, w - 1)
            places = at.long().reshape(n, 1, -1).expand(n, c, -1)
            weight = (down * across * inside).reshape(n, 1, -1)
            total = total + flat.gather(2, places) * weight
    return total.reshape(n, c, *shape)


def deform_conv(
    x: torch.Tensor,
    weight: torch.Tensor,
    offset: torch.Tensor,
    mask: torch.Tensor | None = None,
    stride: tuple[int, int] = (1, 1),
    pads: tuple[int, int, int, int] = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
) -> torch.Tensor:
    """A convolution whose taps are moved by offsets, the image sampled bilinearly."""
    (n, c, h, w), (out, per_group, kh, kw) = x.shape, weight.shape
    rows, columns = offset.shape[2:]
    parts = offset.shape[1] // (2 * kh * kw)
    image = x.reshape(n * parts, c // parts, h, w)
    moves = offset.reshape(n * parts, kh * kw, 2, rows, columns)
    scale = torch.ones_like(moves[:, :, 0]) if mask is None else mask
    scale = scale.reshape(n * parts, kh * kw, 1, rows, columns)
    top = torch.arange(rows, device=x.device)[:, None] * stride[0] - pads[0]
    left = torch.arange(columns, device=x.device) * stride[1] - pads[1]
    taps = []
    for tap in range(kh * kw):
        y = moves[:, tap, 0] + top + tap // kw * dilation[0]
        across = moves[:, tap, 1] + left + tap % kw * dilation[1]
        sampled = bilinear(image, y, across) * scale[:, tap]
        taps.append(sampled.reshape(n, c, rows, columns))
    groups = c // per_group
    stacked = torch.stack(taps, 2).reshape(n, groups, -1, rows * columns)
    y = weight.reshape(groups, out // groups, -1) @ stacked
    return y.reshape(n, out, rows, columns)
