"""He et al.'s network for small pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import Builder


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
