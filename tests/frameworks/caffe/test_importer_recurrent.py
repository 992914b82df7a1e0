"""LSTM and RNN against their equations, step by step, and against real Caffe's outputs."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.caffe.one_layer import blobs, evaluate, model, normal, run
from mmdnn.errors import FormatError, ShapeError, UnsupportedError
from mmdnn.frameworks.caffe import importer, reader
from mmdnn.registry import Source

HIDDEN = 3
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _lstm(x, cont, static, h, c, w):
    outputs = []
    for t in range(len(x)):
        gates = x[t].reshape(len(x[t]), -1) @ w["x"].T + w["b"] + (cont[t][:, None] * h) @ w["h"].T
        if static is not None:
            gates = gates + static @ w["s"].T
        i, f, o, g = np.split(gates, 4, axis=1)
        c = cont[t][:, None] * _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs), h, c


def _rnn(x, cont, static, h, w):
    outputs = []
    for t in range(len(x)):
        hidden = x[t] @ w["x"].T + w["b"] + (cont[t][:, None] * h) @ w["h"].T
        if static is not None:
            hidden = hidden + static @ w["s"].T
        h = np.tanh(hidden)
        outputs.append(np.tanh(h @ w["o"].T + w["bo"]))
    return np.stack(outputs), h


def _weights(gates: int, features: int, static: int = 0) -> dict[str, np.ndarray]:
    rows = gates * HIDDEN
    shapes = {"x": (rows, features), "b": (rows,), "s": (rows, static), "h": (rows, HIDDEN)}
    if gates == 1:
        shapes |= {"o": (HIDDEN, HIDDEN), "bo": (HIDDEN,)}
    if not static:
        del shapes["s"]
    return {name: normal(*shape, seed=10 + i) for i, (name, shape) in enumerate(shapes.items())}


def _layer(
    kind: str, bottoms: str, tops: str, weights: dict[str, np.ndarray], more: str = ""
) -> str:
    names = " ".join(f'bottom: "{name}"' for name in bottoms.split())
    names += " " + " ".join(f'top: "{name}"' for name in tops.split())
    return (
        f'layer {{ name: "r" type: "{kind}" {names} '
        f"recurrent_param {{ num_output: {HIDDEN} {more} }} {blobs(*weights.values())} }}\n"
    )


def _feeds(steps: int, streams: int, *features: int) -> dict[str, np.ndarray]:
    cont = np.random.default_rng(5).choice([0, 1, 0.5, -1], (steps, streams)).astype(np.float32)
    return {"x": normal(steps, streams, *features), "cont": cont}


@pytest.mark.parametrize("features", [(4,), (2, 3), (2, 1, 3), ()])
def test_lstm_without_state_starts_at_zero(features):
    weights = _weights(4, int(np.prod(features)))
    feeds = _feeds(5, 2, *features)
    zero = np.zeros((2, HIDDEN), np.float32)
    expected, _, _ = _lstm(feeds["x"], feeds["cont"], None, zero, zero, weights)
    found = run(_layer("LSTM", "x cont", "y", weights), feeds)
    np.testing.assert_allclose(found["y"], expected, **TOLERANCE)


@pytest.mark.parametrize("static", [False, True])
def test_lstm_exposes_both_states(static):
    weights = _weights(4, 4, static=5 if static else 0)
    feeds = _feeds(3, 2, 4)
    if static:
        feeds["s"] = normal(2, 5, seed=3)
    feeds |= {"h0": normal(1, 2, HIDDEN, seed=1), "c0": normal(1, 2, HIDDEN, seed=2)}
    expected = _lstm(
        feeds["x"], feeds["cont"], feeds.get("s"), feeds["h0"][0], feeds["c0"][0], weights
    )
    bottoms = " ".join(feeds)
    found = run(_layer("LSTM", bottoms, "y hT cT", weights, "expose_hidden: true"), feeds)
    np.testing.assert_allclose(found["y"], expected[0], **TOLERANCE)
    np.testing.assert_allclose(found["hT"], expected[1][None], **TOLERANCE)
    np.testing.assert_allclose(found["cT"], expected[2][None], **TOLERANCE)


def test_lstm_static_input_may_have_more_axes():
    weights = _weights(4, 4, static=6)
    feeds = _feeds(3, 2, 4) | {"s": normal(2, 2, 3, seed=3)}
    zero = np.zeros((2, HIDDEN), np.float32)
    static = feeds["s"].reshape(2, 6)
    expected, _, _ = _lstm(feeds["x"], feeds["cont"], static, zero, zero, weights)
    found = run(_layer("LSTM", "x cont s", "y", weights), feeds)
    np.testing.assert_allclose(found["y"], expected, **TOLERANCE)


def test_as_many_steps_as_streams():
    weights = _weights(4, 4, static=5)
    feeds = _feeds(2, 2, 4) | {"s": normal(2, 5, seed=3)}
    zero = np.zeros((2, HIDDEN), np.float32)
    expected, _, _ = _lstm(feeds["x"], feeds["cont"], feeds["s"], zero, zero, weights)
    found = run(_layer("LSTM", "x cont s", "y", weights), feeds)
    np.testing.assert_allclose(found["y"], expected, **TOLERANCE)


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("exposed", [False, True])
def test_rnn(static, exposed):
    weights = _weights(1, 4, static=5 if static else 0)
    feeds = _feeds(4, 2, 4)
    if static:
        feeds["s"] = normal(2, 5, seed=3)
    h = np.zeros((2, HIDDEN), np.float32)
    if exposed:
        feeds["h0"] = normal(1, 2, HIDDEN, seed=1)
        h = feeds["h0"][0]
    expected = _rnn(feeds["x"], feeds["cont"], feeds.get("s"), h, weights)
    more = "expose_hidden: true" if exposed else ""
    tops = "y hT" if exposed else "y"
    found = run(_layer("RNN", " ".join(feeds), tops, weights, more), feeds)
    np.testing.assert_allclose(found["y"], expected[0], **TOLERANCE)
    if exposed:
        np.testing.assert_allclose(found["hT"], expected[1][None], **TOLERANCE)


@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
def test_any_number_of_steps(kind):
    weights = _weights(4 if kind == "LSTM" else 1, 4)
    network = model(_layer(kind, "x cont", "y", weights), {"x": (5, 2, 4), "cont": (5, 2)})
    feeds = _feeds(5, 2, 4)
    whole = evaluate(network, feeds)["y"]
    for steps in (1, 3):
        part = evaluate(network, {name: array[:steps] for name, array in feeds.items()})["y"]
        np.testing.assert_allclose(part, whole[:steps], **TOLERANCE)


def test_equal_layers_share_one_function():
    first, second = _weights(4, HIDDEN), _weights(4, HIDDEN)
    second["h"] = -second["h"]
    text = _layer("LSTM", "x cont", "h", first).replace('"r"', '"r1"')
    text += _layer("LSTM", "h cont", "y", second)
    feeds = _feeds(4, 2, HIDDEN)
    network = model(text, {name: array.shape for name, array in feeds.items()})
    assert [function.name for function in network.functions.values()] == ["LSTM"]
    zero = np.zeros((2, HIDDEN), np.float32)
    h, _, _ = _lstm(feeds["x"], feeds["cont"], None, zero, zero, first)
    expected, _, _ = _lstm(h, feeds["cont"], None, zero, zero, second)
    np.testing.assert_allclose(evaluate(network, feeds)["y"], expected, **TOLERANCE)


def test_the_weights_are_the_layers_own():
    network = model(_layer("LSTM", "x cont", "y", _weights(4, 4)), {"x": (5, 2, 4), "cont": (5, 2)})
    assert set(network.graph.initializers) == {"r.weight_x", "r.bias", "r.weight_h"}


@pytest.mark.parametrize(
    ("layer", "error"),
    [
        (_layer("LSTM", "x", "y", {}), UnsupportedError),
        (_layer("LSTM", "x cont x x", "y", {}), UnsupportedError),
        (_layer("LSTM", "x cont", "y z", {}), UnsupportedError),
        (_layer("RNN", "x cont", "y", {}, "expose_hidden: true"), UnsupportedError),
        (_layer("RNN", "cont x", "y", {}), UnsupportedError),
        (_layer("LSTM", "x cont", "y", {"x": normal(12, 4)}), FormatError),
        (_layer("LSTM", "x cont", "y", _weights(4, 5)), ShapeError),
    ],
)
def test_what_caffe_refuses(layer, error):
    with pytest.raises(error) as caught:
        model(layer, {"x": (5, 2, 4), "cont": (5, 2)})
    assert caught.value.layer == "r"


@pytest.mark.parametrize(
    "shapes",
    [
        {"x": (5, 2, 4), "cont": (5, 1)},
        {"x": (5, 2, 4), "cont": (1, 2)},
        {"x": (5, 2, 4), "cont": (5, 2), "s": (1, 6)},
        {"x": (5, 2, 4), "cont": (5, 2), "h": (1, 1, HIDDEN)},
        {"x": (5, 2, 4), "cont": (5, 2), "h": (1, 2, 1)},
        {"x": (5, 2, 4), "cont": (5, 2), "h": (2, 2, HIDDEN)},
        {"x": (5, 2, 4), "cont": (5, 2), "h": (2, HIDDEN)},
    ],
)
def test_nothing_is_broadcast(shapes):
    exposed = "h" in shapes
    tops, more = ("y hT", "expose_hidden: true") if exposed else ("y", "")
    weights = _weights(1, 4, static=6 if "s" in shapes else 0)
    with pytest.raises(ShapeError):
        model(_layer("RNN", " ".join(shapes), tops, weights, more), shapes)


@pytest.mark.parametrize("prefix", ["lstm_", "rnn_", "net_lstm"])
def test_golden(shared, prefix):
    cases = sorted((shared / "corpus" / "caffe").glob(f"{prefix}*"))
    assert cases
    for case in cases:
        with np.load(case / "golden.npz") as arrays:
            golden = {name: arrays[name] for name in arrays.files}
        source = Source(case / "net.prototxt", next(case.glob("*.caffemodel")))
        feeds = {key[6:]: golden[key] for key in golden if key.startswith("input/")}
        for name, value in evaluate(importer.to_ir(reader.read(source)), feeds).items():
            np.testing.assert_allclose(
                value, golden[f"blob/{name}"], rtol=1e-4, atol=1e-5, err_msg=f"{case.name} {name}"
            )
