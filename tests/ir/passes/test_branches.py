"""An `If` whose condition is constant is the branch it takes."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.graphs import model, operators, same
from mmdnn.ir.passes.branches import take_branch

TEXT = """g (float[2,3] x) => (float[2,3] y) <bool c = {{{}}}> {{
    h = Neg(x)
    y = If(c) <
        then_branch = a () => (float[2,3] t) {{ t = Relu(h) }},
        else_branch = b () => (float[2,3] e) <float[3] w = {{1.0, 2.0, 3.0}}> {{ k = Abs(h)  e = Mul(k, w) }}
    >
}}"""
X = {"x": np.array([[1, -2, 3], [-4, 5, -6]], np.float32)}


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [(1, ["Neg", "Relu", "Identity"]), (0, ["Neg", "Abs", "Mul", "Identity"])],
)
def test_the_branch_stands_in_its_place(condition: int, wanted: list[str]) -> None:
    before, after = model(TEXT.format(condition)), model(TEXT.format(condition))
    node = next(node for node in after.graph if node.op_type == "If")
    assert take_branch(after.graph, node)
    assert operators(after) == wanted
    assert after.graph.outputs[0].name == "y"
    same(before, after, X)


def test_weights_of_one_name_stay_two() -> None:
    text = TEXT.format(0).replace("<bool c", "<float[3] w = {9.0, 9.0, 9.0}, bool c")
    text = text.replace("h = Neg(x)", "h = Mul(x, w)")
    before, after = model(text), model(text)
    assert take_branch(after.graph, next(n for n in after.graph if n.op_type == "If"))
    same(before, after, X)


def test_a_condition_that_is_computed_stays() -> None:
    text = """g (float[2] x, bool c) => (float[2] y) {
        y = If(c) < then_branch = a () => (float[2] t) { t = Relu(x) },
                    else_branch = b () => (float[2] e) { e = Neg(x) } >
    }"""
    graph = model(text).graph
    assert not take_branch(graph, graph[0])
