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
        y = op.Conv(x, weight("w", 4, 3, 3, 3), weight("b", 4), kernel_shape=[3, 3])
    with builder.layer("relu", "ReLU"):
        y = op.Relu(y)
    with builder.layer("pool", "Pooling"):
        y = op.Flatten(op.GlobalAveragePool(y))
    with builder.layer("fc", "InnerProduct"):
        y = op.Gemm(y, weight("w", classes, 4), weight("b", classes), transB=1)
    with builder.layer("prob", "Softmax"):
        y = op.Softmax(y, axis=1)
    builder.rename(y, "prob")
    builder.graph.outputs.append(y)
    return builder.model()


def save(path: Path, **settings: object) -> Path:
    mmdnn.save(build(**settings), path)
    return path


def answer(data: np.ndarray, model: ir.Model) -> np.ndarray:
    """What the network says of an input, float32[1, 3, height, width]: its 1,000 probabilities."""
    w = {name: value.const_value.numpy() for name, value in model.graph.initializers.items()}
    windows = np.lib.stride_tricks.sliding_window_view(data[0].astype(np.float64), (3, 3), (1, 2))
    y = np.einsum("chwyx,ocyx->ohw", windows, w["conv.w"]) + w["conv.b"][:, None, None]
    scores = w["fc.w"] @ np.maximum(y, 0).mean((1, 2)) + w["fc.b"]
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def sum_of(*inputs: tuple[str, tuple[int | None, ...]]) -> ir.Model:
    """The inputs added, and their absolute value taken."""
    builder = Builder("mmdnn.test")
    values = [builder.input(name, shape) for name, shape in inputs]
    y = builder.op.Abs(builder.op.Sum(*values))
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    return builder.model()


def pyramid(size: int) -> ir.Model:
    """Three outputs: means of windows of 4, 8 and 8."""
    builder = Builder("mmdnn.test")
    x = builder.input("data", (1, 3, size, size))
    for name, window in (("fine", 4), ("coarse", 8), ("again", 8)):
        y = builder.op.AveragePool(x, kernel_shape=[window] * 2, strides=[window] * 2)
        builder.rename(y, name)
        builder.graph.outputs.append(y)
    return builder.model()
