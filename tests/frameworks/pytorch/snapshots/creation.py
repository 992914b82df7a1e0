"""Net, a PyTorch module."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        value = torch.full((x.shape[0], 4), 0.5)
        x = value + x.float()
        return x + torch.eye(x.shape[0], 4)
