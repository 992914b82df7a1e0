"""What an error about unknown layers says of the way round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mmdnn
from helpers.graphs import model
from mmdnn import UnsupportedError, registry
from mmdnn.ir.operators import way_round

Steps = list[tuple[list[str], list[str], bool]]


@pytest.mark.parametrize(
    ("steps", "outputs", "ends"),
    [
        ([(["x"], ["a"], True), (["a"], ["b"], False)], ["b"], "a"),
        ([(["x"], ["a"], True), (["a"], ["b"], False), (["b"], ["c"], True)], ["c"], "a"),
        ([(["x"], ["a"], True), (["a"], ["b"], False), (["a"], ["c"], True)], ["b", "c"], "c"),
        ([(["x"], ["a"], True), (["a"], ["a"], True), (["a"], ["b"], False)], ["b"], "a"),
        ([(["x"], ["a"], False)], ["a"], ""),
    ],
)
def test_ends(steps: Steps, outputs: list[str], ends: str) -> None:
    hint = way_round(steps, outputs)
    assert hint.partition("-node ")[2] == ends


def test_what_the_model_does_not_have_is_not_named() -> None:
    steps: Steps = [(["x"], ["a"], True), (["a"], ["b"], False)]
    assert way_round(steps, ["b"], inner={"a"}) == ""


@pytest.mark.parametrize("framework", ["mxnet", "cntk", "caffe"])
def test_an_operator_s_inside_is_not_named(framework: str) -> None:
    made = model(
        "g (float[2,6] x, int8[6,4] w) => (y) "
        "{ r = Relu(x) q, s, z = DynamicQuantizeLinear(r) y = MatMulInteger(q, w, z) }"
    )
    exporter: Any = registry.framework(framework).room("exporter")
    with pytest.raises(UnsupportedError, match="MatMulInteger x1: y") as caught:
        exporter.from_ir(made)
    assert caught.value.hint.rpartition("-node ")[2] in {"q z", "r", caught.value.hint}
    assert "?" not in str(caught.value)


def test_a_layer_is_listed_once_and_a_side_branch_left_out(tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text(
        'input: "x" input_shape { dim: 1 dim: 3 } layer { name: "r" type: "ReLU" bottom: "x" top: "r" } '
        'layer { name: "odd" type: "Odd" bottom: "r" top: "o" } '
        'layer { name: "p" type: "Power" bottom: "r" top: "p" }'
    )
    with pytest.raises(
        UnsupportedError, match=r"Odd x1: odd\n(?s:.*)end the model before them: -node p"
    ):
        mmdnn.load(tmp_path / "net.prototxt")
    assert mmdnn.load(tmp_path / "net.prototxt", outputs=["p"]).graph.outputs[0].name == "p"
    error = UnsupportedError.listing([("A", "a"), ("A", "a"), ("A", "b")], action="read")
    assert "A x2: a, b" in str(error)
