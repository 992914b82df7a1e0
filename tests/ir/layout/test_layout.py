"""As few Transposes as there can be, and the same numbers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from random import Random

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import random_graphs
from helpers.graphs import model, operators, outputs
from mmdnn.ir import CHANNELS_LAST, layout
from mmdnn.ir.builder import Builder
from mmdnn.ir.layout.choice import Choice
from mmdnn.ir.layout.order import Arrangement, ordered
from mmdnn.ir.passes.canonical import canonical

RNG = np.random.default_rng(0)
SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def fed(of: ir.Model, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs, as they are before the pass, for inputs as they are before it."""
    known = layout.arrangements(of)
    here = {name: known[name].here(x) if name in known else x for name, x in feeds.items()}
    found = zip([str(value.name) for value in of.graph.outputs], outputs(of, here), strict=True)
    return {name: known[name].source(y) if name in known else y for name, y in found}


def same(before: ir.Model, after: ir.Model, feeds: Mapping[str, np.ndarray]) -> None:
    """That two models compute the same, to the last bit, by the same names."""
    was, now = fed(before, feeds), fed(after, feeds)
    assert list(was) == list(now)
    for name, array in was.items():
        np.testing.assert_array_equal(array, now[name], strict=True)


def count(of: ir.Model) -> int:
    return operators(of).count("Transpose")


@SLOW
@given(st.integers(0, 1 << 30), st.integers(2, 14), st.booleans())
def test_any_graph(seed: int, steps: int, keep: bool) -> None:
    before = random_graphs.random_model(Random(seed), steps)
    feeds = random_graphs.feeds(before)
    first = layout.channels_first(before.clone(), keep=keep)
    same(before, first, feeds)
    assert not keep or count(first) <= count(before)
    assert operators(layout.channels_first(first.clone(), keep=keep)) == operators(first)
    same(before, layout.channels_last(canonical(before), keep=keep), feeds)


@SLOW
@given(st.integers(0, 1 << 30), st.integers(2, 4), st.booleans())
def test_fewer_there_cannot_be(seed: int, steps: int, keep: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        made: list[Choice] = []
        improve = Choice.improve

        def recorded(choice: Choice) -> None:
            improve(choice)
            made.append(choice)

        patch.setattr(Choice, "improve", recorded)
        layout.channels_first(random_graphs.random_model(Random(seed), steps), keep=keep)
        (choice,) = made
        least = brute_force(choice, most=5000)
        assert least is None or choice.cost(choice.modes) == least


def brute_force(choice: Choice, most: int) -> int | None:
    """The least cost of all mixtures of modes; None where they are too many."""
    known = []
    for rule in choice.rules:
        modes = {rule.first: None}
        for place, port in enumerate(rule.ports):
            for axes in itertools.permutations(range(port.rank)):
                mode = rule.follow(place, ordered(port.factors, axes))
                modes.update({mode: None} if mode is not None else {})
        known.append(list(modes))
    if np.prod([float(len(modes)) for modes in known]) > most:
        return None
    return min(choice.cost(list(modes)) for modes in itertools.product(*known))


def convolution(builder: Builder, x: ir.Value, channels: int, name: str) -> ir.Value:
    """A layer of a channels-last framework."""
    with builder.layer(name, "Conv2D"):
        first = builder.op.Transpose(x, perm=[0, 3, 1, 2])
        shape = [channels, int(x.shape[3]), 3, 3]
        weight = builder.weight("weight", ir.tensor(random_graphs.numbers(Random(name), shape)))
        y = builder.op.Transpose(builder.op.Conv(first, weight, pads=[1] * 4), perm=[0, 2, 3, 1])
        bias = builder.weight("bias", ir.tensor(random_graphs.numbers(Random(name), [channels])))
        y = builder.op.Relu(builder.op.Add(y, bias))
    builder.rename(y, name)
    return y


def network() -> ir.Model:
    """A residual network with a Flatten and a Dense, channels-last."""
    builder = Builder("test")
    x = builder.input("x", ["batch", 8, 8, 3])
    a = convolution(builder, x, 4, "a")
    b = convolution(builder, a, 4, "b")
    joined = builder.op.Concat(builder.op.Add(a, b), a, axis=-1)
    padded = builder.op.Pad(joined, [0, 1, 0, 0, 0, 0, 1, 0])
    c = convolution(builder, padded, 2, "c")
    pooled = builder.op.ReduceMax(c, [1, 2], keepdims=0)
    flat = builder.op.Reshape(c, [-1, 9 * 9 * 2])
    builder.rename(flat, "flat")
    weight = builder.weight("dense", ir.tensor(random_graphs.numbers(Random(1), [162, 5])))
    y = builder.op.MatMul(builder.op.Relu(flat), weight)
    builder.rename(y, "y")
    builder.graph.outputs.extend([y, pooled])
    return builder.model()


X = {"x": RNG.integers(-3, 4, (2, 8, 8, 3)).astype(np.float32)}


def test_a_network_has_none_left() -> None:
    after = layout.channels_first(network())
    assert count(after) == 0
    assert list(after.graph.inputs[0].shape)[1:] == [3, 8, 8]
    known = layout.arrangements(after)
    assert known.keys() >= {"x", "a", "b", "c", "flat"}
    assert "y" not in known
    same(network(), after, X)


def test_every_layer_has_its_name_and_is_what_it_was() -> None:
    before, after = network(), layout.channels_first(network())
    names = ["a", "b", "c", "flat"]
    for each in (before, after):
        each.graph.outputs.extend(v for n in each.graph for v in n.outputs if v.name in names)
    same(before, after, X)


def test_inputs_that_are_kept() -> None:
    after = layout.channels_first(network(), keep=True)
    assert count(after) == 1
    assert list(after.graph.inputs[0].shape)[1:] == [8, 8, 3]
    same(network(), after, X)


def test_there_and_back() -> None:
    first = layout.channels_first(network())
    last = layout.channels_last(canonical(first))
    assert count(last) == 0
    domains = {node.op_type.split("_")[0]: node.domain for node in last.graph}
    assert domains["Conv"] == CHANNELS_LAST
    assert domains["Add"] == ""
    np.testing.assert_array_equal(outputs(last, X)[0], outputs(network(), X)[0])


def test_weights_are_permuted_when_they_are_written() -> None:
    builder = Builder("test")
    x = builder.input("x", [1, 8, 8, 3])
    flat = builder.op.Reshape(convolution(builder, x, 16, "a"), [1, 1024])
    read: list[str] = []

    def weight() -> ir.Tensor:
        read.append("dense")
        return ir.tensor(np.zeros((1024, 8), np.float32))

    lazy = ir.LazyTensor(weight, ir.DataType.FLOAT, ir.Shape([1024, 8]))
    builder.graph.outputs.append(builder.op.MatMul(flat, builder.weight("dense", lazy)))
    after = layout.channels_first(builder.model())
    assert count(after) == 0
    assert not read
    assert after.graph.initializers["dense"].const_value.shape == [1024, 8]


def test_a_dense_layer_that_becomes_an_image() -> None:
    builder = Builder("test")
    x = builder.input("x", ["batch", 5])
    weight = builder.weight("dense", ir.tensor(random_graphs.numbers(Random(2), [5, 48])))
    bias = builder.weight("bias", ir.tensor(random_graphs.numbers(Random(3), [48])))
    y = builder.op.Relu(builder.op.Add(builder.op.MatMul(x, weight), bias))
    image = builder.op.Reshape(y, [-1, 4, 4, 3])
    builder.graph.outputs.append(convolution(builder, image, 2, "a"))
    before = builder.model()
    after = layout.channels_first(before.clone())
    assert count(after) == 0
    same(before, after, {"x": RNG.integers(-3, 4, (2, 5)).astype(np.float32)})


def test_what_a_branch_reads_from_outside_stays_as_it_is() -> None:
    text = """g (float[1,2,2,3] x, bool c) => (float[1,2,2,3] y) {
        a = Transpose <perm = [0, 3, 1, 2]> (x)
        p = MaxPool <kernel_shape = [1, 1]> (a)
        q = Transpose <perm = [0, 2, 3, 1]> (p)
        y = If (c) <then_branch = t () => (float[1,2,2,3] u) { u = Relu(q) },
                    else_branch = e () => (float[1,2,2,3] v) { v = Identity(q) }>
    }"""
    x = RNG.standard_normal((1, 2, 2, 3)).astype(np.float32)
    for keep in (True, False):
        after = layout.channels_first(model(text), keep=keep)
        same(model(text), after, {"x": x, "c": np.array(True)})


def test_an_author_s_own_permutation_is_no_reason_to_change_an_input() -> None:
    text = "g (float[2,3,4] x) => (y) { p = Transpose <perm = [0, 2, 1]> (x) y = Softmax(p) }"
    assert layout.arrangements(layout.channels_first(model(text))).keys() <= {"y"}


def test_an_arrangement_is_read_back() -> None:
    value = layout.channels_first(network()).graph.inputs[0]
    known = Arrangement.read(value)
    assert known is not None
    np.testing.assert_array_equal(known.source(known.here(X["x"])), X["x"])
