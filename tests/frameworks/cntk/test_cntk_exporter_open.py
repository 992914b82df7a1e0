"""Pictures of any size: what is written is the same for all of them, odd and even."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from helpers.cntk.batch import Batch
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk import exporter
from mmdnn.frameworks.onnx import engine
from mmdnn.ir.builder import Builder

SIZES = [(9, 8), (8, 9), (12, 10)]
Build = Callable[[Any, ir.Value], ir.Value]


def weight(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).normal(size=shape).astype(np.float32)


def conv(kernel: tuple[int, int], pads: list[int], stride: int) -> Build:
    return lambda op, x: op.Conv(x, weight(4, 3, *kernel), pads=pads, strides=[stride] * 2)


def pool(kind: str, kernel: int, stride: int, pad: int = 0, **more: int) -> Build:
    said = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4, **more}
    return lambda op, x: op[kind](x, **said)


TWICE = np.float32([1, 1, 2, 2])
ASYMMETRIC = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}

CASES: dict[str, Build] = {
    "conv_same": conv((3, 3), [1, 1, 1, 1], 1),
    "conv_half": conv((3, 3), [1, 1, 1, 1], 2),
    "conv_uneven": conv((4, 2), [1, 0, 1, 1], 2),
    "conv_third": conv((3, 3), [1, 1, 1, 1], 3),
    "deconv": lambda op, x: op.ConvTranspose(x, weight(3, 4, 2, 2), strides=[2, 2]),
    "deconv_cut": lambda op, x: op.ConvTranspose(x, weight(3, 4, 3, 3), pads=[1, 1, 1, 1]),
    "max_ceil": pool("MaxPool", 3, 2, ceil_mode=1),
    "max_padded": pool("MaxPool", 3, 3, 1),
    "average_ceil": pool("AveragePool", 2, 2, ceil_mode=1, count_include_pad=1),
    "average_padded": pool("AveragePool", 3, 3, 1),
    "average_counted": pool("AveragePool", 3, 3, 1, count_include_pad=1),
    "global_average": lambda op, x: op.Flatten(op.GlobalAveragePool(x)),
    "global_max": lambda op, x: op.GlobalMaxPool(x),
    "norm": lambda op, x: op.BatchNormalization(x, *[np.abs(weight(3))] * 4),
    "channels": lambda op, x: op.Softmax(op.Concat(x, op.Relu(x), axis=1), axis=1),
    "mean": lambda op, x: op.ReduceMean(x, [2, 3], keepdims=0),
    "turned": lambda op, x: op.Transpose(x, perm=[0, 3, 1, 2]),
    "padded": lambda op, x: op.Pad(x, np.int64([0, 0, 1, 1, 0, 0, 2, 2])),
    "twice_asymmetric": lambda op, x: op.Resize(x, None, TWICE, mode="nearest", **ASYMMETRIC),
    "twice_half_pixel": lambda op, x: op.Resize(x, None, TWICE, mode="nearest"),
}
REFUSED: dict[str, Build] = {
    "linear": lambda op, x: op.Resize(x, None, TWICE, mode="linear"),
    "max_ceil_padded": pool("MaxPool", 3, 2, 1, ceil_mode=1),
    "flat": lambda op, x: op.Gather(x, np.int64([-1, 0]), axis=2),
    "cut": lambda op, x: op.Slice(x, [1], [-1], [2]),
    "squeezed": lambda op, x: op.Squeeze(x),
    "joined": lambda op, x: op.Concat(x, weight(2, 3, 5, 5), axis=1),
    "deconv_uneven": lambda op, x: op.ConvTranspose(x, weight(3, 4, 3, 3), pads=[1, 0, 0, 1]),
}


def model(build: Build) -> ir.Model:
    builder = Builder("mmdnn.test")
    x = builder.input("data", ("batch", 3, "height", "width"))
    y = build(builder.op, x)
    builder.rename(y, "result")
    builder.graph.outputs.append(y)
    return builder.model()


def test_any_size(tmp_path: Path) -> None:
    batch, wanted = Batch(tmp_path), {}
    for name, build in CASES.items():
        made = model(build)
        native = exporter.from_ir(made)
        for height, width in SIZES:
            fed = {"data": weight(2, 3, height, width)}
            key = f"{name}_{height}_{width}"
            wanted[key] = engine.run(made, fed)["result"]
            batch.add(key, native, fed)
    for name, found in batch.run().items():
        assert not isinstance(found, str), (name, found)
        np.testing.assert_allclose(found["result"], wanted[name], 1e-4, 1e-5, err_msg=name)


@pytest.mark.parametrize("name", REFUSED)
def test_what_depends_on_the_size(name: str) -> None:
    with pytest.raises(UnsupportedError, match="open"):
        exporter.from_ir(model(REFUSED[name]))
