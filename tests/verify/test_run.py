"""Choosing what runs, and comparing; engines are small functions here."""

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn import registry
from mmdnn.errors import Error, MismatchError, MissingExtraError, UnsupportedError
from mmdnn.ir.builder import Builder
from mmdnn.progress import Silent
from mmdnn.verify import run
from mmdnn.verify.sides import NothingRunsError, Side, first_that_runs, named_by_order, source_sides


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
    return run.verify(found(Side("source", source), the_model), Side("target", target), the_model)


def test_a_good_pair_with_a_batch_of_two():
    report = compared(right, right)
    assert report.ok
    assert [layer.value for layer in report.layers] == ["y", "z"]
    assert (report.layers[0].name, report.layers[0].type) == ("layer1", "ReLU")
    assert report.feeds == ("random", "half zeros", "large", "random, batch of 2")


def test_the_first_layer_in_the_order_of_the_graph_is_at_fault():
    def wrong(values):
        return {"z": right(values)["z"] + 1, "y": right(values)["y"] + 1}

    assert compared(right, wrong).first_fault.value == "y"
    assert compared(right, lambda v: right(v) | {"z": v["x"]}).first_fault.value == "z"


def test_an_error_that_only_a_batch_of_two_shows():
    def wrong(values):
        return {name: np.repeat(v[:1], len(v), 0) for name, v in right(values).items()}

    fault = compared(right, wrong).first_fault
    assert fault.feed == "random, batch of 2"


def test_an_error_that_only_large_values_show():
    fault = compared(right, lambda v: {k: np.minimum(a, 20) for k, a in right(v).items()})
    assert fault.first_fault.feed == "large"


def test_values_known_on_one_side_only_are_listed():
    report = compared(
        lambda v: right(v) | {"mine": v["x"]}, lambda v: right(v) | {"theirs": v["x"]}
    )
    assert report.ok
    assert (report.only_source, report.only_target) == (("mine",), ("theirs",))


def test_an_output_that_the_result_lacks():
    source, target = Side("source", right), Side("target", lambda v: {"y": right(v)["y"]})
    report = run.verify(found(source), target, model(), whole=True)
    assert report.first_fault.value == "z"
    assert run.verify(found(source), target, model()).ok


def test_the_inputs_are_no_layers():
    report = compared(lambda v: right(v) | v, lambda v: right(v) | {"x": v["x"] + 1})
    assert [layer.value for layer in report.layers] == ["y", "z"]


def test_a_source_that_takes_no_batch_of_two():
    def alone(values):
        if len(values["x"]) > 1:
            raise Error("no")
        return right(values)

    report = compared(alone, right)
    assert report.ok
    assert report.notes == ("The source does not take a batch of 2, so only 1 was tried.",)


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
        found(Side("source", missing), model(("batch", "n")))
    assert len(calls) == 1


def test_the_next_side_stands_in_and_the_notes_say_why():
    def refuses(values):
        raise UnsupportedError("I am not to be trusted")

    sides = iter([(None, "first note"), (Side("second", refuses), ""), (Side("third", right), "")])
    result = run.run_source(sides, model())
    assert result.side.title == "third"
    assert result.notes == ("first note", "second: I am not to be trusted")


def test_nothing_runs():
    with pytest.raises(NothingRunsError, match="only note"):
        run.run_source(iter([(None, "only note")]), model())
    with pytest.raises(NothingRunsError):
        first_that_runs(iter([]), found(Side("s", right)).results[0][0])


def test_values_that_no_input_reaches_are_compared_once():
    builder = Builder("mmdnn.test")
    x = builder.input("x", ("batch", 2))
    c = builder.op.Exp(builder.weight("w", ir.tensor(np.ones(2, np.float32))))
    builder.rename(c, "c")
    builder.graph.outputs.append(builder.op.Add(x, c))
    the_model = builder.model()
    seen = found(Side("s", lambda v: {"c": np.ones(2, "f"), "y": v["x"]}), the_model).results
    assert ["c" in values for _, values in seen] == [True, False, False, False]


def test_rounding_noise_of_the_source_is_no_fault():
    def sensitive(values):
        y = 1e4 * np.maximum(values["x"], 0)
        return {"y": y, "z": np.sin(1e3 * y)}

    def other(values):
        return sensitive({"x": values["x"] * np.float32(1 + 2e-7)})

    report = compared(sensitive, other)
    assert report.ok
    assert any(layer.difference.noisy for layer in report.layers)


def test_names_that_differ():
    side = Side(
        "s",
        lambda v: {"out": right({"x": v["data"]})["z"]},
        rename={"data": "x", "out": "z"},
    )
    report = run.verify(found(Side("source", right)), side, model())
    assert [layer.value for layer in report.layers] == ["z"]
    assert report.ok


def test_outputs_that_are_only_numbered():
    def numbered(values):
        return {"output_0": right(values)["y"], "output_1": right(values)["z"]}

    side = named_by_order(Side("s", numbered), ["y", "z"])
    assert set(side({"x": np.ones((1, 3), np.float32)})) == {"y", "z"}
    side = named_by_order(Side("s", numbered), ["output_1", "output_0"])
    assert set(side({"x": np.ones((1, 3), np.float32)})) == {"output_0", "output_1"}


def test_source_sides_say_which_extra_is_missing(monkeypatch, tmp_path):
    def no_engine(*_):
        raise ModuleNotFoundError("No module named 'cv2'", name="cv2")

    monkeypatch.setattr(registry.Framework, "room", no_engine)
    source = registry.Source(tmp_path / "net.prototxt")
    sides = list(source_sides(registry.framework("caffe"), source, model()))
    assert [side for side, _ in sides] == [None, None]
    assert "mmdnn[caffe]" in sides[0][1]
    assert "mmdnn[verify]" in sides[1][1]


def test_a_model_that_cannot_be_read_has_one_side_only():
    source = registry.Source()
    sides = list(source_sides(registry.framework("onnx"), source, None))
    assert len(sides) == 1


def test_progress_is_told():
    titles = []

    class Told(Silent):
        def each(self, items, title):
            titles.append(title)
            yield from items

    progress = Told()
    run.run_source(iter([(Side("source", right), "")]), model(), progress=progress)
    assert titles == ["running source"]


@pytest.mark.parametrize(("shift", "ok"), [(0.0, True), (1.0, False), (0.5, False)])
def test_whole_numbers_of_a_framework_that_has_floats_only(shift, ok):
    def whole(values):
        return {"z": values["x"].argmax(1), "y": values["x"] > 0}

    def floats(values):
        return {name: v.astype(np.float32) + shift for name, v in whole(values).items()}

    given = found(Side("source", whole))
    report = run.verify(given, Side("target", floats, floats=True), model())
    assert report.ok == ok
    assert not run.verify(given, Side("target", floats), model()).ok
