"""A generated ResNet-50 beside one written by hand: forward, and a training step, in one run.

    python benchmarks/resnet_speed.py

Runs alternate, so that a noisy machine is noisy for both; the medians are compared.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import networks
import torch
from measure import CONSOLE, table
from torch import nn
from torch.nn import functional

import mmdnn

ROUNDS = 15


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride > 1 or inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        return functional.relu(self.bn3(self.conv3(y)) + self.shortcut(x))


class HandWritten(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3)
        self.bn1 = nn.BatchNorm2d(64)
        blocks, inputs = [], 64
        for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            for index in range(count):
                blocks.append(Bottleneck(inputs, width, stride if index == 0 else 1))
                inputs = 4 * width
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.blocks(functional.max_pool2d(x, 3, 2, ceil_mode=True))
        return functional.softmax(self.fc(functional.avg_pool2d(x, 7).flatten(1)), 1)


def generated(folder: Path) -> nn.Module:
    files = networks.write(networks.resnet50(), folder)
    mmdnn.convert(*files, folder / "resnet50.py", verify=False)
    spec = importlib.util.spec_from_file_location("resnet50", folder / "resnet50.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lines = len((folder / "resnet50.py").read_text().splitlines())
    CONSOLE.print(f"The generated source has {lines} lines.")
    return module.ResNet50()


def forward(net: nn.Module) -> None:
    with torch.no_grad():
        net.eval()(torch.zeros(2, 3, 224, 224))


def training_step(net: nn.Module) -> None:
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4)
    loss = -net.train()(torch.randn(2, 3, 224, 224))[:, 0].log().mean()
    loss.backward()
    optimizer.step()


def alternate(action: Callable[[nn.Module], None], nets: list[nn.Module]) -> list[float]:
    """The median seconds of each net."""
    times: list[list[float]] = [[] for _ in nets]
    for _ in range(ROUNDS):
        for net, taken in zip(nets, times, strict=True):
            start = time.perf_counter()
            action(net)
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken[2:]) for taken in times]


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        nets = [generated(Path(scratch)), HandWritten()]
    rows = table("ResNet-50, batch 2", "", "generated", "by hand", "ratio")
    for label, action in (("forward", forward), ("training step", training_step)):
        ours, theirs = alternate(action, nets)
        rows.add_row(label, f"{ours:.3f} s", f"{theirs:.3f} s", f"{ours / theirs:.3f}")
    CONSOLE.print(rows)


if __name__ == "__main__":
    main()
