"""A recurrent node's inputs by name, and what turns the axes of its output back."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.ir.builder import Builder
from mmdnn.ir.recurrent.nodes import read
from mmdnn.ir.recurrent.views import Inputs, View, Views, is_plain


def lstm(builder: Builder, *, ways: int = 1, layout: int = 0, batch: int | str = 2) -> ir.Value:
    """Y of an LSTM of 3 steps, or with as many sequences, and 4 numbers."""
    x = builder.input("x", [3, batch, 5] if not layout else [batch, 3, 5])
    w, r = (
        builder.weight(name, ir.tensor(np.zeros((ways, 16, size), np.float32)))
        for name, size in (("w", 5), ("r", 4))
    )
    direction = "bidirectional" if ways == 2 else "forward"
    (y, *_) = builder.op.outputs(3).LSTM(x, w, r, hidden_size=4, direction=direction, layout=layout)
    return y


def known(y: ir.Value, ways: int, *, last: bool = False) -> Views[str]:
    views: Views[str] = Views()
    views[y] = View("own", ways, 4, last)
    return views


def producer(value: ir.Value) -> ir.Node:
    node = value.producer()
    assert node is not None
    return node


@pytest.mark.parametrize("batch", [2, "batch"])
def test_a_squeeze_gives_one_direction_back(batch: int | str) -> None:
    builder = Builder("test")
    y = lstm(builder, batch=batch)
    found = known(y, 1).of(producer(builder.op.Squeeze(y, [1])))
    assert found is not None
    assert found.joined
    assert known(y, 1).of(producer(builder.op.Squeeze(y, [-3]))) is not None


@pytest.mark.parametrize("target", [[3, 2, 8], [0, 0, -1], [0, 2, 8], [-1, 2, 8], [3, -1, 8]])
def test_a_transpose_and_a_reshape_give_both_directions_back(target: list[int]) -> None:
    builder = Builder("test")
    y = lstm(builder, ways=2)
    turned = builder.op.Transpose(y, perm=[0, 2, 1, 3])
    views = known(y, 2)
    found = views.of(producer(turned))
    assert found is not None
    assert (found.last, found.joined) == (True, False)
    joined = views.of(producer(builder.op.Reshape(turned, target)))
    assert joined is not None
    assert joined.joined


def test_with_the_batch_first_the_directions_are_last_already() -> None:
    builder = Builder("test")
    y = lstm(builder, ways=2, layout=1)
    found = known(y, 2, last=True).of(producer(builder.op.Reshape(y, [0, 0, -1])))
    assert found is not None
    assert found.joined


def test_what_does_something_else_is_no_view() -> None:
    builder = Builder("test")
    op, y = builder.op, lstm(builder, ways=2)
    views = known(y, 2)
    turned = op.Transpose(y, perm=[0, 2, 1, 3])
    assert views.of(producer(turned)) is not None
    others = [
        op.Transpose(y, perm=[1, 0, 2, 3]),
        op.Reshape(y, [3, 2, 8]),  # the directions are still before the sequences
        op.Reshape(turned, [3, 4, 4]),
        op.Reshape(turned, [2, 3, 8]),
        op.Reshape(turned, [6, 8]),
        op.Relu(y),
    ]
    assert [views.of(producer(value)) for value in others] == [None] * len(others)


def test_inputs_by_name() -> None:
    given = Inputs.of(["x", "w", "r", None, None, "h", "c"])
    assert (given.x, given.b, given.h, given.p) == ("x", None, "h", None)
    assert given.states("LSTM") == ["h", "c"]
    assert Inputs.of(["x", "w", "r"]).states("GRU") == [None]


def test_plain_layers() -> None:
    builder = Builder("test")
    node = producer(lstm(builder))
    assert is_plain(node, read(node))
    other = producer(lstm(Builder("test"), layout=1))
    assert not is_plain(other, read(other))
    node.replace_input_with(1, builder.input("given", [1, 16, 5]))
    assert not is_plain(node, read(node))
