"""Cumulative sums and sorting as ONNX defines them."""

from __future__ import annotations

import torch


def exclusive_cumsum(x: torch.Tensor, dim: int) -> torch.Tensor:
    """The sum of all elements before each one."""
    before = torch.zeros_like(x.narrow(dim, 0, min(1, x.shape[dim])))
    before = torch.cat([before, x.narrow(dim, 0, max(x.shape[dim] - 1, 0))], dim)
    return before.cumsum(dim, dtype=x.dtype)


def exclusive_cumprod(x: torch.Tensor, dim: int) -> torch.Tensor:
    """The product of all elements before each one."""
    before = torch.ones_like(x.narrow(dim, 0, min(1, x.shape[dim])))
    before = torch.cat([before, x.narrow(dim, 0, max(x.shape[dim] - 1, 0))], dim)
    return before.cumprod(dim, dtype=x.dtype)


def top_k(
    x: torch.Tensor, k: int, dim: int, largest: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """The k largest or smallest elements in order; the first of equal ones."""
    values, indices = x.sort(dim=dim, descending=largest, stable=True)
    return values.narrow(dim, 0, k), indices.narrow(dim, 0, k)


def reduce_prod(
    x: torch.Tensor, dims: list[int], keepdim: bool = False
) -> torch.Tensor:
    """The product over several axes; over all of them where none is given."""
    places = sorted(dim % x.ndim for dim in dims) if dims else range(x.ndim)
    for dim in reversed(places):
        x = x.prod(dim, keepdim=keepdim, dtype=x.dtype)
    return x
