"""The float64 evaluator against onnxruntime, and the arbiter on top of it."""

from __future__ import annotations

import itertools

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.frameworks.onnx import engine
from mmdnn.ir.builder import Builder
from mmdnn.verify.arbiter import WITHIN, Verdict, judge
from mmdnn.verify.compare import difference
from mmdnn.verify.exact import Exact
from mmdnn.verify.rounding import within

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 4, 7, 9)).astype(np.float32)
STRIDES, DILATIONS, PADS = [(1, 1), (2, 3)], [(1, 1), (2, 1)], [(0, 0, 0, 0), (0, 1, 1, 0)]


def model_of(make, shape=X.shape, dtype=ir.DataType.FLOAT):
    builder = Builder("mmdnn.test")
    y = make(builder.op, builder.input("x", shape, dtype))
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    return builder.model()


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose", "MaxPool", "AveragePool"])
@pytest.mark.parametrize(("strides", "dilations"), [*itertools.product(STRIDES, DILATIONS)])
@pytest.mark.parametrize(("pads", "ceil"), [*itertools.product(PADS, [0, 1])])
def test_windows(op, strides, dilations, pads, ceil):
    w = RNG.standard_normal((4, 2, 3, 2)).astype(np.float32)
    window = {"strides": strides, "dilations": dilations, "pads": pads, "kernel_shape": (3, 2)}

    def make(o, x):
        if op.startswith("Conv"):
            return getattr(o, op)(x, w, group=2, **window)
        counted = {"count_include_pad": ceil} if op == "AveragePool" else {}
        return getattr(o, op)(x, ceil_mode=ceil, **window, **counted)

    model = model_of(make)
    found = Exact(model).value("y", {"x": X})
    wanted = engine.run(model, {"x": X})["y"]
    assert found is not None
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_it_begins_at_the_nearest_known_values():
    builder = Builder("mmdnn.test")
    x = builder.input("x", (3,))
    h = builder.op.Exp(x)
    builder.rename(h, "h")
    y = builder.op.Mul(h, 2.0)
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    exact, values = Exact(builder.model()), {"x": np.zeros(3, "f"), "h": np.full(3, 5, "f")}
    assert exact.reads("y", values) == {"h"}
    np.testing.assert_array_equal(exact.value("y", values), [10, 10, 10])
    np.testing.assert_array_equal(exact.value("y", {"x": values["x"]}), [2, 2, 2])
    assert exact.value("y", {}) is None
    assert exact.value("x", values) is None


def test_narrow_floats_are_widened_and_random_numbers_refused():
    halves = model_of(lambda op, x: op.Add(x, np.float16(1)), (2,), ir.DataType.FLOAT16)
    found = Exact(halves).value("y", {"x": np.array([1, 2], np.float16)})
    assert found.dtype == np.float64
    noise = model_of(lambda op, x: op.Add(x, op.RandomNormalLike(x)), shape=(2,))
    assert Exact(noise).value("y", {"x": np.zeros(2, "f")}) is None


def test_branches_read_what_is_around_them():
    builder = Builder("mmdnn.test")
    x = builder.input("x", (2,))
    branches = {}
    for name, factor in (("then_branch", 2.0), ("else_branch", 3.0)):
        inner = Builder("mmdnn.test", name)
        y = inner.op.Mul(x, factor)
        inner.graph.outputs.append(y)
        branches[name] = inner.graph
    condition = builder.op.Greater(builder.op.ReduceSum(x, keepdims=0), 0.0)
    y = builder.op.If(condition, **branches)
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    exact = Exact(builder.model())
    np.testing.assert_array_equal(exact.value("y", {"x": np.array([1, 2], "f")}), [2, 4])
    np.testing.assert_array_equal(exact.value("y", {"x": np.array([-1, -2], "f")}), [-3, -6])
    assert isinstance(builder.graph, ir.Graph)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_local_response_is_one_over_channels(size):
    """ONNX's own evaluator takes the batch for the channels."""
    model = model_of(lambda op, x: op.LRN(x, size=size, alpha=0.5, beta=0.75, bias=2.0))
    found = Exact(model).value("y", {"x": 30 * X})
    assert found is not None
    np.testing.assert_allclose(found, engine.run(model, {"x": 30 * X})["y"], rtol=1e-4)


@pytest.mark.parametrize("stride", [2, 3])
def test_padding_is_counted_and_what_lies_beyond_it_is_not(stride):
    window = {"kernel_shape": (3, 3), "strides": (stride, stride), "pads": (1, 1, 1, 1)}
    model = model_of(lambda op, x: op.AveragePool(x, ceil_mode=1, count_include_pad=1, **window))
    wanted = engine.run(model, {"x": X})["y"]
    np.testing.assert_allclose(Exact(model).value("y", {"x": X}), wanted, rtol=1e-5, atol=1e-6)


def test_boxes_that_suppress_each_other():
    builder = Builder("mmdnn.test")
    boxes, scores = builder.input("boxes", (1, 6, 4)), builder.input("scores", (1, 1, 6))
    y = builder.op.NonMaxSuppression(boxes, scores, np.int64(4), np.float32(0.4), np.float32(0.1))
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    model = builder.model()
    low = RNG.random((1, 6, 2)).astype("f")
    feeds = {
        "boxes": np.concatenate([low, low + 0.7], 2),
        "scores": RNG.random((1, 1, 6)).astype("f"),
    }
    np.testing.assert_array_equal(Exact(model).value("y", feeds), engine.run(model, feeds)["y"])


def _normalized(epsilon=1e-5):
    scale, bias = np.array([0.5, 1.7, -2], "f"), np.array([-0.8, -0.1, 0.6], "f")
    return lambda o, x: o.InstanceNormalization(x, scale, bias, epsilon=epsilon)


def _judged(model, x, was, now):
    feeds = {"x": x}
    gap = difference(was, now)
    return judge(Exact(model), "y", feeds | {"y": was}, feeds | {"y": now}, gap)


def _direct(x, epsilon=1e-5):
    """s (x - mean) / sqrt(var + epsilon) + b, as it stands."""
    mean, variance = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    s, b = (np.array(v, "f").reshape(3, 1, 1) for v in ([0.5, 1.7, -2], [-0.8, -0.1, 0.6]))
    return (s * (x - mean) / np.sqrt(variance + epsilon) + b).astype("f")


def test_what_an_engine_rounds_within_a_layer_is_not_the_results_fault():
    """onnxruntime computes x s + (b - mean s): of one pixel, b is what is left of 255 * 316."""
    x = np.array([205, 59, 250], "f").reshape(1, 3, 1, 1)
    model = model_of(_normalized(), x.shape)
    was = engine.run(model, {"x": x})["y"]
    assert np.abs(was - _direct(x)).max() > 1e-3
    found = _judged(model, x, was, _direct(x))
    assert found.verdict is Verdict.UNDECIDED
    assert found.why.endswith(WITHIN)
    small = x / 1000
    np.testing.assert_allclose(engine.run(model, {"x": small})["y"], _direct(small), rtol=1e-4)


@pytest.mark.parametrize("change", ["bias", "epsilon", "the result"])
def test_a_wrong_normalisation_is_at_fault_all_the_same(change):
    x = RNG.standard_normal((1, 3, 4, 5)).astype("f")
    model = model_of(_normalized(), x.shape)
    was = now = _direct(x)
    if change == "bias":
        was = was + np.float32(0.01)
    elif change == "epsilon":
        was = _direct(x, 1e-2)
    else:
        now = now + np.float32(0.01)
    assert _judged(model, x, was, now).verdict is Verdict.NO


@pytest.mark.parametrize("kind", ["GroupNormalization", "LayerNormalization"])
def test_the_numbers_within_other_normalisations(kind):
    """Without rounding, one scale and one shift for all of a group are the formula."""
    x = X.astype(np.float64)
    s, b = RNG.standard_normal((2, 4)), RNG.standard_normal((2, 4))[:, :4]
    if kind == "GroupNormalization":
        node = ir.node(kind, [None] * 3, {"num_groups": 2, "epsilon": 1e-5})
        inputs = [x, s[0], b[0]]
        groups = x.reshape(2, 2, -1)
    else:
        node = ir.node(kind, [None] * 3, {"axis": -1, "epsilon": 1e-5})
        inputs = [x, RNG.standard_normal(9), RNG.standard_normal(9)]
        groups = x.reshape(-1, 9)
    mean, variance = groups.mean(-1, keepdims=True), groups.var(-1, keepdims=True)
    wanted = ((groups - mean) / np.sqrt(variance + 1e-5)).reshape(x.shape)
    scale, bias = inputs[1:]
    if kind == "GroupNormalization":
        scale, bias = scale.reshape(4, 1, 1), bias.reshape(4, 1, 1)
    [y] = within(node, inputs, [None], np.random.default_rng(0), every=True)
    np.testing.assert_allclose(y, wanted * scale + bias, rtol=1e-4, atol=1e-4)


def test_an_infinity_is_no_excuse_where_nothing_is_squared():
    exact = Exact(model_of(lambda op, x: op.IsInf(x), (4,)))
    x = np.array([np.inf, -np.inf, 1, np.nan], np.float32)
    right, wrong = np.isinf(x), np.isposinf(x)
    found = judge(exact, "y", {"x": x, "y": right}, {"x": x, "y": wrong}, difference(right, wrong))
    assert found.verdict is Verdict.NO
