"""--inputShape for CNTK's models, whose inputs have dynamic axes."""

from __future__ import annotations

import onnx_ir as ir
import pytest

from mmdnn.errors import ShapeError, UsageError
from mmdnn.frameworks.cntk import graph, importer
from mmdnn.frameworks.cntk.graph import Function, Kind, Model, Variable
from mmdnn.shapes import resolved


def model() -> Model:
    """Softmax of one input, and a criterion that another one judges it by."""
    image = Variable(
        "Input1", Kind.INPUT, ir.DataType.FLOAT, name="image", shape=(3, graph.FREE, 4)
    )
    label = Variable("Input0", Kind.INPUT, ir.DataType.FLOAT, name="label", shape=(3, 5, 4))
    answer = Function("Softmax", "Softmax2", "answer", [image], {"axis": graph.ALL_STATIC})
    loss = Function("SquaredError", "SquaredError3", "loss", [answer.output(), label])
    for one in (image, label):
        one.axes = (graph.BATCH,)
    both = Function(graph.COMBINE, "Combine4", "", [answer.output(), loss.output()])
    variables = {one.uid: one for one in (label, image)}
    return Model(both, [answer, loss, both], variables)


def test_what_the_outputs_need_has_a_shape_with_its_batch():
    assert importer.input_shapes(model()) == {"image": (None, 3, None, 4)}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"": (3, 7, 4)}, (1, 3, 7, 4)),
        ({"": (2, 3, 7, 4)}, (2, 3, 7, 4)),
        ({"image": (3, 7, 4)}, (1, 3, 7, 4)),
    ],
)
def test_shapes_with_and_without_the_batch(wanted, found):
    assert resolved(wanted, importer.input_shapes(model())) == {"image": found}


def test_shapes_that_cannot_be():
    known = importer.input_shapes(model())
    with pytest.raises(UsageError, match="no input named 'label'"):
        resolved({"label": (3, 7, 4)}, known)
    with pytest.raises(ShapeError, match="input 'image' is \\?x3x\\?x4, which 3,4 does not fit"):
        resolved({"": (3, 4)}, known)
