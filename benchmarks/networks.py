"""Networks to measure with: their prototxt, and a caffemodel with random weights of the right shapes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

Shapes = dict[str, list[tuple[int, ...]]]


class Network:
    """A Caffe network in the making: text, and the shapes of its weights."""

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        dims = " ".join(f"dim: {size}" for size in shape)
        self.lines = [
            f'name: "{name}"',
            f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {dims} }} }} }}',
        ]
        self.shapes: Shapes = {}
        self.top = "data"

    def layer(
        self, name: str, type_: str, parameters: str = "", bottom: str = "", top: str = ""
    ) -> str:
        bottoms = " ".join(f'bottom: "{b}"' for b in (bottom or self.top).split(","))
        top = top or name
        self.lines.append(
            f'layer {{ name: "{name}" type: "{type_}" {bottoms} top: "{top}" {parameters} }}'
        )
        self.top = top
        return top

    def convolution(
        self, name: str, inputs: int, outputs: int, kernel: int, *, stride: int = 1, pad: int = 0,
        group: int = 1, bias: bool = True, bottom: str = "",
    ) -> str:  # fmt: skip
        fields = f"num_output: {outputs} kernel_size: {kernel} stride: {stride} pad: {pad} group: {group}"
        self.shapes[name] = [(outputs, inputs // group, kernel, kernel)] + [(outputs,)] * bias
        fields += "" if bias else " bias_term: false"
        return self.layer(name, "Convolution", f"convolution_param {{ {fields} }}", bottom)

    def dense(self, name: str, inputs: int, outputs: int) -> str:
        self.shapes[name] = [(outputs, inputs), (outputs,)]
        return self.layer(name, "InnerProduct", f"inner_product_param {{ num_output: {outputs} }}")

    def pool(self, name: str, kind: str, kernel: int, stride: int, pad: int = 0) -> str:
        fields = f"pool: {kind} kernel_size: {kernel} stride: {stride} pad: {pad}"
        return self.layer(name, "Pooling", f"pooling_param {{ {fields} }}")

    def in_place(self, name: str, type_: str, parameters: str = "") -> str:
        return self.layer(name, type_, parameters, self.top, self.top)

    def normalise(self, stem: str, channels: int) -> None:
        self.shapes[f"bn{stem}"] = [(channels,), (channels,), (1,)]
        self.shapes[f"scale{stem}"] = [(channels,), (channels,)]
        self.in_place(f"bn{stem}", "BatchNorm", "batch_norm_param { use_global_stats: true }")
        self.in_place(f"scale{stem}", "Scale", "scale_param { bias_term: true }")

    @property
    def prototxt(self) -> str:
        return "\n".join(self.lines) + "\n"


def alexnet(width: int = 4096) -> Network:
    """AlexNet; with its own width, 244 MB of weights; wider dense layers make larger files."""
    net = Network("AlexNet", (1, 3, 227, 227))
    net.convolution("conv1", 3, 96, 11, stride=4)
    net.in_place("relu1", "ReLU")
    net.layer("norm1", "LRN", "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")
    net.pool("pool1", "MAX", 3, 2)
    net.convolution("conv2", 96, 256, 5, pad=2, group=2)
    net.in_place("relu2", "ReLU")
    net.layer("norm2", "LRN", "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")
    net.pool("pool2", "MAX", 3, 2)
    for name, inputs, outputs, group in (
        ("3", 256, 384, 1),
        ("4", 384, 384, 2),
        ("5", 384, 256, 2),
    ):
        net.convolution(f"conv{name}", inputs, outputs, 3, pad=1, group=group)
        net.in_place(f"relu{name}", "ReLU")
    net.pool("pool5", "MAX", 3, 2)
    for name, inputs, outputs in (("6", 9216, width), ("7", width, width)):
        net.dense(f"fc{name}", inputs, outputs)
        net.in_place(f"relu{name}", "ReLU")
        net.in_place(f"drop{name}", "Dropout", "dropout_param { dropout_ratio: 0.5 }")
    net.dense("fc8", width, 1000)
    net.layer("prob", "Softmax")
    return net


def resnet50() -> Network:
    """ResNet-50 with the layer names of its authors' Caffe files."""
    net = Network("ResNet-50", (1, 3, 224, 224))
    net.convolution("conv1", 3, 64, 7, stride=2, pad=3)
    net.normalise("_conv1", 64)
    net.in_place("conv1_relu", "ReLU")
    net.pool("pool1", "MAX", 3, 2)
    channels = 64
    for stage, (width, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), start=2):
        for index in range(count):
            stride = 2 if index == 0 and stage > 2 else 1
            channels = _bottleneck(
                net, f"{stage}{'abcdef'[index]}", channels, width, stride, index == 0
            )
    net.pool("pool5", "AVE", 7, 1)
    net.dense("fc1000", 2048, 1000)
    net.layer("prob", "Softmax")
    return net


def _bottleneck(
    net: Network, stem: str, inputs: int, width: int, stride: int, project: bool
) -> int:
    entry, outputs = net.top, 4 * width
    shortcut = entry
    if project:
        shortcut = net.convolution(
            f"res{stem}_branch1", inputs, outputs, 1, stride=stride, bias=False
        )
        net.normalise(f"{stem}_branch1", outputs)
    net.convolution(
        f"res{stem}_branch2a", inputs, width, 1, stride=stride, bias=False, bottom=entry
    )
    net.normalise(f"{stem}_branch2a", width)
    net.in_place(f"res{stem}_branch2a_relu", "ReLU")
    net.convolution(f"res{stem}_branch2b", width, width, 3, pad=1, bias=False)
    net.normalise(f"{stem}_branch2b", width)
    net.in_place(f"res{stem}_branch2b_relu", "ReLU")
    net.convolution(f"res{stem}_branch2c", width, outputs, 1, bias=False)
    net.normalise(f"{stem}_branch2c", outputs)
    net.layer(f"res{stem}", "Eltwise", bottom=f"{shortcut},{net.top}")
    net.in_place(f"res{stem}_relu", "ReLU")
    return outputs


def write(net: Network, folder: Path) -> tuple[Path, Path]:
    """Write prototxt and caffemodel; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    prototxt, caffemodel = folder / "net.prototxt", folder / "net.caffemodel"
    prototxt.write_text(net.prototxt)
    random = np.random.default_rng(0)
    with caffemodel.open("wb") as file:
        for name, shapes in net.shapes.items():
            blobs = list(_blobs(shapes, random, variance=name.startswith("bn")))
            file.write(_field(100, _field(1, name.encode()), *blobs))
    return prototxt, caffemodel


def _blobs(
    shapes: list[tuple[int, ...]], random: np.random.Generator, *, variance: bool
) -> Iterator[bytes]:
    for index, shape in enumerate(shapes):
        scale = math.sqrt(2 / max(math.prod(shape[1:]), 1)) if len(shape) > 1 else 0.1
        data = random.standard_normal(shape, np.float32) * np.float32(scale)
        if variance:
            data = np.ones(shape, np.float32) if index == 2 else np.abs(data) + np.float32(index)
        elif len(shape) == 1 and index == 0:
            data += 0.5
        dims = b"".join(map(_varint, shape))
        yield _field(7, _field(7, _field(1, dims)), _field(5, data.tobytes()))


def _field(number: int, *parts: bytes) -> bytes:
    """A length-delimited protobuf field."""
    body = b"".join(parts)
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
