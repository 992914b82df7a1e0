"""Types and shapes of one node; what does not fit is an error that names the layer."""

from __future__ import annotations

import onnx_ir as ir
import pytest

from helpers.graphs import model
from mmdnn.errors import ShapeError
from mmdnn.ir import LAYER, TYPE
from mmdnn.ir.passes.inference import infer


def forgotten(text: str) -> ir.Node:
    """The last node of a graph, nothing known of its outputs."""
    node = list(model(text).graph)[-1]
    for output in node.outputs:
        output.type = output.shape = None
    return node


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("g (float[2,3] x) => (y) { y = Relu(x) }", [2, 3]),
        ("g (float[2,3] x, float[3,5] w) => (y) { y = MatMul(x, w) }", [2, 5]),
        ("g (float[1,4,7,9] x) => (y) { y = MaxPool <kernel_shape = [3,2]> (x) }", [1, 4, 5, 8]),
        ("g (float[2,3] x) => (y) <int64[2] s = {3, 2}> { y = Reshape(x, s) }", [3, 2]),
    ],
)
def test_shapes(text: str, shape: list[int]) -> None:
    node = forgotten(text)
    infer(node)
    assert node.outputs[0].dtype == ir.DataType.FLOAT
    assert list(node.outputs[0].shape or ()) == shape


def test_open_sizes_stay_open() -> None:
    node = forgotten("g (float[batch,3] x) => (y) { y = Relu(x) }")
    infer(node)
    assert [str(dim) for dim in node.outputs[0].shape or ()] == ["batch", "3"]


@pytest.mark.parametrize(
    "text",
    [
        "g (float[2,3] x, float[4,5] w) => (y) { y = MatMul(x, w) }",
        "g (float[1,4,7,7] x, float[2,3,3,3] w) => (y) { y = Conv(x, w) }",
    ],
)
def test_what_does_not_fit_names_the_layer(text: str) -> None:
    node = forgotten(text.replace("MatMul", "Gemm").replace("Gemm", "MatMul"))
    node.metadata_props[LAYER], node.metadata_props[TYPE] = "fc1", "InnerProduct"
    with pytest.raises(ShapeError) as caught:
        infer(node)
    assert (caught.value.layer, caught.value.operator) == ("fc1", "InnerProduct")
