"""NetSpec source: how it reads, and that running it gives the network it was printed from."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import SHARED, sampled
from helpers.caffe import fake_caffe
from helpers.caffe.one_layer import blobs, normal
from helpers.caffe.one_layer import model as model_of
from mmdnn.frameworks.caffe import codegen, importer, reader, writer
from mmdnn.frameworks.caffe.exporter import from_ir
from mmdnn.frameworks.caffe.graph import Layer, Network
from mmdnn.registry import Source

FOLDER = SHARED / "corpus" / "caffe"
CASES = sampled(sorted(path.parent.name for path in FOLDER.glob("*/golden.npz")))

LAYERS = f"""
layer {{ name: "conv1/3x3" type: "Convolution" bottom: "data" top: "conv1/3x3"
  convolution_param {{ num_output: 2 kernel_h: 3 kernel_w: 1 pad_h: 1 pad_w: 0 bias_term: false }}
  {blobs(normal(2, 3, 3, 1))} }}
layer {{ name: "relu1" type: "ReLU" bottom: "conv1/3x3" top: "conv1/3x3"
  relu_param {{ negative_slope: 0.1 }} }}
layer {{ name: "up" type: "Deconvolution" bottom: "conv1/3x3" top: "upscore"
  convolution_param {{ num_output: 2 kernel_size: 2 stride: 2 bias_term: false }}
  {blobs(normal(2, 2, 2, 2))} }}
layer {{ name: "pool" type: "Pooling" bottom: "upscore" top: "pool"
  pooling_param {{ pool: AVE kernel_size: 3 stride: 2 }} }}
layer {{ name: "parts" type: "Slice" bottom: "pool" top: "a" top: "b" }}
layer {{ name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "sum"
  eltwise_param {{ coeff: 1 coeff: -0.5 }} }}
"""

SOURCE = '''"""test, as a Caffe network.

Run this file to write net.prototxt.
"""

import caffe
from caffe import layers as L
from caffe import params as P


def make_net(prototxt="net.prototxt"):
    """Write the network's structure."""
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 3, 6, 5]))
    n["conv1/3x3"] = L.Convolution(
        n.data, num_output=2, bias_term=False, pad_h=1, pad_w=0, kernel_h=3, kernel_w=1
    )
    n.relu1 = L.ReLU(n["conv1/3x3"], negative_slope=0.1, in_place=True)
    n.upscore = L.Deconvolution(
        n.relu1,
        name="up",
        convolution_param=dict(num_output=2, bias_term=False, kernel_size=2, stride=2),
    )
    n.pool = L.Pooling(n.upscore, pool=P.Pooling.AVE, kernel_size=3, stride=2)
    n.a, n.b = L.Slice(n.pool, ntop=2, name="parts")
    n.sum = L.Eltwise(n.a, n.b, coeff=[1.0, -0.5])
    proto = n.to_proto()
    proto.name = "test"
    with open(prototxt, "w") as file:
        file.write(str(proto))


if __name__ == "__main__":
    make_net()
'''


def test_source_reads_well() -> None:
    network = from_ir(model_of(LAYERS, {"data": (1, 3, 6, 5)}))
    assert codegen.source(network) == SOURCE


def executed(network: Network, folder: Path) -> str:
    """The prototxt that the source writes."""
    namespace: dict[str, object] = {"__name__": "generated"}
    with fake_caffe.installed():
        exec(compile(codegen.source(network), "net.py", "exec"), namespace)
        namespace["make_net"](str(folder / "net.prototxt"))  # type: ignore[operator]
    return (folder / "net.prototxt").read_text()


@pytest.mark.parametrize("case", CASES)
def test_source_gives_the_network(shared: Path, tmp_path: Path, case: str) -> None:
    from helpers.caffe import corpus

    folder = shared / "corpus" / "caffe" / case
    network = from_ir(importer.to_ir(reader.read(corpus.source(folder))))
    executed(network, tmp_path)
    writer.write(network, tmp_path / "written.prototxt")
    made, written = (
        reader.read(Source(tmp_path / f"{name}.prototxt")) for name in ("net", "written")
    )
    assert list(map(described, made.layers)) == list(map(described, written.layers))


def described(layer: Layer) -> str:
    return str(layer.message)


def test_source_and_weights(tmp_path: Path) -> None:
    network = from_ir(model_of(LAYERS, {"data": (1, 3, 6, 5)}))
    code, weights = writer.write(network, tmp_path / "net.py")
    assert code.read_text() == SOURCE
    assert weights == tmp_path / "net.caffemodel"
    assert weights.stat().st_size > 4 * (18 + 16)


def test_difficult_names() -> None:
    text = "".join(
        f'layer {{ name: "{name}" type: "ReLU" bottom: "{before}" top: "{name}" }}'
        for before, name in (("data", "class"), ("class", "tops"), ("tops", "é'x"))
    )
    source = codegen.source(from_ir(model_of(text, {"data": (1, 2)})))
    assert 'n["class"] = L.ReLU(n.data)' in source
    assert 'n["tops"] = L.ReLU(n["class"])' in source
    assert """n["é'x"] = L.ReLU(n["tops"])""" in source
