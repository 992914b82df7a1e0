"""Poolings that round down: cut in Caffe, which rounds up; one node when they are read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.frameworks.caffe import engine as opencv
from mmdnn.frameworks.caffe import exporter, importer, reader, writer
from mmdnn.frameworks.caffe.graph import Network
from mmdnn.frameworks.onnx import engine
from mmdnn.ir.builder import Builder
from mmdnn.registry import Source

FRAME = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}


def model(type_: str = "Pooling", op: str = "MaxPool", size: tuple[int, int] = (8, 6)) -> ir.Model:
    builder = Builder("mmdnn.test", "network")
    x = builder.input("data", ("batch", 3, *size))
    with builder.layer("pool", type_):
        y = builder.op[op](x, **FRAME)
        builder.rename(y, "pooled")
    with builder.layer("relu", "ReLU"):
        builder.graph.outputs.append(builder.op.Relu(y))
    return builder.model()


def written(made: ir.Model, folder: Path) -> tuple[Source, Network]:
    writer.write(exporter.from_ir(made), folder / "net.prototxt")
    source = Source(folder / "net.prototxt", folder / "net.caffemodel")
    return source, reader.read(source)


def pools(made: ir.Model) -> list[ir.Node]:
    return [node for node in made.graph if node.op_type in {"MaxPool", "AveragePool", "Split"}]


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("size", [(8, 6), (8, 7), (7, 9)])
def test_there_and_back(op: str, size: tuple[int, int], tmp_path: Path) -> None:
    before = model(op=op, size=size)
    source, network = written(before, tmp_path)
    assert not any(layer.param("pooling_param").round_mode for layer in network.layers)
    after = importer.to_ir(network)
    assert [node.op_type for node in pools(after)] == [op]
    assert pools(after)[0].attributes.get_int("ceil_mode", 0) == 0
    x = np.random.default_rng(0).standard_normal((2, 3, *size)).astype(np.float32)
    wanted = engine.run(before, {"data": x})["pooled"]
    np.testing.assert_allclose(engine.run(after, {"data": x})["pooled"], wanted, rtol=1e-6)
    pytest.importorskip("cv2")
    ran = opencv.run(source, {"data": x[:1]})
    relu = str(after.graph.outputs[0].name)
    np.testing.assert_allclose(ran[relu], np.maximum(wanted[:1], 0), rtol=1e-6)


def test_a_result_that_was_joined_is_written_as_it_was(tmp_path: Path) -> None:
    _, before = written(model(), tmp_path)
    after = exporter.from_ir(importer.to_ir(before))
    for ours, theirs in zip(after.layers, before.layers, strict=True):
        assert (ours.name, ours.type, ours.tops) == (theirs.name, theirs.type, theirs.tops)


def test_what_is_read_elsewhere_stays(tmp_path: Path) -> None:
    text = """
        layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 dim: 8 dim: 8 } } }
        layer { name: "p" type: "Pooling" bottom: "data" top: "p"
                pooling_param { kernel_size: 3 stride: 2 pad: 1 } }
        layer { name: "s" type: "Slice" bottom: "p" top: "a" top: "b" slice_param { slice_point: 4 axis: 2 } }
        layer { name: "t" type: "Slice" bottom: "a" top: "c" top: "d" slice_param { slice_point: 4 axis: 3 } }
        layer { name: "quiet" type: "Silence" bottom: "d" }
    """
    (tmp_path / "net.prototxt").write_text(text)
    made = importer.to_ir(reader.read(Source(tmp_path / "net.prototxt")))
    assert [node.op_type for node in pools(made)] == ["MaxPool", "Split", "Split"]
    assert {str(value.name) for value in made.graph.outputs} == {"b", "c"}


def test_rounding_down_stays_where_caffe_said_it(tmp_path: Path) -> None:
    text = """
        layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 dim: 8 dim: 8 } } }
        layer { name: "p" type: "Pooling" bottom: "data" top: "p"
                pooling_param { kernel_size: 3 stride: 2 pad: 1 round_mode: FLOOR } }
    """
    (tmp_path / "net.prototxt").write_text(text)
    again = exporter.from_ir(importer.to_ir(reader.read(Source(tmp_path / "net.prototxt"))))
    assert [layer.type for layer in again.layers] == ["Input", "Pooling"]
    assert again.layers[1].param("pooling_param").round_mode == 1
