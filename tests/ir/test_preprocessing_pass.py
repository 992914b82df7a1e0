"""Preprocessing taken out of a model: what is taken, what is left, and that it is the same as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("onnxruntime")

from mmdnn.frameworks.onnx import engine
from mmdnn.ir import preprocessing
from mmdnn.ir.builder import Builder
from mmdnn.ir.preprocessing import Step

MEAN = np.array([123.68, 116.779, 103.939], np.float32)
WEIGHT = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)

Build = Callable[[Any, ir.Value], ir.Value]


def model(
    build: Build, shape: tuple[int | str, ...] = ("batch", 3, 6, 5), dtype: Any = None
) -> ir.Model:
    """A network of a convolution (of pictures), or of a product, behind what is built."""
    builder = Builder("mmdnn.test", "network")
    x = builder.input("data", shape, *([dtype] if dtype else []))
    y = build(builder.op, x)
    if len(shape) == 4:
        weight = builder.weight("w", ir.tensor(WEIGHT))
        builder.graph.outputs.append(builder.op.Conv(y, weight, kernel_shape=[3, 3]))
    else:
        table = np.random.default_rng(1).standard_normal((int(shape[1]), 2)).astype(np.float32)
        builder.graph.outputs.append(builder.op.MatMul(y, builder.weight("w", ir.tensor(table))))
    return builder.model()


def feed(made: ir.Model) -> dict[str, np.ndarray]:
    (value,) = made.graph.inputs
    assert value.shape is not None
    sizes = [dim if isinstance(dim, int) else 2 for dim in value.shape]
    numbers = np.random.default_rng(2).uniform(0, 255, sizes)
    return {"data": numbers.astype((value.dtype or ir.DataType.FLOAT).numpy())}


def run(made: ir.Model, feeds: dict[str, np.ndarray]) -> np.ndarray:
    return engine.run(made, feeds)[str(made.graph.outputs[0].name)]


TAKEN: dict[str, tuple[Build, list[Step]]] = {
    "scalars": (
        lambda op, x: op.Mul(op.Sub(x, 127.5), 0.0078125),
        [Step("subtract", 127.5), Step("multiply", 0.0078125)],
    ),
    "other side": (
        lambda op, x: op.Mul(np.float32(2), op.Add(np.float32(-1), x)),
        [Step("add", -1.0), Step("multiply", 2.0)],
    ),
    "from": (lambda op, x: op.Sub(np.float32(255), x), [Step("subtract from", 255.0)]),
    "divided": (lambda op, x: op.Div(x, 255.0), [Step("divide", 255.0)]),
    "by channel": (
        lambda op, x: op.Div(op.Sub(x, MEAN.reshape(1, 3, 1, 1)), MEAN.reshape(3, 1, 1)),
        [Step("subtract", tuple(map(float, MEAN))), Step("divide", tuple(map(float, MEAN)))],
    ),
    "one of an array": (
        lambda op, x: op.Sub(x, np.full((1, 1, 1, 1), 7, np.float32)),
        [Step("subtract", 7.0)],
    ),
    "copies": (
        lambda op, x: op.Identity(op.Mul(op.Identity(op.Sub(op.Identity(x), 3.0)), 2.0)),
        [Step("subtract", 3.0), Step("multiply", 2.0)],
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_out(name: str) -> None:
    build, steps = TAKEN[name]
    whole = model(build)
    rest, taken = preprocessing.split(whole)
    assert taken == {"data": tuple(steps)}
    assert [node.op_type for node in rest.graph] == ["Conv"]
    assert list(rest.graph.initializers) == ["w"]
    feeds = feed(whole)
    np.testing.assert_array_equal(run(rest, preprocessing.apply(taken, feeds)), run(whole, feeds))


def test_integers_are_converted_before() -> None:
    def build(op: Any, x: ir.Value) -> ir.Value:
        return op.Div(op.Cast(x, to=ir.DataType.FLOAT), 255.0)

    whole = model(build, dtype=ir.DataType.UINT8)
    rest, taken = preprocessing.split(whole)
    assert taken == {"data": (Step("convert", "float32"), Step("divide", 255.0))}
    assert rest.graph.inputs[0].dtype == ir.DataType.FLOAT
    feeds = feed(whole)
    assert feeds["data"].dtype == np.uint8
    np.testing.assert_array_equal(run(rest, preprocessing.apply(taken, feeds)), run(whole, feeds))


def test_features_of_a_table() -> None:
    spread = np.arange(1, 6, dtype=np.float32)
    whole = model(lambda op, x: op.Div(op.Sub(x, spread), 2.0), ("batch", 5))
    rest, taken = preprocessing.split(whole)
    assert taken["data"][0] == Step("subtract", (1.0, 2.0, 3.0, 4.0, 5.0))
    feeds = feed(whole)
    np.testing.assert_array_equal(run(rest, preprocessing.apply(taken, feeds)), run(whole, feeds))


LEFT: dict[str, Build] = {
    "nothing there": lambda op, x: x,
    "a conversion alone": lambda op, x: op.Cast(op.Cast(x, to=11), to=1),
    "a whole picture": lambda op, x: op.Sub(x, np.ones((3, 6, 5), np.float32)),
    "a row": lambda op, x: op.Sub(x, np.ones(5, np.float32)),
    "divided into": lambda op, x: op.Div(np.float32(1), x),
    "with itself": lambda op, x: op.Mul(x, x),
    "two read it": lambda op, x: op.Add(op.Sub(x, 1.0), op.Relu(x)),
    "a layer": lambda op, x: op.BatchNormalization(x, MEAN, MEAN, MEAN, MEAN),
    "behind a layer": lambda op, x: op.Sub(op.Relu(x), 1.0),
    "more axes": lambda op, x: op.Squeeze(op.Sub(x, np.ones((1, 1, 1, 1, 1), np.float32)), [0]),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left(name: str) -> None:
    whole = model(LEFT[name])
    rest, taken = preprocessing.split(whole)
    assert taken == {}
    assert rest is whole


def test_it_ends_where_several_read() -> None:
    def build(op: Any, x: ir.Value) -> ir.Value:
        y = op.Sub(x, 5.0)
        return op.Add(op.Mul(y, 2.0), op.Relu(y))

    whole = model(build)
    rest, taken = preprocessing.split(whole)
    assert taken == {"data": (Step("subtract", 5.0),)}
    assert sorted(node.op_type for node in rest.graph) == ["Add", "Conv", "Mul", "Relu"]
    feeds = feed(whole)
    np.testing.assert_array_equal(run(rest, preprocessing.apply(taken, feeds)), run(whole, feeds))


def test_an_output_stays() -> None:
    builder = Builder("mmdnn.test", "network")
    x = builder.input("data", ("batch", 3))
    y = builder.op.Mul(builder.op.Sub(x, 1.0), 2.0)
    builder.graph.outputs.append(y)
    rest, taken = preprocessing.split(builder.model())
    assert taken == {"data": (Step("subtract", 1.0),)}
    assert [node.op_type for node in rest.graph] == ["Mul"]


def test_each_input_for_itself() -> None:
    builder = Builder("mmdnn.test", "network")
    a, b, c = (builder.input(name, ("batch", 3)) for name in "abc")
    op = builder.op
    builder.graph.outputs.append(
        op.Sum(op.MatMul(op.Sub(a, 1.0), np.eye(3, dtype=np.float32)), op.Mul(b, 2.0), c)
    )
    _, taken = preprocessing.split(builder.model())
    assert taken == {"a": (Step("subtract", 1.0),), "b": (Step("multiply", 2.0),)}


def test_a_constant_that_can_be_fed_is_none() -> None:
    whole = model(lambda op, x: op.Sub(x, 127.5))
    (constant,) = (v for v in whole.graph.initializers.values() if v.name != "w")
    whole.graph.inputs.append(constant)
    assert preprocessing.split(whole)[1] == {}


def test_it_is_recorded_and_added_to() -> None:
    rest, taken = preprocessing.split(model(TAKEN["by channel"][0]))
    assert preprocessing.recorded(rest) == taken
    again, none = preprocessing.split(rest)
    assert (again, none) == (rest, {})
    value = rest.graph.inputs[0]
    (conv,) = rest.graph
    shift = ir.node("Add", [value, ir.val("c", const_value=ir.tensor(np.float32(1), name="c"))])
    shift.outputs[0].type = value.type
    rest.graph.insert_before(conv, shift)
    rest.graph.register_initializer(shift.inputs[1])
    conv.replace_input_with(0, shift.outputs[0])
    more, added = preprocessing.split(rest)
    assert added == {"data": (Step("add", 1.0),)}
    assert preprocessing.recorded(more)["data"] == (*taken["data"], Step("add", 1.0))


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[1]",
        '{"data": [{"operation": "eval", "by": 1}]}',
        '{"data": [{"by": 1}]}',
        '{"data": [{"operation": "add", "by": "x"}]}',
        '{"data": [{"operation": "convert", "by": "os.system"}]}',
    ],
)
def test_a_record_that_is_none(text: str) -> None:
    made = model(lambda op, x: x)
    made.metadata_props[preprocessing.PREPROCESSING] = text
    assert preprocessing.recorded(made) == {}
    assert preprocessing.reminders(made) == []


def test_in_plain_words() -> None:
    steps = {
        "data": (Step("convert", "float32"), Step("subtract", 127.5), Step("multiply", 0.0078125)),
        "other": (
            Step("subtract", tuple(map(float, MEAN))),
            Step("subtract from", 1.0),
            Step("divide", 3e-9),
        ),
    }
    assert preprocessing.sentences(steps) == [
        "Preprocessing taken out of input 'data': convert to float32, subtract 127.5, multiply by 0.0078125. "
        "Apply it yourself before feeding the model.",
        "Preprocessing taken out of input 'other': subtract (123.68, 116.779, 103.939) by channel, "
        "subtract it from 1, divide by 3e-09. Apply it yourself before feeding the model.",
    ]
    assert preprocessing.sentences({}) == [
        "No preprocessing found at the inputs: nothing is taken out."
    ]
