"""How people write `--inputShape`, and what it means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

import mmdnn
from mmdnn import Error, ShapeError, UsageError
from mmdnn.cli.arguments import shapes
from mmdnn.shapes import resolved

FILLED = 'weight_filler { type: "constant" value: 0.1 }'
NET = f"""
input: "data" input_dim: 1 input_dim: 3 input_dim: 40 input_dim: 48
layer {{ name: "c1" type: "Convolution" bottom: "data" top: "c1"
  convolution_param {{ num_output: 8 kernel_size: 3 stride: 2 pad: 1 {FILLED} }} }}
layer {{ name: "r1" type: "ReLU" bottom: "c1" top: "c1" }}
layer {{ name: "p1" type: "Pooling" bottom: "c1" top: "p1"
  pooling_param {{ pool: MAX kernel_size: 3 stride: 2 }} }}
layer {{ name: "p2" type: "Pooling" bottom: "p1" top: "p2"
  pooling_param {{ pool: AVE kernel_size: 3 stride: 1 pad: 1 }} }}
layer {{ name: "c2" type: "Convolution" bottom: "p1" top: "c2"
  convolution_param {{ num_output: 8 kernel_size: 3 pad: 1 {FILLED} }} }}
layer {{ name: "sum" type: "Eltwise" bottom: "c2" bottom: "p2" top: "sum" }}
layer {{ name: "cat" type: "Concat" bottom: "sum" bottom: "p1" top: "cat" }}
layer {{ name: "score" type: "Convolution" bottom: "cat" top: "score"
  convolution_param {{ num_output: 4 kernel_size: 1 {FILLED} }} }}
layer {{ name: "re" type: "Reshape" bottom: "score" top: "re"
  reshape_param {{ shape {{ dim: 0 dim: 2 dim: -1 dim: 0 }} }} }}
layer {{ name: "sm" type: "Softmax" bottom: "re" top: "sm" }}
layer {{ name: "up" type: "Deconvolution" bottom: "score" top: "up" convolution_param {{ num_output: 4
  kernel_size: 4 stride: 2 group: 4 bias_term: false weight_filler {{ type: "bilinear" }} }} }}
layer {{ name: "crop" type: "Crop" bottom: "up" bottom: "c1" top: "crop"
  crop_param {{ axis: 2 offset: 1 }} }}
layer {{ name: "lat" type: "Convolution" bottom: "c1" top: "lat"
  convolution_param {{ num_output: 4 kernel_size: 1 {FILLED} }} }}
layer {{ name: "fpn" type: "Eltwise" bottom: "crop" bottom: "lat" top: "fpn" }}
"""
DENSE = """
layer { name: "fc" type: "InnerProduct" bottom: "score" top: "fc"
  inner_product_param { num_output: 2 weight_filler { type: "constant" value: 0.1 } } }
"""


@pytest.mark.parametrize(
    ("items", "known", "expected"),
    [
        (["3,9,8"], (1, 3, 9, 8), (1, 3, 9, 8)),
        (["3", "9", "8"], (1, 3, 9, 8), (1, 3, 9, 8)),
        (["3,", "9,", "8"], (1, 3, 9, 8), (1, 3, 9, 8)),
        (["?,3,9,8"], (1, 3, 9, 8), (None, 3, 9, 8)),
        (["3,?,?"], (1, 3, 9, 8), (1, 3, None, None)),
        (["3,-1,-1"], (1, 3, 9, 8), (1, 3, None, None)),
        (["3,h,w"], (1, 3, 9, 8), (1, 3, "h", "w")),
        (["2,3,4"], None, (1, 2, 3, 4)),
        (["[2,3,4]"], None, (2, 3, 4)),
        (["x:[2,3,4]"], None, (2, 3, 4)),
        (["x:[2,3,4]"], (None, None, None), (2, 3, 4)),
    ],
)
def test_forms(
    items: list[str], known: tuple[int | None, ...] | None, expected: tuple[object, ...]
) -> None:
    assert resolved(shapes(items), {"x": known}) == {"x": expected}


def test_sizes_of_several_inputs_stay_apart() -> None:
    known = {"a": (1, 5), "b": (1, 7)}
    assert resolved(shapes(["5", "7"]), known) == {"a": (1, 5), "b": (1, 7)}


def test_brackets_are_whole() -> None:
    with pytest.raises(ShapeError, match="A shape in brackets is whole, with its batch: 4 sizes"):
        resolved(shapes(["[3,9,8]"]), {"x": (1, 3, 9, 8)})


@pytest.mark.parametrize(
    "item", ["3x9x8", "(3,9,8)", "3,0,8", "h", "[3,9", "3,9]", "3;9", "", "3,,9"]
)
def test_what_is_no_shape(item: str) -> None:
    with pytest.raises(UsageError, match="is not a shape"):
        shapes([item])


@pytest.mark.parametrize("sizes", [(3, "h", "w"), (3, None, None), (None, 3, None, None)])
def test_height_and_width_stay_open(sizes: tuple[int | str | None, ...], tmp_path: Path) -> None:
    """The same as with these sizes given, at any of them."""
    ort = pytest.importorskip("onnxruntime")
    (tmp_path / "net.prototxt").write_text(NET)
    rng = np.random.default_rng(0)

    def session(shape: tuple[int | str | None, ...], name: str):
        model = mmdnn.load(tmp_path / "net.prototxt", input_shapes={"": shape})
        mmdnn.save(model, tmp_path / name)
        return ort.InferenceSession(tmp_path / name, providers=["CPUExecutionProvider"])

    open_ = session(sizes, "open.onnx")
    for height, width in ((40, 48), (41, 47), (24, 31)):
        x = rng.standard_normal((1, 3, height, width)).astype("f4")
        wanted = session((3, height, width), "fixed.onnx").run(None, {"data": x})
        for got, want in zip(open_.run(None, {"data": x}), wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_what_needs_the_sizes_says_so(tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text(NET + DENSE)
    with pytest.raises(ShapeError, match="needs the sizes that --inputShape leaves open"):
        mmdnn.load(tmp_path / "net.prototxt", input_shapes={"": (3, None, None)})


def _onnx(path: Path) -> None:
    def value(name: str, *shape: int | None) -> ir.Value:
        return ir.Value(name=name, type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(shape))

    a, b, sum_, other = (value(name, None, 3) for name in ("a", "b", "sum", "other"))
    nodes = [
        ir.Node("", "Relu", [a], outputs=[other]),
        ir.Node("", "Add", [other, b], outputs=[sum_]),
    ]
    graph = ir.Graph([a, b], [sum_], nodes=nodes, opset_imports={"": 22}, name="g")
    ir.save(ir.Model(graph, ir_version=10), path)


def test_ending_early_drops_inputs_that_nobody_reads(tmp_path: Path) -> None:
    """Also in Caffe, where the other input's shape is said by no file."""
    _onnx(tmp_path / "net.onnx")
    model = mmdnn.load(tmp_path / "net.onnx", outputs=["other"])
    assert [value.name for value in model.graph.inputs] == ["a"]
    (tmp_path / "net.prototxt").write_text(
        'input: "a" input_shape { dim: 1 dim: 3 } input: "b" input_shape { dim: 1 dim: 3 } '
        'layer { name: "r" type: "ReLU" bottom: "a" top: "r" } '
        'layer { name: "s" type: "Eltwise" bottom: "r" bottom: "b" top: "s" }'
    )
    model = mmdnn.load(tmp_path / "net.prototxt", outputs=["r"])
    assert [value.name for value in model.graph.inputs] == ["a"]


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((9, 8, 3), "channels come first: 1,3,9,8"),
        ((4, 9, 8), "is that what the model was made for"),
    ],
)
def test_a_shape_that_contradicts_the_weights(
    sizes: tuple[int, ...], words: str, tmp_path: Path
) -> None:
    (tmp_path / "net.prototxt").write_text(NET.partition('layer { name: "r1"')[0])
    weights = mmdnn.load(tmp_path / "net.prototxt")
    mmdnn.save(weights, tmp_path / "with.prototxt")
    files = [tmp_path / "with.prototxt", tmp_path / "with.caffemodel"]
    with pytest.raises(Error, match=f"(?s)--inputShape says.*{words}"):
        mmdnn.load(files, input_shapes={"": sizes})
