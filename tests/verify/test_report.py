import io
import json

import pytest
from rich.console import Console

from mmdnn import MismatchError
from mmdnn.verify.compare import Difference
from mmdnn.verify.report import Layer, Report

GOOD = Difference(max_abs=1e-6, max_rel=2e-6, cosine=0.9999999)
BAD = Difference("off by 1 at (0,): 1 became 2", max_abs=1.0, max_rel=1.0, cosine=0.5, excess=9e3)
SHAPE = Difference("shape 1 became 2", float("nan"), float("nan"), float("nan"), float("inf"))


def layer(value, difference, name=None, type_="ReLU"):
    return Layer(value, name or value, type_, (1, 3), "float32", difference, "random")


def report(*layers, **more):
    return Report("OpenCV's dnn on net.prototxt", "onnxruntime on net.onnx", layers, **more)


def test_a_good_one():
    good = report(layer("a", GOOD), layer("b", Difference(noisy=True)))
    assert good.ok
    assert good.first_fault is None
    assert good.summary() == (
        "Verified 2 layers with OpenCV's dnn on net.prototxt and onnxruntime on net.onnx: "
        "max |error| 1e-06, max relative 2e-06, min cosine 0.9999999, "
        "1 within the source's own rounding noise."
    )
    good.require()


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
    layers = [layer("conv[1]", GOOD), layer("b", BAD, "fc"), layer("c", Difference(noisy=True))]
    report(*layers, notes=("a note",)).show(Console(file=out, width=120))
    text = out.getvalue()
    assert "conv[1]" in text
    assert "fc: b" in text
    assert "1.00e-06" in text
    assert all(word in text for word in ("yes", "no", "noise", "a note"))
