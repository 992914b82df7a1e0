"""Prototxt and caffemodel: names, sharing, sizes, and weights that are streamed."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from helpers.caffe.one_layer import blobs, normal
from helpers.caffe.one_layer import model as model_of
from mmdnn.errors import UsageError
from mmdnn.frameworks.caffe import graph, importer, reader, writer
from mmdnn.frameworks.caffe.exporter import from_ir
from mmdnn.frameworks.caffe.graph import Layer, Network
from mmdnn.registry import Source
from mmdnn.tensors import references
from mmdnn.tensors.references import external


def product(name: str, tensor: ir.TensorProtocol) -> Layer:
    message = graph.message("LayerParameter")
    message.name, message.type = name, "InnerProduct"
    message.bottom.append("data")
    message.top.append(name)
    message.inner_product_param.num_output = int(tensor.shape.numpy()[0])
    message.inner_product_param.bias_term = False
    return Layer(name, "InnerProduct", ["data"], [name], message, [tensor])


def input_layer(*shape: int) -> Layer:
    message = graph.message("LayerParameter")
    message.name, message.type = "data", "Input"
    message.top.append("data")
    message.input_param.shape.add().dim.extend(shape)
    return Layer("data", "Input", [], ["data"], message)


def network(*layers: Layer) -> Network:
    return Network('a "net"', list(layers), {"data": (1, 4)}, Source())


@pytest.mark.parametrize("suffix", [".prototxt", ".caffemodel", ""])
def test_both_files_by_any_name(tmp_path: Path, suffix: str) -> None:
    weight = ir.tensor(normal(3, 4))
    paths = writer.write(
        network(input_layer(1, 4), product("ip", weight)), tmp_path / f"net{suffix}"
    )
    assert paths == [tmp_path / "net.prototxt", tmp_path / "net.caffemodel"]
    back = reader.read(Source(*paths))
    assert back.name == 'a "net"'
    assert [layer.name for layer in back.layers] == ["data", "ip"]
    (blob,) = back.layers[1].blobs
    assert isinstance(blob, ir.ExternalTensor)
    assert (references.read(blob) == weight.numpy()).all()


def test_prototxt_as_people_write_it(tmp_path: Path) -> None:
    layers = [input_layer(1, 4), product("ip", ir.tensor(normal(3, 4)))]
    structure, _ = writer.write(network(*layers), tmp_path / "net.prototxt")
    assert structure.read_text() == (
        'name: "a \\"net\\""\n'
        'layer {\n  name: "data"\n  type: "Input"\n  top: "data"\n'
        "  input_param { shape { dim: 1 dim: 4 } }\n}\n"
        'layer {\n  name: "ip"\n  type: "InnerProduct"\n  bottom: "data"\n  top: "ip"\n'
        "  inner_product_param {\n    num_output: 3\n    bias_term: false\n  }\n}\n"
    )


def test_the_binary_is_protobufs_own(tmp_path: Path) -> None:
    weight = normal(3, 4)
    _, path = writer.write(
        network(input_layer(1, 4), product("ip", ir.tensor(weight))), tmp_path / "net.prototxt"
    )
    net = graph.message("NetParameter")
    net.ParseFromString(path.read_bytes())
    (blob,) = net.layer[1].blobs
    assert list(blob.shape.dim) == [3, 4]
    assert list(blob.data) == list(weight.reshape(-1))
    assert len(net.SerializeToString()) == path.stat().st_size


def test_fork_parameters_are_written(tmp_path: Path) -> None:
    layer = product("ip", ir.tensor(normal(3, 4)))
    layer.unknown = {"my_param": {"a": 1, "b": [0.5, 2.0], "c": True, "d": {"e": "NAME"}}}
    structure, _ = writer.write(network(input_layer(1, 4), layer), tmp_path / "net.prototxt")
    assert "my_param {\n    a: 1\n    b: 0.5\n    b: 2.0\n    c: true\n" in structure.read_text()


def test_shared_weights_stay_shared(tmp_path: Path) -> None:
    layers = "".join(
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" '
        f'param {{ name: "w" }} inner_product_param {{ num_output: 3 bias_term: false }} '
        f"{blobs(normal(3, 4)) if name == 'p' else ''} }}"
        for name, bottom in (("p", "x"), ("q", "y"))
    )
    made = from_ir(model_of(layers, {"x": (1, 4), "y": (1, 4)}))
    back = reader.read(Source(*writer.write(made, tmp_path / "net.prototxt")))
    p, q = back.layers[-2:]
    assert p.blobs[0] is q.blobs[0]
    assert len(importer.to_ir(back).graph.initializers) == 1


def test_more_than_caffe_reads_is_refused(tmp_path: Path) -> None:
    big = ir.LazyTensor(
        lambda: ir.tensor(np.zeros(1, np.float32)), ir.DataType.FLOAT, ir.Shape([1 << 15, 1 << 15])
    )
    with pytest.raises(UsageError, match="2 GB"):
        writer.write(network(input_layer(1, 4), product("ip", big)), tmp_path / "net.prototxt")


def test_memory_does_not_grow_with_the_weights(tmp_path: Path) -> None:
    source = tmp_path / "weights.bin"
    shape = (4096, 4096)
    with source.open("wb") as file:
        file.truncate(4 * shape[0] * shape[1])
    tensor = external(source, 0, 4 * shape[0] * shape[1], ir.DataType.FLOAT, shape, "w")
    made = network(input_layer(1, 4096), product("ip", tensor))
    writer.write(made, tmp_path / "warm.prototxt")
    written: list[int] = []
    tracemalloc.start()
    writer.write(made, tmp_path / "net.prototxt", progress=written.append)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(written) == 4 * shape[0] * shape[1]
    assert peak < 8 << 20
