"""A network of another framework, written for CNTK, is trained on there as it is."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn import api
from mmdnn.errors import MissingExtraError
from mmdnn.frameworks.cntk import engine
from mmdnn.ir.builder import Builder

PROGRAM = Path(__file__).with_name("cntk_training.py")


class ResNet20:
    """He et al.'s network for small pictures, with random weights, as an ONNX model."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.builder = Builder("mmdnn.test", "resnet20")
        self.op: Any = self.builder.op

    def weight(self, *shape: int, scale: float = 1.0, shift: float = 0.0) -> ir.Value:
        array = self.rng.normal(shift, scale, shape).astype(np.float32)
        return self.builder.weight("weight", ir.tensor(np.abs(array) if shift else array))

    def conv(self, x: ir.Value, count: int, kernel: int, stride: int) -> ir.Value:
        channels = int(x.shape[1])  # type: ignore[index, arg-type]
        weight = self.weight(count, channels, kernel, kernel, scale=(2 / channels) ** 0.5 / kernel)
        y = self.op.Conv(x, weight, strides=[stride] * 2, pads=[kernel // 2] * 4)
        scale, bias = self.weight(count, scale=0.1, shift=1), self.weight(count, scale=0.1)
        mean, variance = self.weight(count, scale=0.1), self.weight(count, scale=0.1, shift=1)
        made: ir.Value = self.op.BatchNormalization(y, scale, bias, mean, variance)
        return made

    def unit(self, x: ir.Value, count: int, stride: int) -> ir.Value:
        y = self.conv(self.op.Relu(self.conv(x, count, 3, stride)), count, 3, 1)
        same = stride == 1 and x.shape is not None and x.shape[1] == count
        made: ir.Value = self.op.Relu(self.op.Add(y, x if same else self.conv(x, count, 1, stride)))
        return made

    def model(self) -> ir.Model:
        x = self.builder.input("pictures", ("batch", 3, 16, 16))
        y = self.op.Relu(self.conv(x, 8, 3, 1))
        for count, stride in ((8, 1), (16, 2), (32, 2)):
            for unit in range(3):
                y = self.unit(y, count, stride if unit == 0 else 1)
        flat = self.op.Flatten(self.op.GlobalAveragePool(y))
        y = self.op.Gemm(flat, self.weight(10, 32, scale=0.2), self.weight(10, scale=0.1), transB=1)
        self.builder.rename(y, "scores")
        self.builder.graph.outputs.append(y)
        return self.builder.model()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("training")
    api.save(ResNet20().model(), folder / "net.dnn")
    try:
        python = engine.interpreter()
    except MissingExtraError as missing:
        pytest.skip(f"CNTK is not installed: {missing.hint}")
    command = [python, "-W", "ignore", str(PROGRAM), "net.dnn", "out.npz"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    with np.load(folder / "out.npz") as data:
        return dict(data)


def test_the_loss_falls(trained: dict[str, np.ndarray]) -> None:
    losses = trained["losses"]
    assert losses[0] > 1.5
    assert losses[-1] < 0.7 * losses[0]
    assert np.isfinite(trained["result"]).all()


def test_running_statistics_move(trained: dict[str, np.ndarray]) -> None:
    """And go on from those of the network: the first step does not put its own in their place."""
    names = [name.removeprefix("before_") for name in trained if name.startswith("before_")]
    assert len(names) == 3 * 21
    for name in names:
        before, first, after = (trained[f"{when}_{name}"] for when in ("before", "first", "after"))
        assert not np.array_equal(before, after), name
        if not name.startswith("count"):
            assert np.linalg.norm(first - before) < 0.3 * np.linalg.norm(after - before), name
