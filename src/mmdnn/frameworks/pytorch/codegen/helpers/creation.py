"""Making tensors as ONNX defines them."""

from __future__ import annotations

import math

import torch


def arange(
    start: float, limit: float, delta: float, dtype: torch.dtype
) -> torch.Tensor:
    """`start + i * delta` up to the limit, the steps counted before rounding."""
    count = max(math.ceil((limit - start) / delta), 0)
    return (start + torch.arange(count, dtype=torch.float64) * delta).to(dtype)


def one_hot(
    indices: torch.Tensor, depth: int, values: torch.Tensor, axis: int = -1
) -> torch.Tensor:
    """values[1] at each index that is in range, values[0] elsewhere."""
    indices = torch.where(indices < 0, indices + depth, indices).unsqueeze(axis)
    shape = [1] * indices.ndim
    shape[axis] = depth
    places = torch.arange(depth, device=indices.device).view(shape)
    return torch.where(indices == places, values[1], values[0])
