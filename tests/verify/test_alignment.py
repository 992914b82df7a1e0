"""Which value is which, where the names do not say so."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import parser

import mmdnn
from mmdnn.verify.alignment import aligned

HEAD = '<ir_version: 10, opset_import: ["": 22]> '
RNG = np.random.default_rng(3)
SCALE, SHIFT, MEAN, VARIANCE = (RNG.uniform(0.5, 1.5, 4).astype(np.float32) for _ in range(4))
W, B = RNG.normal(size=(4, 3, 3, 3)).astype(np.float32), RNG.normal(size=4).astype(np.float32)
FACTOR = SCALE / np.sqrt(VARIANCE + np.float32(1e-5))
FOLDED = {"w": W * FACTOR[:, None, None, None], "b": (B - MEAN) * FACTOR + SHIFT}
PLAIN = {"w": W, "b": B, "s": SCALE, "t": SHIFT, "m": MEAN, "v": VARIANCE}
NORMAL = "c = Conv(x, w, b) n = BatchNormalization(c, s, t, m, v) y = Relu(n)"
SHORT = "c = Conv(x, w, b) y = Relu(c)"


def model(text, tensors, x="x", y="y"):
    proto = parser.parse_model(
        f"{HEAD} g (float[2,3,6,6] {x}) => (float[2,4,4,4] {y}) {{ {text} }}"
    )
    for name, array in tensors.items():
        proto.graph.initializer.append(ir.serde.serialize_tensor(ir.tensor(array, name=name)))
    return proto


@pytest.fixture
def save(tmp_path):
    def saved(name, *args, **more):
        onnx.save(model(*args, **more), tmp_path / name)
        return tmp_path / name

    return saved


def test_a_normalization_that_is_folded_on_the_other_side(save):
    a, b = save("a.onnx", NORMAL, PLAIN), save("b.onnx", SHORT, FOLDED)
    report = mmdnn.compare(a, b)
    assert [layer.value for layer in report.layers] == ["n", "y"]
    assert report.first_fault is None
    assert "'c' has the batch normalization in it on one side, and is compared with 'n'." in (
        report.notes
    )


def test_a_normalization_that_is_folded_on_this_side(save):
    report = mmdnn.compare(save("b.onnx", SHORT, FOLDED), save("a.onnx", NORMAL, PLAIN))
    assert [layer.value for layer in report.layers] == ["c", "y"]
    assert report.first_fault is None


def test_one_that_is_lost_is_found(save):
    lost = {"w": W, "b": B}
    report = mmdnn.compare(save("a.onnx", NORMAL, PLAIN), save("b.onnx", SHORT, lost))
    assert not report.ok
    assert report.first_fault.value == "n"


def test_a_normalization_on_both_sides_is_compared_as_it_is(save):
    report = mmdnn.compare(save("a.onnx", NORMAL, PLAIN), save("b.onnx", NORMAL, PLAIN))
    assert [layer.value for layer in report.layers] == ["c", "n", "y"]
    assert not report.notes


def test_other_names_for_the_same_values(save):
    text = "first = Conv(x, w, b) second = BatchNormalization(first, s, t, m, v) y = Relu(second)"
    report = mmdnn.compare(save("a.onnx", NORMAL, PLAIN), save("b.onnx", text, PLAIN))
    assert [layer.value for layer in report.layers] == ["c", "n", "y"]
    assert report.first_fault is None


def test_names_are_taken_by_their_makers_before_the_graph_is_asked():
    """What is called the same on both sides is compared, though another value is made so."""
    a = ir.serde.deserialize_model(model("c = Relu(x) n = Neg(c) y = Abs(n)", {}))
    b = ir.serde.deserialize_model(model("n = Relu(x) c = Neg(n) y = Abs(c)", {}))
    assert aligned(b, a).names == {}


def test_inputs_and_outputs_by_their_order():
    a = ir.serde.deserialize_model(model("h = Neg(x) y = Abs(h)", {}))
    b = ir.serde.deserialize_model(model("h = Neg(in) out = Abs(h)", {}, "in", "out"))
    assert aligned(b, a).names == {"in": "x", "out": "y"}
    assert aligned(None, a).names == {}
