"""Rearranging elements where torch has no single call for ONNX's rule."""

from __future__ import annotations

import torch


def reshape(
    x: torch.Tensor, shape: list[int], allow_zero: bool = False
) -> torch.Tensor:
    """A size of 0 stands for the input's own, unless zeros are allowed."""
    if not allow_zero:
        shape = [x.shape[i] if size == 0 else size for i, size in enumerate(shape)]
    return x.reshape(shape)


def unsqueeze(x: torch.Tensor, dims: list[int]) -> torch.Tensor:
    """Several new axes, counted in the result."""
    rank = x.ndim + len(dims)
    for dim in sorted(dim % rank for dim in dims):
        x = x.unsqueeze(dim)
    return x


def flat_pads(pads: list[int], rank: int, axes: list[int] | None = None) -> list[int]:
    """All begins and all ends as pairs, the last axis first, as torch pads."""
    places = list(range(rank)) if axes is None else axes
    flat = [0] * 2 * rank
    for i, axis in enumerate(places):
        last = 2 * (rank - 1 - axis % rank)
        flat[last : last + 2] = pads[i], pads[i + len(places)]
    return flat


def pad(x: torch.Tensor, pads: list[int] | tuple[int, ...], mode: str) -> torch.Tensor:
    """Padding in any axis, of any type and width, by "reflect", "edge" or "wrap".

    What is less than 0 is cut off first.
    """
    for i in range(len(pads) // 2):
        dim, before, behind = x.ndim - 1 - i, pads[2 * i], pads[2 * i + 1]
        if not before and not behind:
            continue
        size = x.shape[dim] + min(before, 0) + min(behind, 0)
        at = torch.arange(-max(before, 0), size + max(behind, 0), device=x.device)
        if mode == "edge":
            at = at.clamp(0, size - 1)
        elif mode == "wrap":
            at = at % size
        else:
            at = at % max(2 * size - 2, 1)
            at = torch.minimum(at, 2 * size - 2 - at).abs()
        at = at - min(before, 0)
        x = x.index_select(dim, at)
    return x


def depth_to_space(x: torch.Tensor, block_size: int) -> torch.Tensor:
    """Pixel shuffle of channels in the order of block and channel."""
    n, c, h, w = x.shape
    x = x.reshape(n, block_size, block_size, c // block_size**2, h, w)
    x = x.permute(0, 3, 4, 1, 5, 2)
    return x.reshape(n, c // block_size**2, h * block_size, w * block_size)


def space_to_depth(x: torch.Tensor, block_size: int) -> torch.Tensor:
    """Pixel unshuffle to channels in the order of block and channel."""
    n, c, h, w = x.shape
    x = x.reshape(n, c, h // block_size, block_size, w // block_size, block_size)
    x = x.permute(0, 3, 5, 1, 2, 4)
    return x.reshape(n, c * block_size**2, h // block_size, w // block_size)


def reverse_sequence(
    x: torch.Tensor, lengths: torch.Tensor, time_dim: int, batch_dim: int
) -> torch.Tensor:
    """Each sequence of the batch turned round, as far as it is long."""
    x = x.movedim((batch_dim, time_dim), (0, 1))
    steps = torch.arange(x.shape[1], device=x.device)
    ends = lengths[:, None]
    order = torch.where(steps < ends, ends - 1 - steps, steps)
    x = x[torch.arange(x.shape[0], device=x.device)[:, None], order]
    return x.movedim((0, 1), (batch_dim, time_dim))
