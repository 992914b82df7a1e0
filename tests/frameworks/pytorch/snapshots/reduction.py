"""Net, a PyTorch module."""

import torch
from torch import nn


def top_k(
    x: torch.Tensor, k: int, dim: int, largest: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """The k largest or smallest elements in order; the first of equal ones."""
    values, indices = x.sort(dim=dim, descending=largest, stable=True)
    return values.narrow(dim, 0, k), indices.narrow(dim, 0, k)


class Net(nn.Module):
    def forward(self, x):
        x = x - x.mean(2, keepdim=True)  # (N, 6, 5)
        return top_k(torch.linalg.vector_norm(x, dim=2), 2, 1)
