"""Graphs compared without inputs, and the search for inputs that show a difference."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.ir.builder import Builder
from mmdnn.verify import decisions, graphs

W = np.arange(12, dtype=np.float32).reshape(4, 3) - 5


def model_of(make, *, names=("h", "y")):
    builder = Builder("mmdnn.test")
    x = builder.input("x", ("batch", 4))
    values = make(builder.op, x)
    for name, value in zip(names, values, strict=False):
        builder.rename(value, name)
    builder.graph.outputs.append(values[-1])
    return builder.model()


def plain(op, x, *, w=W, epsilon=1e-5, relu=True):
    h = op.MatMul(x, w)
    h = op.LayerNormalization(h, np.ones(3, "f"), epsilon=epsilon)
    return h, op.Relu(h) if relu else op.Identity(h)


SEEN = {"x": np.ones((2, 4), np.float32), "h": np.ones((2, 3), np.float32)}


def test_names_and_order_do_not_count():
    one = model_of(plain)
    other = model_of(plain, names=("a", "b"))
    assert graphs.compare(one, other)[0].same
    swapped = model_of(lambda op, x: (op.Add(x, 1.0), op.Add(1.0, op.Add(x, 1.0))))
    again = model_of(lambda op, x: (op.Add(1.0, x), op.Add(op.Add(x, 1.0), 1.0)))
    assert graphs.compare(swapped, again)[0].same


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"epsilon": 1e-12}, "epsilon 1e-05 became 1e-12"),
        ({"w": -W}, "differs in 11 of 12 numbers"),
        ({"w": W.astype(np.float32) + np.float32(1e-3)}, "differs in 12 of 12 numbers"),
        ({"relu": False}, "it is made in another way"),
    ],
)
def test_what_differs_is_named_and_shown(change, what):
    one, other = model_of(plain), model_of(lambda op, x: plain(op, x, **change))
    comparison, matcher = graphs.compare(one, other)
    assert len(comparison.pairs) == 1
    assert what in comparison.pairs[0].what
    decision = decisions.decide(matcher, comparison.pairs[0], SEEN)
    assert decision.shown


@pytest.mark.parametrize("cast", [False, True])
def test_a_threshold_is_tried_where_it_stands(cast):
    def compared(operator):
        def make(op, x):
            y = op[operator](x, np.float32(37.3))
            return (op.Cast(y, to=1) if cast else y,)

        return model_of(make, names=("y",))

    one, other = compared("Greater"), compared("GreaterOrEqual")
    comparison, matcher = graphs.compare(one, other)
    assert decisions.decide(matcher, comparison.pairs[0], SEEN).shown


def test_a_row_that_nobody_asked_for_is_asked_for():
    table = np.arange(4000, dtype=np.float32).reshape(1000, 4)
    other_table = table.copy()
    other_table[777] *= -1

    def gathered(rows):
        builder = Builder("mmdnn.test")
        y = builder.op.Gather(rows, builder.input("i", (2, 3), ir.DataType.INT64))
        builder.graph.outputs.append(y)
        return builder.model()

    comparison, matcher = graphs.compare(gathered(table), gathered(other_table))
    seen = {"i": np.zeros((2, 3), np.int64)}
    assert decisions.decide(matcher, comparison.pairs[0], seen).shown


def test_ways_that_compute_the_same_show_no_difference():
    one = model_of(lambda op, x: (op.MatMul(x, W),), names=("y",))
    other = model_of(lambda op, x: (op.Gemm(x, W.T.copy(), transB=1),), names=("y",))
    comparison, matcher = graphs.compare(one, other)
    assert not comparison.same
    decision = decisions.decide(matcher, comparison.pairs[0], SEEN)
    assert not decision.shown
    assert decision.tried > 5


def test_views_that_give_one_shape_are_one():
    def reshaped(op, x):
        return (op.Reshape(op.Relu(x), [-1, 2, 2]),)

    def flattened(op, x):
        return (op.Reshape(op.Flatten(op.Relu(x), axis=1), [0, 2, 2]),)

    one, other = model_of(reshaped, names=("y",)), model_of(flattened, names=("y",))
    assert len(graphs.compare(one, other)[0].pairs) <= 1


def test_a_branch_that_never_runs_is_seen():
    def branching(factor):
        builder = Builder("mmdnn.test")
        x = builder.input("x", (2,))
        branches = {}
        for name, by in (("then_branch", 2.0), ("else_branch", factor)):
            inner = Builder("mmdnn.test", name)
            inner.graph.outputs.append(inner.op.Mul(x, by))
            branches[name] = inner.graph
        condition = builder.op.Greater(builder.op.ReduceMax(x, keepdims=0), -1e30)
        y = builder.op.If(condition, **branches)
        builder.rename(y, "y")
        builder.graph.outputs.append(y)
        return builder.model()

    assert graphs.compare(branching(3.0), branching(3.0))[0].same
    comparison, matcher = graphs.compare(branching(3.0), branching(-3.0))
    assert not comparison.same
    assert "else_branch" in comparison.pairs[0].what
    seen = {"x": np.ones(2, "f"), str(comparison.pairs[0].leaves[0][0].name): np.bool_(True)}
    assert isinstance(decisions.decide(matcher, comparison.pairs[0], seen), decisions.Decision)


def test_digests_tell_types_and_shapes_apart():
    values = [np.zeros(4, "f"), np.zeros((2, 2), "f"), np.zeros(4, "i4"), -np.zeros(4, "f")]
    assert len({graphs.digest(ir.tensor(value)) for value in values}) == len(values)
