"""Small networks of every kind, for `mutation.py`: random weights, trained-looking statistics.

Each function fills a builder: inputs, layers, outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import Builder

F, U8, I64 = ir.DataType.FLOAT, ir.DataType.UINT8, ir.DataType.INT64


class Net:
    """A builder, and weights from a generator of the network's own."""

    def __init__(self, name: str) -> None:
        self.builder = Builder("mmdnn.mutation", name)
        self.op = self.builder.op
        self.rng = np.random.default_rng(len(name))

    def input(self, name: str, *shape: int | str, dtype: ir.DataType = F) -> ir.Value:
        return self.builder.input(name, shape, dtype)

    def weights(self, *shape: int) -> np.ndarray:
        fan = int(np.prod(shape[1:])) if len(shape) > 1 else 4
        return (self.rng.standard_normal(shape) / np.sqrt(fan)).astype(np.float32)

    def positive(self, *shape: int) -> np.ndarray:
        return self.rng.uniform(0.5, 1.5, shape).astype(np.float32)

    def conv(self, x: ir.Value, out: int, kernel: int = 3, **attributes: Any) -> ir.Value:
        each = int(x.shape[1]) // attributes.get("group", 1)
        w = self.weights(out, each, kernel, kernel)
        return self.op.Conv(x, w, self.weights(out), **attributes)

    def norm(self, x: ir.Value, epsilon: float = 1e-5) -> ir.Value:
        n = int(x.shape[1])
        scale, mean, variance = self.positive(n), self.weights(n), self.positive(n) ** 2
        return self.op.BatchNormalization(
            x, scale, self.weights(n), mean, variance, epsilon=epsilon
        )

    def linear(self, x: ir.Value, out: int) -> ir.Value:
        return self.op.Gemm(x, self.weights(out, int(x.shape[1])), self.weights(out), transB=1)

    def give(self, **outputs: ir.Value) -> None:
        for name, value in outputs.items():
            self.builder.rename(value, name)
            self.builder.graph.outputs.append(value)

    def branch(self, name: str, make: Callable[[Any], ir.Value]) -> ir.Graph:
        inner = Builder("mmdnn.mutation", name)
        inner.graph.outputs.append(make(inner.op))
        return inner.graph


def cnn(net: Net) -> None:
    op = net.op
    x = net.input("data", "batch", 3, 17, 14)
    x = net.conv(x, 8, pads=[0, 1, 1, 2], strides=[2, 1])
    x = op.Relu(net.norm(x))
    x = op.MaxPool(x, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 0, 1], ceil_mode=1)
    side = op.LeakyRelu(net.conv(x, 8, group=4, pads=[2, 2, 2, 2], dilations=[2, 2]), alpha=0.1)
    x = op.Concat(op.Add(x, side), op.Clip(net.conv(x, 4, 1), 0.0, 6.0), axis=1)
    x = op.LRN(x, size=3, alpha=0.05, beta=0.75, bias=1.0)
    x = op.Dropout(op.AveragePool(x, kernel_shape=[2, 2], pads=[0, 0, 1, 1], count_include_pad=1))
    x = op.Flatten(op.GlobalAveragePool(x))
    net.give(probability=op.Softmax(net.linear(x, 5), axis=1))


def decoder(net: Net) -> None:
    op = net.op
    x = net.input("data", "batch", 4, 5, 6)
    w = net.weights(4, 6, 3, 3)
    x = op.ConvTranspose(x, w, net.weights(6), strides=[2, 2], pads=[1, 1, 1, 1])
    x = op.PRelu(op.InstanceNormalization(x, net.positive(6), net.weights(6)), net.weights(6, 1, 1))
    up = op.Resize(
        x, None, np.float32([1, 1, 2, 2]), mode="linear",
        coordinate_transformation_mode="half_pixel",
    )  # fmt: skip
    near = op.Resize(
        x, None, np.float32([1, 1, 2, 2]), mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip
    x = op.Pad(op.Sub(up, near), [0, 0, 1, 0, 0, 0, 2, 1], 0.5, mode="constant")
    x = op.Elu(op.DepthToSpace(net.conv(x, 8, 3, pads=[1, 1, 1, 1]), blocksize=2, mode="CRD"))
    low = op.Transpose(op.Slice(x, [1, 2], [9, 20], [2, 3], [1, 2]), perm=[0, 1, 3, 2])
    net.give(mask=op.Sigmoid(net.conv(x, 2, 1)), edges=op.HardSigmoid(low, alpha=0.3, beta=0.4))


def ssd(net: Net) -> None:
    op = net.op
    x = net.input("image", "batch", 3, 12, 16)
    x = op.Relu(net.norm(net.conv(x, 8, pads=[1, 1, 1, 1], strides=[2, 2]), 1e-3))
    small = op.HardSwish(net.conv(x, 8, pads=[1, 1, 1, 1], strides=[2, 2]))
    x = op.Mul(op.LpNormalization(x, axis=1, p=2), net.positive(1, 8, 1, 1) * 10)
    scores, places = [], []
    for feature in (x, small):
        for found, channels, into in ((scores, 3, 6), (places, 4, 8)):
            head = op.Transpose(net.conv(feature, into, pads=[1, 1, 1, 1]), perm=[0, 2, 3, 1])
            found.append(op.Reshape(head, [0, -1, channels]))
    confidence = op.Softmax(op.Concat(*scores, axis=1), axis=2)
    where, size = op.outputs(2).Split(op.Concat(*places, axis=1), num_outputs=2, axis=2)
    count = int(where.shape[1])
    priors = net.rng.uniform(0.1, 0.9, (1, count, 2)).astype(np.float32)
    sizes = net.rng.uniform(0.1, 0.4, (1, count, 2)).astype(np.float32)
    centers = op.Add(op.Mul(op.Mul(where, 0.1), sizes), priors)
    half = op.Div(op.Mul(op.Exp(op.Mul(size, 0.2)), sizes), 2.0)
    boxes = op.Concat(op.Sub(centers, half), op.Add(centers, half), axis=2)
    net.give(scores=confidence, boxes=boxes)


def recurrent(net: Net) -> None:
    op = net.op
    ids = net.input("ids", "batch", 7, dtype=I64)
    x = op.Transpose(op.Gather(net.weights(20, 6), ids), perm=[1, 0, 2])
    w, r, b = net.weights(2, 20, 6), net.weights(2, 20, 5), net.weights(2, 40)
    y, _, cell = op.outputs(3).LSTM(x, w, r, b, hidden_size=5, direction="bidirectional")
    x = op.Reshape(op.Transpose(y, perm=[0, 2, 1, 3]), [7, -1, 10])
    w, r, b = net.weights(1, 12, 10), net.weights(1, 12, 4), net.weights(1, 24)
    y, last = op.outputs(2).GRU(x, w, r, b, hidden_size=4, linear_before_reset=1)
    y = op.Squeeze(y, [1])
    w, r = net.weights(1, 3, 4), net.weights(1, 3, 3)
    _, state = op.outputs(2).RNN(y, w, r, None, hidden_size=3, activations=["Tanh"])
    last = op.Concat(op.Squeeze(last, [0]), op.Squeeze(state, [0]), axis=1)
    net.give(words=op.LogSoftmax(net.linear(last, 6), axis=1), cell=op.Tanh(cell))


def transformer(net: Net) -> None:
    op = net.op
    ids = net.input("ids", "batch", 6, dtype=I64)
    mask = net.input("mask", "batch", 6, dtype=I64)
    x = op.Add(op.Gather(net.weights(30, 8) * 3, ids), net.weights(1, 6, 8))
    far = op.Mul(op.Sub(1.0, op.Cast(op.Clip(mask, np.int64(0), np.int64(1)), to=int(F))), -1e4)
    far = op.Unsqueeze(far, [1, 2])

    def heads(value: ir.Value) -> ir.Value:
        value = op.Add(op.MatMul(value, net.weights(8, 8)), net.weights(8))
        return op.Transpose(op.Reshape(value, [0, 0, 2, 4]), perm=[0, 2, 1, 3])

    q, k, v = heads(x), heads(x), heads(x)
    scores = op.Add(op.Div(op.MatMul(q, op.Transpose(k, perm=[0, 1, 3, 2])), 2.0), far)
    mixed = op.Transpose(op.MatMul(op.Softmax(scores, axis=-1), v), perm=[0, 2, 1, 3])
    x = op.Add(x, op.MatMul(op.Reshape(mixed, [0, 0, 8]), net.weights(8, 8)))
    x = op.LayerNormalization(x, net.positive(8), net.weights(8), axis=-1, epsilon=1e-5)
    x = op.Add(x, op.MatMul(op.Gelu(op.MatMul(x, net.weights(8, 16))), net.weights(16, 8)))
    mean = op.ReduceMean(x, [-1], keepdims=1)
    centered = op.Sub(x, mean)
    variance = op.ReduceMean(op.Mul(centered, centered), [-1], keepdims=1)
    x = op.Div(centered, op.Sqrt(op.Add(variance, 1e-3)))
    first = op.Squeeze(op.Slice(x, [0], [1], [1]), [1])
    net.give(label=op.ArgMax(net.linear(first, 4), axis=1, keepdims=0), tokens=x)


def quantised(net: Net) -> None:
    op = net.op
    x = net.input("data", "batch", 3, 8, 8)
    zero, scale = np.uint8(120), np.float32(0.02)
    x = op.DequantizeLinear(op.QuantizeLinear(x, scale, zero), scale, zero)
    w = net.rng.integers(-90, 90, (6, 3, 3, 3)).astype(np.int8)
    scales = (net.positive(6) / 100).astype(np.float32)
    w = op.DequantizeLinear(w, scales, np.zeros(6, np.int8), axis=0)
    x = op.Relu(op.Conv(x, w, net.weights(6), pads=[1, 1, 1, 1]))
    x = op.DequantizeLinear(
        op.QuantizeLinear(x, np.float32(0.03), np.uint8(0)), np.float32(0.03), np.uint8(0)
    )
    x = op.MaxPool(x, kernel_shape=[2, 2], strides=[2, 2])
    net.give(logits=net.linear(op.Flatten(x), 5))


def control(net: Net) -> None:
    op = net.op
    x = net.input("data", "batch", 6)
    x = op.Tanh(net.linear(x, 6))
    total = op.ReduceMean(x, keepdims=0)
    chosen = op.If(
        op.Greater(total, 0.02),
        then_branch=net.branch("more", lambda o: o.Mul(x, 1.5)),
        else_branch=net.branch("less", lambda o: o.Sub(0.25, x)),
    )
    chosen.shape, chosen.dtype = x.shape, x.dtype
    x = op.Where(op.Less(chosen, 0.3), op.Abs(chosen), op.Sqrt(op.Abs(chosen)))
    both = op.And(op.Greater(x, 0.1), op.Not(op.Greater(x, 0.5)))
    net.give(result=net.linear(x, 3), gate=op.Cast(both, to=int(F)))


def pictures(net: Net) -> None:
    op = net.op
    x = net.input("picture", "batch", 10, 8, 3, dtype=U8)
    whole = op.Cast(x, to=int(ir.DataType.INT32))
    coarse = op.Div(whole, np.int32(16))
    rest = op.Mod(whole, np.int32(16))
    bright = op.ReduceMax(whole, [1, 2, 3], keepdims=0)
    x = op.Sub(op.Cast(x, to=int(F)), np.float32([104, 117, 123]))
    x = op.Transpose(op.Div(x, np.float32([58, 57, 57])), perm=[0, 3, 1, 2])
    x = op.Relu(net.conv(op.Gather(x, np.int64([2, 1, 0]), axis=1), 6, strides=[2, 2]))
    fine = op.Cast(op.Add(op.Mul(coarse, np.int32(3)), rest), to=int(F))
    fine = op.ReduceSum(op.Floor(op.Div(fine, 7.0)), [1, 2], keepdims=0)
    x = op.Concat(op.Flatten(op.GlobalMaxPool(x)), op.Mul(fine, 0.01), axis=1)
    net.give(score=net.linear(x, 4), bright=bright)


def spectrogram(net: Net) -> None:
    op = net.op
    x = net.input("sound", "batch", 1, 64)
    frames = op.Pad(x, [0, 0, 8, 0, 0, 8], mode="reflect")
    window = np.hanning(16).astype(np.float32)
    angle = 2 * np.pi * np.outer(np.arange(9), np.arange(16)) / 16
    basis = np.concatenate([np.cos(angle), -np.sin(angle)]) * window
    parts = op.Conv(frames, basis[:, None].astype(np.float32), strides=[4])
    real, imaginary = op.outputs(2).Split(parts, num_outputs=2, axis=1)
    power = op.Add(op.Mul(real, real), op.Mul(imaginary, imaginary))
    mel = op.MatMul(np.abs(net.weights(5, 9)), power)
    logs = op.Log(op.Max(mel, 1e-3))
    x = op.Relu(op.Conv(logs, net.weights(4, 5, 3), net.weights(4), pads=[1, 1]))
    x = op.Softplus(op.ReduceMean(x, [2], keepdims=0))
    net.give(speech=op.Sigmoid(net.linear(x, 2)), level=op.ReduceMax(logs, [1, 2], keepdims=0))


NETWORKS: dict[str, Callable[[Net], None]] = {
    made.__name__: made
    for made in (
        *(cnn, decoder, ssd, recurrent, transformer),
        *(quantised, control, pictures, spectrogram),
    )
}


def model(name: str) -> ir.Model:
    """A network by its name."""
    net = Net(name)
    NETWORKS[name](net)
    return net.builder.model()
