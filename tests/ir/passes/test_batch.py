"""An open batch closed."""

from __future__ import annotations

import onnx_ir as ir
import pytest

from mmdnn.errors import ShapeError
from mmdnn.ir import SAID
from mmdnn.ir.passes import batch


def _model(**shapes: list[int | str | None]) -> ir.Model:
    inputs = [
        ir.Value(name=name, shape=ir.Shape(shape), type=ir.TensorType(ir.DataType.FLOAT))
        for name, shape in shapes.items()
    ]
    node = ir.node("Relu", inputs[:1], outputs=[ir.Value(name="y", shape=inputs[0].shape)])
    return ir.Model(ir.Graph(inputs, node.outputs, nodes=[node], name="g"), ir_version=10)


def _shapes(model: ir.Model) -> list[list[object]]:
    return [list(v.shape or ()) for v in (*model.graph.inputs, *model.graph.outputs)]


def test_a_batch_is_what_the_files_said_else_one() -> None:
    model = _model(x=["N", 3], z=["M", 2])
    model.graph.inputs[0].metadata_props[SAID] = "4"
    assert batch.opened(model) == {"x", "z"}
    batch.close(model, "Caffe")
    assert _shapes(model)[:2] == [[4, 3], [1, 2]]
    assert batch.opened(model) == set()


def test_what_is_made_of_it_follows() -> None:
    model = _model(x=["N", 3])
    batch.close(model, "Caffe", times=5)
    assert _shapes(model) == [[5, 3], [5, 3]]
    batch.close(model, "Caffe", times=2)
    assert _shapes(model) == [[5, 3], [5, 3]]


def test_another_open_size_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"axis 1 of input 'x' is open, and Caffe needs a number"):
        batch.close(_model(x=["N", "T"]), "Caffe")
