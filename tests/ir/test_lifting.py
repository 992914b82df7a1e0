"""Layers made one again: groups, what is the same in another way, and the node that takes their place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.ir.builder import Builder, Op
from mmdnn.ir.lifting.equivalents import FORMS
from mmdnn.ir.lifting.groups import Group, groups
from mmdnn.ir.lifting.matching import Handed, Match, same_attributes
from mmdnn.ir.lifting.proposals import is_source, replace

Layer = Callable[..., ir.Value]


@dataclass
class Proposal:
    """A layer that is a function of its bottoms and of stand-ins for its weights."""

    layer: Layer
    bottoms: list[ir.Value]
    weights: list[ir.Value] = field(default_factory=list)

    def imported(self, bottoms: Sequence[ir.Value], tops: int) -> tuple[list[ir.Value], Handed]:
        del tops
        builder, handed = Builder("test"), {}
        stand_ins = []
        for index, weight in enumerate(self.weights):
            assert weight.const_value is not None
            tensor = ir.tensor(np.zeros(weight.const_value.shape.numpy(), np.float32))
            handed[id(tensor)] = index, tensor
            stand_ins.append(builder.weight(f"w{index}", tensor))
        return [self.layer(builder.op, *bottoms, *stand_ins)], handed


def scaled(op: Op, x: ir.Value, weight: ir.Value) -> ir.Value:
    return op.Relu(op.Mul(x, weight))


def model(layer: Layer, *, bottoms: int = 1) -> tuple[ir.Model, Group]:
    """A model of one layer "s" of the type "Scaled", and its group."""
    builder = Builder("test")
    inputs = [builder.input(f"x{i}", [2, 3]) for i in range(bottoms)]
    weight = builder.weight("w", ir.tensor(np.arange(3, dtype=np.float32)))
    with builder.layer("s", "Scaled"):
        y = layer(builder.op, *inputs, weight)
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    made = builder.model()
    (group,) = groups(made, {"Scaled"})
    return made, group


def test_a_group_knows_what_goes_in_and_out() -> None:
    _, group = model(scaled)
    assert [v.name for v in group.bottoms] == ["x0"]
    assert [v.name for v in group.weights] == ["w"]
    assert [v.name for v in group.tops] == ["y"]
    assert [node.op_type for node in group.nodes] == ["Mul", "Relu"]


def test_what_gives_the_same_nodes_takes_their_place() -> None:
    made, group = model(scaled)
    proposal = Proposal(scaled, list(group.bottoms), list(group.weights))
    assert is_source(proposal, group)
    replace(made.graph, group, proposal, "test.lifted", "lifted 0")
    (node,) = made.graph
    assert [value.name if value else "" for value in node.inputs] == ["x0", "w"]
    assert (node.domain, node.op_type) == ("test.lifted", "Scaled")
    assert [value.name for value in made.graph.outputs] == ["y"]


def test_what_does_not_is_refused() -> None:
    _, group = model(scaled)
    wrong = Proposal(lambda op, x, w: op.Relu(op.Add(x, w)), list(group.bottoms), group.weights)
    assert not is_source(wrong, group)
    assert not is_source(Proposal(lambda op, x: op.Relu(x), list(group.bottoms)), group)


def test_two_bottoms_are_tried_in_either_order() -> None:
    def difference(op: Op, a: ir.Value, b: ir.Value, weight: ir.Value) -> ir.Value:
        return op.Mul(op.Sub(b, a), weight)

    _, group = model(difference, bottoms=2)
    proposal = Proposal(difference, list(group.bottoms), list(group.weights))
    assert is_source(proposal, group)
    assert [value.name for value in proposal.bottoms] == ["x0", "x1"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda op, x: op.Flatten(x), lambda op, x: op.Reshape(x, [2, 12])),
        (
            lambda op, x: op.Slice(x, [1], [3], [1]),
            lambda op, x: op.outputs(3).Split(x, [1, 2, 0], axis=1)[1],
        ),
        (lambda op, x: op.ReduceSum(op.Mul(x, x), [1]), lambda op, x: op.ReduceSumSquare(x, [1])),
        (lambda op, x: op.ReduceSum(op.Abs(x), [1]), lambda op, x: op.ReduceL1(x, [1])),
        (lambda op, x: op.Pow(x, np.float32(0.5)), lambda op, x: op.Sqrt(x)),
        (
            lambda op, x: op.Sub(
                2,
                op.ArgMax(op.Slice(x, [-1], [np.iinfo(np.int64).min], [1], [-1]), axis=1),
            ),
            lambda op, x: op.ArgMax(x, axis=1, select_last_index=1),
        ),
        (lambda op, x: op.Pow(x, np.float32(-1)), lambda op, x: op.Reciprocal(x)),
        (
            lambda op, x: op.Mul(x, np.float32(1) / np.float32(255)),
            lambda op, x: op.Div(x, np.float32(255)),
        ),
    ],
)
def test_the_same_in_another_way(ours: Layer, theirs: Layer) -> None:
    values = []
    for layer in (ours, theirs):
        builder = Builder("test")
        x = builder.input("x", [2, 3, 4])
        values.append((x, layer(builder.op, x)))
    (a, mine), (b, other) = values
    assert Match({a: b}, [], {}, FORMS).values(mine, other)
    assert not Match({a: b}, [], {}, ()).values(mine, other)


def test_axes_are_counted_from_either_end() -> None:
    x = ir.val("x", shape=ir.Shape([2, 3, 4]))
    front, end, other = (ir.node("Softmax", [x], {"axis": axis}) for axis in (2, -1, 1))
    assert same_attributes(front, end)
    assert not same_attributes(front, other)


def test_the_axis_of_one_hot_is_one_of_more() -> None:
    x = ir.val("x", shape=ir.Shape([2, 3]))
    assert not same_attributes(*(ir.node("OneHot", [x], {"axis": axis}) for axis in (0, -2)))
