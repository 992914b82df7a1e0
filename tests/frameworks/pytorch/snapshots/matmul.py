"""Net, a PyTorch module."""

import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.MatMul = nn.Linear(4, 8)
        self.Gemm = nn.Linear(8, 3)

    def forward(self, x):
        return self.Gemm(F.relu(self.MatMul(x)))  # (N, 3)
