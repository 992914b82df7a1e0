"""Net, a PyTorch module."""

import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.BatchNormalization = nn.BatchNorm2d(3, eps=0.001)
        self.LayerNormalization = nn.LayerNorm(4)

    def forward(self, x):
        x = F.local_response_norm(self.BatchNormalization(x), 5)  # (N, 3, 4, 4)
        return F.normalize(self.LayerNormalization(x), dim=1, eps=1e-30)
