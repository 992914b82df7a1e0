"""Net, a PyTorch module."""

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(3))

    def forward(self, x, mask):
        x = F.relu6(x * 0.5 + self.shift)  # (N, 3)
        x = torch.maximum(torch.where(mask, x, 0.0), self.shift)
        value = x > 0.5
        return x, value
