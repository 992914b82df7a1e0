"""What a layer was before, as a text that files carry; nothing of it is trusted."""

from __future__ import annotations

import json

import onnx_ir as ir
import pytest

from mmdnn.ir import FRAMEWORK, LAYER, PARAMETERS, TYPE
from mmdnn.ir.builder import Builder
from mmdnn.ir.origin import ORIGIN, Origin, adopt, describe, described, notes, parsed

CONV = Origin("caffe", 3, "Convolution", 'a "name": ünïque', "num_output: 3\n")


def model(framework: str = "", **props: str) -> ir.Model:
    """One Relu, with this metadata."""
    builder = Builder("test")
    y = builder.op.Relu(builder.input("x", [2, 3]))
    builder.graph.outputs.append(y)
    made = builder.model(**({FRAMEWORK: framework} if framework else {}))
    made.graph[0].metadata_props.update(props)
    return made


def test_it_is_read_as_it_was_written() -> None:
    assert Origin.of(CONV.text) == CONV
    assert Origin.of(Origin("mxnet", 0, "", "data").text) == Origin("mxnet", 0, "", "data")


@pytest.mark.parametrize(
    "text",
    [
        *("", "caffe:3:Convolution:conv", "7", "[]", "{}", "[" * 100_000, '{"framework": "caffe"}'),
        *(
            json.dumps({"framework": "caffe", "place": place, "type": "", "name": name})
            for place, name in (("3", "a"), (True, "a"), (3, None), (3, ["a"]))
        ),
        json.dumps({"framework": "caffe", "place": 3, "name": "a", "more": "said"}),
    ],
)
def test_any_other_text_says_nothing(text: str) -> None:
    assert Origin.of(text) is None
    made = model(**{ORIGIN: text})
    adopt(made, "caffe")
    assert LAYER not in made.graph[0].metadata_props


def test_another_framework_is_told_what_it_was() -> None:
    props = {LAYER: "conv", TYPE: "Convolution", PARAMETERS: "num_output: 3"}
    made = model("caffe", **props)
    text = notes(made, "mxnet")(made.graph[0].metadata_props)
    assert Origin.of(text) == Origin("caffe", 1, "Convolution", "conv", "num_output: 3")
    assert notes(made, "caffe")(made.graph[0].metadata_props) == ""


def test_it_takes_up_what_it_was() -> None:
    made = model("mxnet", **{ORIGIN: CONV.text, LAYER: "conv0", PARAMETERS: "of another"})
    adopt(made, "caffe")
    props = made.graph[0].metadata_props
    assert (props[LAYER], props[TYPE], props[PARAMETERS]) == (
        CONV.name,
        CONV.type,
        CONV.parameters,
    )
    assert made.metadata_props[FRAMEWORK] == "caffe"


def test_parameters_of_the_types_that_are_wanted() -> None:
    made = model()
    (y,) = made.graph.outputs
    usual = {"count": 1.0, "fast": True, "name": "none"}
    assert described(made.graph[0], usual) == usual
    describe(y, {"count": 7.5, "fast": 1, "name": 3})
    assert described(made.graph[0], usual) == {**usual, "count": 7.5}


def test_what_is_no_object_is_nothing() -> None:
    assert parsed("[1]") == parsed("{") == parsed("3") == {}
