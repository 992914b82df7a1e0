"""A second opinion where an engine disagrees that is not the framework itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

import mmdnn
from mmdnn.errors import MismatchError, UnsupportedError
from mmdnn.ir.builder import Builder
from mmdnn.verify import run
from mmdnn.verify.opinions import settle
from mmdnn.verify.proof import Runs
from mmdnn.verify.runners import Runner


def model():
    builder = Builder("mmdnn.test")
    x = builder.input("x", (2, 3))
    with builder.layer("double", "Power"):
        y = builder.op.Mul(x, 2.0)
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    return builder.model()


def right(values):
    return {"y": 2 * values["x"]}


def wrong(values):
    return {"y": 3 * values["x"]}


def silent(values):
    return {}


def refuses(values):
    raise UnsupportedError("OpenCV refuses it")


def never():
    raise AssertionError("nobody has asked")


def settled(source, target, references=(None, None)):
    the_model = model()
    found = run.run_source(iter([(Runner("source", right), "")]), the_model)
    values = source(found.feed.values)
    found = replace(found, runner=Runner("source", source), values=values)
    given = [
        (lambda each=each: each and Runner(f"reference {each.__name__}", each, Runs.REFERENCE))
        if each is not never
        else never
        for each in references
    ]
    return settle(
        found,
        Runner("target", target),
        lambda found, target: run.verify(found, target, the_model),
        model=the_model,
        rerun=lambda runner: run.run_source(iter([(runner, "")]), the_model),
        references=(given[0], given[1]),
    )


def test_agreement_needs_no_second_opinion():
    found = settled(right, right, (never, never))
    assert found.report.ok
    assert (found.source.title, found.target.title) == ("source", "target")


def test_the_reference_for_the_source_agrees_with_the_result():
    found = settled(wrong, right, (right, None))
    assert found.report.ok
    assert found.source.kind is Runs.REFERENCE
    assert found.report.notes[-1] == (
        "source differs at double, value 'y' (Power); reference right agrees with the result, and counts."
    )


@pytest.mark.parametrize("target", [wrong, silent, refuses])
def test_the_reference_for_the_result_agrees_with_the_source(target):
    found = settled(right, target, (None, right))
    assert found.report.ok
    assert found.target.kind is Runs.REFERENCE
    assert "reference right agrees with the source, and counts" in found.report.notes[-1]


def test_both_engines_may_be_wrong():
    found = settled(wrong, silent, (right, right))
    assert found.report.ok
    assert {found.source.kind, found.target.kind} == {Runs.REFERENCE}


def test_the_reference_disagrees_too():
    found = settled(right, wrong, (right, None))
    assert not found.report.ok
    assert found.target.title == "target"
    assert found.report.notes[-1].startswith("reference right disagrees too: 1 of 1 layer disagree")


def test_a_refusal_stays_where_there_is_no_reference():
    with pytest.raises(MismatchError, match="OpenCV refuses it"):
        settled(right, refuses)


RESHAPED_IN_PLACE = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 dim: 3 dim: 4 } } }
layer { name: "p" type: "Power" bottom: "data" top: "p" power_param { scale: 2 } }
layer { name: "r" type: "Reshape" bottom: "p" top: "r" reshape_param { shape { dim: 1 dim: 24 } } }
layer { name: "s" type: "Sigmoid" bottom: "r" top: "r" }
layer { name: "t" type: "AbsVal" bottom: "p" top: "t" }
"""


def test_opencv_does_not_know_shared_memory(tmp_path):
    pytest.importorskip("cv2")
    path = tmp_path / "net.prototxt"
    path.write_text(RESHAPED_IN_PLACE)
    result = mmdnn.convert(path, tmp_path / "net.onnx", to="onnx")
    assert result.proof == "reference"
    assert any("OpenCV's dnn on net.prototxt differs at s" in note for note in result.notes)
    report = mmdnn.compare(path, tmp_path / "net.onnx")
    assert report.proof == "reference"
    assert any("OpenCV's dnn on net.prototxt differs at s" in note for note in report.notes)


def test_what_opencv_is_not_trusted_with_is_proved_by_the_reference(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(RESHAPED_IN_PLACE.replace("AbsVal", "Threshold"))
    for target in ("net.onnx", "other.prototxt"):
        result = mmdnn.convert(path, tmp_path / target)
        assert result.proof == "reference"
        assert result.report.source.startswith("the reference for Caffe on net.prototxt")
    assert result.report.target.startswith("the reference for Caffe on other.prototxt")
