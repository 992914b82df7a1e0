"""Picking and placing elements where torch has no single call for ONNX's rule."""

from __future__ import annotations

import torch


def slice_axes(
    x: torch.Tensor,
    starts: list[int],
    ends: list[int],
    axes: list[int] | None = None,
    steps: list[int] | None = None,
) -> torch.Tensor:
    """Slices of several axes, with ONNX's bounds; steps may go backwards."""
    places = list(range(len(starts))) if axes is None else axes
    strides = [1] * len(starts) if steps is None else steps
    for start, end, axis, step in zip(starts, ends, places, strides, strict=True):
        size = x.shape[axis]
        last = size if step > 0 else size - 1
        first = min(max(start + size * (start < 0), 0), last)
        stop = min(max(end + size * (end < 0), 0 if step > 0 else -1), last)
        count = max(-((first - stop) // step), 0)
        at = first + step * torch.arange(count, device=x.device)
        x = x.index_select(axis, at)
    return x


def gather_nd(x: torch.Tensor, indices: torch.Tensor, batch_dims: int) -> torch.Tensor:
    """`x[indices]` for each element of the batch, a place in the last axis."""
    batch = x.shape[:batch_dims]
    data = x.flatten(0, batch_dims - 1)
    places = indices.flatten(0, batch_dims - 1)
    found = torch.stack([d[p.unbind(-1)] for d, p in zip(data, places, strict=True)])
    return found.reshape(batch + found.shape[1:])


def scatter_nd(
    x: torch.Tensor, indices: torch.Tensor, updates: torch.Tensor, reduce: str
) -> torch.Tensor:
    """Updates of parts of x, combined with what is there and one another."""
    depth = indices.shape[-1]
    sizes, inner = x.shape[:depth], x.shape[depth:]
    rows = torch.zeros_like(indices[..., 0])
    for i, size in enumerate(sizes):
        rows = rows * size + indices[..., i] % size
    flat = x.reshape(sizes.numel(), inner.numel())
    source = updates.reshape(rows.numel(), inner.numel())
    places = rows.reshape(-1, 1).expand(source.shape)
    return flat.scatter_reduce(0, places, source, reduce).reshape(x.shape)


def tensor_scatter(
    past: torch.Tensor,
    update: torch.Tensor,
    write_indices: torch.Tensor | None = None,
    axis: int = -2,
    circular: bool = False,
) -> torch.Tensor:
    """Each batch element's update, written into its cache from its own place on."""
    count = update.shape[axis]
    steps = torch.arange(count, device=past.device)
    start = torch.zeros_like(steps[:1]) if write_indices is None else write_indices
    places = start[:, None] + steps
    if circular:
        places = places % past.shape[axis]
    shape = [1] * update.ndim
    shape[0], shape[axis] = places.shape
    return past.scatter(axis, places.view(shape).expand(update.shape), update)


def unique(
    x: torch.Tensor, dim: int | None = None, is_sorted: bool = True
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Unique elements or slices, where they stand first, which is which, how often."""
    if dim is None:
        x, dim = x.flatten(), 0
    values, inverse, counts = torch.unique(
        x, dim=dim, return_inverse=True, return_counts=True
    )
    size = inverse.numel()
    first = torch.full_like(counts, size).scatter_reduce(
        0, inverse, torch.arange(size, device=x.device), "amin"
    )
    if not is_sorted:
        order = first.argsort()
        values, first, counts = (
            values.index_select(dim, order),
            first[order],
            counts[order],
        )
        inverse = order.argsort()[inverse]
    return values, first, inverse, counts
