"""Sizes that parameters tell: of pictures, by the dense layer behind the convolutions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.errors import ShapeError
from mmdnn.frameworks.mxnet import exporter, importer, reader, writer
from mmdnn.ir.builder import Builder, shape
from mmdnn.registry import Source

Layer = tuple[str, int | tuple[int, int], int, int | tuple[int, int]]
USUAL = [("conv", 3, 1, 1), ("max", 2, 2, 0)]
VALID = [("max", 3, 2, 0)]
LAST = ("max", 8, 8, 0)


def files(folder: Path, side: int, layers: list[Layer]) -> Source:
    """A network of windows (kind, kernel, stride, padding) and a dense layer, whose input has no shape."""
    builder = Builder("mmdnn.test", "network")
    x = builder.input("data", ("batch", 3, side, side))
    for kind, kernel, stride, pad in layers:
        high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
        pads = [pad, pad] if isinstance(pad, int) else list(pad)
        frame = {"strides": [stride, stride], "pads": pads * 2, "kernel_shape": [high, wide]}
        if kind == "conv":
            weight = builder.weight("w", _tensor(4, shape(x)[1], high, wide))
            x = builder.op.Conv(x, weight, **frame)
        else:
            x = builder.op.MaxPool(x, **frame, ceil_mode=int(kind == "full"))
    x = builder.op.Flatten(x)
    dense = builder.weight("d", _tensor(5, shape(x)[1]))
    builder.graph.outputs.append(builder.op.Gemm(x, dense, transB=1))
    symbol, params = writer.write(exporter.from_ir(builder.model()), folder / "net")
    found = json.loads(symbol.read_text())
    for node in found["nodes"]:
        node.get("attrs", {}).pop("__shape__", None)
    symbol.write_text(json.dumps(found))
    return Source(symbol, params)


def _tensor(*size: int | None) -> ir.TensorProtocol:
    return ir.tensor(np.ones([each or 1 for each in size], np.float32))


@pytest.mark.parametrize(
    ("side", "layers"),
    [
        (224, [("conv", 11, 4, 2), ("max", 3, 2, 0), ("max", 3, 2, 0)]),  # fits 223 to 226 too
        (227, [("conv", 11, 4, 0), ("max", 3, 2, 0), ("max", 3, 2, 0)]),
        (224, [("conv", 7, 2, 3), ("max", 3, 2, 1), ("max", 2, 2, 0), ("max", 7, 7, 0)]),
        (224, [("conv", 7, 2, 3), ("full", 3, 2, 0), ("full", 3, 2, 0), ("max", 7, 1, 0)]),
        (299, [("conv", 3, 2, 0), ("conv", 3, 1, 0), *VALID, ("conv", 3, 1, 0), *VALID * 3, LAST]),
        (28, [("conv", 5, 1, 0), ("max", 2, 2, 0), ("conv", 5, 1, 0), ("max", 2, 2, 0)]),
        (32, USUAL * 3),
        (35, [("conv", (1, 7), 1, (0, 3)), ("conv", (7, 1), 1, (3, 0)), ("max", 3, 2, 0)]),
    ],
)
def test_the_usual_size(side: int, layers: list[Layer], tmp_path: Path) -> None:
    model = reader.read(files(tmp_path, side, layers))
    assert model.inputs == {"data": (None, 3, side, side)}


def test_pooling_everything_leaves_it_open(tmp_path: Path) -> None:
    source = files(tmp_path, 32, USUAL)
    symbol = json.loads(source.network.read_text())
    pool = next(node for node in symbol["nodes"] if node["op"] == "Pooling")
    pool["attrs"]["global_pool"] = "True"
    source.network.write_text(json.dumps(symbol))
    assert reader.read(source).inputs == {"data": (None, 3, None, None)}


def test_without_parameters_it_says_what_is_missing(tmp_path: Path) -> None:
    source = files(tmp_path, 32, USUAL * 3)
    with pytest.raises(ShapeError) as caught:
        importer.to_ir(reader.read(Source(source.network)))
    assert "from its parameters only" in str(caught.value)
    assert ".params" in str(caught.value)
    assert len(str(caught.value)) < 300
