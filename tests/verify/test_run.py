"""Choosing what runs, and comparing; engines are small functions here."""

import numpy as np
import pytest

from mmdnn import registry
from mmdnn.errors import Error, MismatchError, MissingExtraError, UnsupportedError
from mmdnn.ir.builder import Builder
from mmdnn.progress import Silent
from mmdnn.verify import run
from mmdnn.verify.proof import Runs
from mmdnn.verify.runners import (
    NothingRunsError,
    Runner,
    first_that_runs,
    named_by_order,
    of_ir,
    of_source,
)


def model(shape=("batch", 3)):
    builder = Builder("mmdnn.test")
    x = builder.input("x", shape)
    with builder.layer("layer1", "ReLU"):
        y = builder.op.Relu(x)
    builder.rename(y, "y")
    with builder.layer("layer2", "Power"):
        z = builder.op.Mul(y, 2.0)
    builder.rename(z, "z")
    builder.graph.outputs.append(z)
    return builder.model()


def right(values):
    y = np.maximum(values["x"], 0)
    return {"y": y, "z": 2 * y}


def found(side, the_model=None, **more):
    return run.run_source(iter([(side, "")]), the_model or model(), **more)


def compared(source, target, the_model=None):
    the_model = the_model or model()
    return run.verify(
        found(Runner("source", source), the_model), Runner("target", target), the_model
    )


def test_a_good_pair_with_a_batch_of_two():
    report = compared(right, right)
    assert report.ok
    assert [layer.value for layer in report.layers] == ["y", "z"]
    assert (report.layers[0].name, report.layers[0].type) == ("layer1", "ReLU")
    assert report.feeds == ("random", "pictures, half zeros, ties: a batch of 3", "large")


def test_the_first_layer_in_the_order_of_the_graph_is_at_fault():
    def wrong(values):
        return {"z": right(values)["z"] + 1, "y": right(values)["y"] + 1}

    assert compared(right, wrong).first_fault.value == "y"
    assert compared(right, lambda v: right(v) | {"z": v["x"]}).first_fault.value == "z"


def test_an_error_that_only_a_batch_shows():
    def wrong(values):
        return {name: np.repeat(v[:1], len(v), 0) for name, v in right(values).items()}

    fault = compared(right, wrong).first_fault
    assert fault.feed == "pictures, half zeros, ties: a batch of 3"


def test_an_error_that_only_large_values_show():
    fault = compared(right, lambda v: {k: np.minimum(a, 20) for k, a in right(v).items()})
    assert fault.first_fault.feed != "random"


def test_values_known_on_one_side_only_are_listed():
    report = compared(
        lambda v: right(v) | {"mine": v["x"]}, lambda v: right(v) | {"theirs": v["x"]}
    )
    assert report.ok
    assert (report.only_source, report.only_target) == (("mine",), ("theirs",))


def test_an_output_that_the_result_lacks():
    report = compared(right, lambda v: {"y": right(v)["y"]})
    assert report.faults == ("the result does not have the output 'z'",)
    assert not report.ok
    with pytest.raises(MismatchError, match="output 'z'"):
        report.require()


def test_the_inputs_are_no_layers():
    report = compared(lambda v: right(v) | v, lambda v: right(v) | {"x": v["x"] + 1})
    assert [layer.value for layer in report.layers] == ["y", "z"]


def test_a_source_that_takes_no_batch():
    def alone(values):
        if len(values["x"]) > 1:
            raise Error("no")
        return right(values)

    report = compared(alone, right)
    assert report.ok
    assert "pictures" in report.feeds
    (note,) = report.notes
    assert note.startswith(
        "The source does not take the input 'pictures, half zeros, ties: a batch"
    )


def test_a_target_that_does_not_run_is_a_mismatch():
    def broken(values):
        raise RuntimeError("shape [3]\nmore")

    with pytest.raises(MismatchError, match=r"input 'random'.*target failed: shape"):
        compared(right, broken)


def test_free_dimensions_are_tried():
    def picky(values):
        if values["x"].shape[1] != 224:
            raise Error("must be 224")
        return right(values)

    assert compared(picky, right, model(("batch", "n"))).ok


def test_a_missing_engine_is_not_tried_at_every_size():
    calls = []

    def missing(values):
        calls.append(values)
        raise MissingExtraError("torch", "pytorch")

    with pytest.raises(NothingRunsError, match=r"mmdnn\[pytorch\]"):
        found(Runner("source", missing), model(("batch", "n")))
    assert len(calls) == 1


def test_the_next_runner_stands_in_and_the_notes_say_why():
    def refuses(values):
        raise UnsupportedError("I am not to be trusted")

    given = [(None, "first note"), (Runner("second", refuses), ""), (Runner("third", right), "")]
    result = run.run_source(iter(given), model())
    assert result.runner.title == "third"
    assert result.notes == ("first note", "second: I am not to be trusted")


def test_nothing_runs():
    with pytest.raises(NothingRunsError, match="only note"):
        run.run_source(iter([(None, "only note")]), model())
    with pytest.raises(NothingRunsError):
        first_that_runs(iter([]), found(Runner("s", right)).feed)


def test_an_engine_that_refuses_is_a_failure():
    def refuses(values):
        raise Error("I do not take it")

    given = [(Runner("engine", refuses), ""), (Runner("IR", right, Runs.IR), "")]
    with pytest.raises(MismatchError, match="engine refuses the source: I do not take it"):
        run.run_source(iter(given), model())
    with pytest.raises(MismatchError, match="engine refuses the model"):
        first_that_runs(iter(given), found(Runner("s", right)).feed)
    assert run.run_source(iter([(Runner("IR", refuses, Runs.IR), ""), given[1]]), model())


def test_rounding_from_above_is_carried_and_no_fault():
    def sensitive(values):
        y = np.maximum(values["x"], 0)
        return {"y": y, "z": 2 * y}

    def other(values):
        y = sensitive(values)["y"] * np.float32(1 + 3e-4)
        return {"z": 2 * y, "y": y}

    builder = Builder("mmdnn.test")
    x = builder.input("x", (1, 3))
    y, z = builder.op.Sin(builder.op.Mul(x, 1e7)), None
    builder.rename(y, "y")
    z = builder.op.Mul(y, 2.0)
    builder.rename(z, "z")
    builder.graph.outputs.append(z)

    def source(values):
        y = np.sin(values["x"] * np.float32(1e7))
        return {"y": y, "z": 2 * y}

    def target(values):
        y = np.sin(values["x"] * np.float32(1e7) * np.float32(1 + 1e-7))
        return {"y": y, "z": 2 * y}

    report = compared(source, target, builder.model())
    assert report.ok
    assert report.first_fault is None
    assert report.proof is None  # the output differs by more than can be carried
    assert [layer.verdict for layer in report.layers] == ["undecided", "undecided"]
    wrong = compared(source, lambda v: target(v) | {"z": -2 * target(v)["y"]}, builder.model())
    assert wrong.first_fault.value == "z"


def test_what_was_never_exercised_is_said():
    def constant(values):
        return {name: np.maximum(v, 1e9) for name, v in right(values).items()}

    report = compared(constant, constant)
    assert report.ok
    assert {layer.value: layer.verdict for layer in report.layers} == {
        "y": "untested",
        "z": "untested",
    }
    assert "the same number" in report.layers[0].why
    assert report.proof is None


def test_a_value_that_an_engine_has_overwritten():
    def overwritten(values):
        return right(values) | {"y": right(values)["z"]}

    target = Runner("target", overwritten, overwrites=True)
    report = run.verify(found(Runner("source", right)), target, model())
    assert report.ok
    assert [layer.verdict for layer in report.layers] == ["untested", "yes"]
    assert not compared(right, overwritten).ok


def test_names_that_differ():
    runner = Runner(
        "s",
        lambda v: {"out": right({"x": v["data"]})["z"]},
        rename={"data": "x", "out": "z"},
    )
    report = run.verify(found(Runner("source", right)), runner, model())
    assert [layer.value for layer in report.layers] == ["z"]
    assert report.ok


def test_outputs_that_are_only_numbered():
    def numbered(values):
        return {"output_0": right(values)["y"], "output_1": right(values)["z"]}

    runner = named_by_order(Runner("s", numbered), ["y", "z"])
    assert set(runner({"x": np.ones((1, 3), np.float32)})) == {"y", "z"}
    runner = named_by_order(Runner("s", numbered), ["output_1", "output_0"])
    assert set(runner({"x": np.ones((1, 3), np.float32)})) == {"output_0", "output_1"}


def test_runners_say_which_extra_is_missing(monkeypatch, tmp_path):
    def no_engine(*_):
        raise ModuleNotFoundError("No module named 'cv2'", name="cv2")

    monkeypatch.setattr(registry.Framework, "room", no_engine)
    source = registry.Source(tmp_path / "net.prototxt")
    found = list(of_source(registry.framework("onnx"), source, model()))
    assert [runner for runner, _ in found] == [None, None]
    assert "mmdnn[verify]" in found[0][1]
    assert "mmdnn[verify]" in found[1][1]


def test_a_model_that_cannot_be_read_has_one_runner_only():
    source = registry.Source()
    assert len(list(of_source(registry.framework("onnx"), source, None))) == 1


def test_progress_is_told():
    titles = []

    class Told(Silent):
        def each(self, items, title):
            titles.append(title)
            yield from items

    progress = Told()
    run.verify(found(Runner("source", right)), Runner("target", right), model(), progress=progress)
    assert titles == ["running target"]


@pytest.mark.parametrize(("shift", "ok"), [(0.0, True), (1.0, False), (0.5, False)])
def test_whole_numbers_of_a_framework_that_has_floats_only(shift, ok):
    def whole(values):
        return {"z": values["x"].argmax(1), "y": values["x"] > 0}

    def floats(values):
        return {name: v.astype(np.float32) + shift for name, v in whole(values).items()}

    given = found(Runner("source", whole))
    report = run.verify(given, Runner("target", floats, floats=True), model())
    assert report.ok == ok
    assert not run.verify(given, Runner("target", floats), model()).ok


def test_a_floor_that_nothing_reaches_is_searched_for():
    def made(floor):
        builder = Builder("mmdnn.test")
        x = builder.input("x", (2, 3))
        y = builder.op.Log(builder.op.Max(builder.op.Mul(x, x), floor))
        builder.rename(y, "y")
        builder.graph.outputs.append(y)
        return builder.model()

    a, b = made(1e-5), made(-1e-5)
    report = run.verify(run.run_source(iter([(of_ir(a), "")]), a), of_ir(b), a)
    assert report.first_fault is not None
    assert report.first_fault.type == "Max"
