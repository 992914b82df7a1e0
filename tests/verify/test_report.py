import io
import json

import pytest
from rich.console import Console

from mmdnn import MismatchError
from mmdnn.cli.layers import show
from mmdnn.verify.compare import Difference
from mmdnn.verify.proof import Proof
from mmdnn.verify.report import Layer, Report
from mmdnn.verify.verdicts import Verdict

GOOD = Difference(max_abs=1e-6, max_rel=2e-6, cosine=0.9999999, excess=0.1)
BAD = Difference("off by 1 at (0,): 1 became 2", max_abs=1.0, max_rel=1.0, cosine=0.5, excess=9e3)
SHAPE = Difference("shape 1 became 2", float("nan"), float("nan"), float("nan"), float("inf"))


def layer(value, difference, name=None, verdict=None, **more):
    verdict = verdict or (Verdict.YES if difference.ok else Verdict.NO)
    shape = (1, 3)
    return Layer(
        value, name or value, "ReLU", shape, "float32", difference, "random", verdict, **more
    )


def report(*layers, **more):
    return Report("OpenCV's dnn on net.prototxt", "onnxruntime on net.onnx", layers, **more)


def test_a_good_one():
    carried = layer("b", BAD, verdict=Verdict.CARRIED, is_output=True)
    good = report(layer("a", GOOD), carried, level=Proof.ENGINES, same_graph=True)
    assert good.ok
    assert good.proof == "engines"
    assert good.first_fault is None
    assert good.summary() == (
        "Proved: 2 layers agree in OpenCV's dnn on net.prototxt and onnxruntime on net.onnx; "
        "the worst uses 0.1 of the tolerance, 1 carry rounding; "
        "both are the same graph."
    )
    good.require()


def test_three_words_for_three_things():
    a = layer("a", GOOD, is_output=True)
    assert report(a, level=Proof.REFERENCE).summary().startswith("Proved: 1 layer agrees in")
    assert report(a, level=Proof.WRITTEN).summary().startswith("Written proved, reading not:")
    own = report(a)
    assert own.summary().startswith("Not proved:")
    assert "our own reading stood in for an engine, which proves nothing" in own.summary()


@pytest.mark.parametrize("verdict", [Verdict.UNTESTED, Verdict.UNDECIDED])
def test_an_output_of_which_nothing_is_known_is_not_proved(verdict):
    end = layer("b", GOOD, is_output=True)
    inner = report(layer("a", GOOD, verdict=verdict), end, level=Proof.ENGINES)
    assert inner.proof == "engines"
    assert inner.summary().startswith("Proved: 1 layer agrees in")
    assert "1 untested or undecided: a" in inner.summary()
    output = report(layer("a", GOOD, verdict=verdict, is_output=True), level=Proof.ENGINES)
    assert output.ok
    assert output.proof is None


def test_nothing_is_proved_where_no_output_was_compared():
    assert report(layer("a", GOOD), level=Proof.ENGINES).proof is None
    assert report(level=Proof.ENGINES, same_graph=True).proof is None


def test_a_fault_that_stands_in_no_layer():
    found = report(layer("a", GOOD), level=Proof.ENGINES, faults=("the output 'b' is lost",))
    assert not found.ok
    assert found.proof is None
    with pytest.raises(MismatchError, match="the output 'b' is lost"):
        found.require()


def test_the_first_layer_at_fault_is_named_with_its_source_layer():
    bad = report(layer("a", GOOD), layer("x@r", BAD, "relu1"), layer("b", BAD))
    assert not bad.ok
    assert bad.first_fault.value == "x@r"
    with pytest.raises(MismatchError) as caught:
        bad.require()
    assert caught.value.message == (
        "source and result disagree. 2 of 3 layers disagree; the first at fault is "
        "relu1, value 'x@r' (ReLU): off by 1 at (0,): 1 became 2 (input: random)"
    )


def test_nothing_compared_is_not_a_success():
    assert not report().ok
    with pytest.raises(MismatchError):
        report().require()


def test_json_is_strict_and_whole():
    found = report(layer("a", SHAPE), only_source=("s",), only_target=("t",), feeds=("random",))
    text = json.dumps(found.to_json(), allow_nan=False)
    plain = json.loads(text)
    assert plain["ok"] is False
    assert plain["first_fault"] == "a"
    assert plain["max_abs"] == "nan"
    assert plain["only_source"] == ["s"]
    assert plain["layers"][0]["ok"] is False
    assert plain["layers"][0]["difference"]["reason"] == "shape 1 became 2"


def test_the_table():
    out = io.StringIO()
    layers = [
        layer("conv[1]", GOOD),
        layer("b", BAD, "fc"),
        layer("c", BAD, verdict=Verdict.CARRIED),
    ]
    show(report(*layers, notes=("a note",)), Console(file=out, width=130))
    text = out.getvalue()
    assert "conv[1]" in text
    assert "fc: b" in text
    assert "1.0e-06" in text
    assert all(word in text for word in ("yes", "no", "carried", "a note", "10.0%"))
