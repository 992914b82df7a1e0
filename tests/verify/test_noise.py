import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.errors import Error
from mmdnn.ir.builder import Builder
from mmdnn.verify import noise
from mmdnn.verify.sides import Side, ir_side

pytest.importorskip("onnxruntime")


def model():
    builder = Builder("mmdnn.test")
    x = builder.input("x", (1, 3))
    w = builder.weight("w", ir.tensor(np.array([1e3, 1e3, 0], np.float32)))
    b = builder.weight("b", ir.tensor(np.array([1e3, -1e3, 0], np.float32)))
    y = builder.op.Add(builder.op.Mul(x, w), b)
    builder.rename(y, "y")
    s = builder.op.ReduceSum(y, np.array([1]), keepdims=0)
    builder.rename(s, "s")
    i = builder.op.ArgMax(y, axis=1)
    builder.rename(i, "i")
    builder.graph.outputs.extend([s, i])
    return builder.model()


def measured(feeds):
    side = ir_side(model())
    was = side(feeds)
    return was, noise.probes(side, model(), feeds, was)


def test_zeros_stay_zero_and_floats_move_a_little():
    rng = np.random.default_rng(0)
    array = noise.changed(np.array([0, 1, -1000], np.float32), rng)
    assert array.dtype == np.float32
    assert array[0] == 0
    assert 0 < abs(array[1] - 1) < 1e-5
    assert 0 < abs(array[2] + 1000) < 1e-2
    integers = np.array([3])
    assert noise.changed(integers, rng) is integers


def test_weights_show_the_noise_of_a_network_fed_with_zeros():
    was, probes = measured({"x": np.zeros((1, 3), np.float32)})
    assert was["s"] == 0
    moved = [abs(float(values["s"][0])) for values in probes]
    assert moved[: noise.RUNS] == [0] * noise.RUNS
    assert 1e-4 < max(moved[noise.RUNS :]) < 1e-2


def test_weights_excuse_no_decision():
    _, probes = measured({"x": np.ones((1, 3), np.float32)})
    assert ["i" in values for values in probes] == [True] * noise.RUNS + [False] * noise.RUNS


def test_nothing_is_kept_but_what_is_asked_for():
    side, feeds = ir_side(model()), {"x": np.ones((1, 3), np.float32)}
    found = noise.probes(side, model(), feeds, {"s": side(feeds)["s"]})
    assert [list(values) for values in found] == [["s"]] * 2 * noise.RUNS


def test_the_weights_of_the_model_are_left_as_they_are():
    the_model = model()
    side, feeds = ir_side(the_model), {"x": np.ones((1, 3), np.float32)}
    before = side(feeds)
    noise.probes(side, the_model, feeds, before)
    assert all(np.array_equal(before[name], value) for name, value in side(feeds).items())


def test_a_stand_in_that_cannot_run_excuses_nothing(monkeypatch):
    def broken(_):
        raise Error("no")

    monkeypatch.setattr(noise, "ir_side", lambda _: Side("broken", broken))
    side = Side("source", lambda values: {"y": values["x"]})
    feeds = {"x": np.ones((1, 3), np.float32)}
    assert len(noise.probes(side, model(), feeds, side(feeds))) == noise.RUNS
