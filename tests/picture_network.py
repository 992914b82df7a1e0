"""A small network for pictures with 1,000 classes, its weights made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir

import mmdnn
from mmdnn.ir.builder import Builder

SIZE = 16
CLASSES = 1000


def build(classes: int = CLASSES, size: int | str = SIZE, batch: int | str = "batch") -> ir.Model:
    rng = np.random.default_rng(5)

    def weight(name: str, *shape: int) -> ir.Value:
        values = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        return builder.weight(name, ir.tensor(values.astype(np.float32)))

    builder = Builder("mmdnn.test")
    x = builder.input("data", (batch, 3, size, size))
    op = builder.op
    with builder.layer("conv", "Convolution"):
        y = op.Conv(x, weight("conv.w", 4, 3, 3, 3), weight("conv.b", 4), kernel_shape=[3, 3])
    with builder.layer("relu", "ReLU"):
        y = op.Relu(y)
    with builder.layer("pool", "Pooling"):
        y = op.Flatten(op.GlobalAveragePool(y))
    with builder.layer("fc", "InnerProduct"):
        y = op.Gemm(y, weight("fc.w", classes, 4), weight("fc.b", classes), transB=1)
    with builder.layer("prob", "Softmax"):
        y = op.Softmax(y, axis=1)
    builder.rename(y, "prob")
    builder.graph.outputs.append(y)
    return builder.model()


def save(path: Path, **settings: object) -> Path:
    mmdnn.save(build(**settings), path)
    return path
