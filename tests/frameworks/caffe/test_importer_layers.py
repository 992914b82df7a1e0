"""Layers by hand: a line of prototxt, and Caffe's formula in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers.caffe.one_layer import blobs, evaluate, model, normal, run
from mmdnn.errors import Error
from mmdnn.frameworks.caffe import importer, reader
from mmdnn.frameworks.caffe.graph import message
from mmdnn.registry import Source

X = normal(2, 6, 4, 5)
ROWS = normal(3, 6, seed=1)
TIES = np.round(normal(2, 3, 4, seed=2))

Formula = Callable[[np.ndarray], np.ndarray]


def layer(type_: str, parameters: str = "", more: str = "", bottoms: str = 'bottom: "x"') -> str:
    block = {"InnerProduct": "inner_product"}.get(type_, type_.lower())
    parameters = f"{block}_param {{ {parameters} }}" if parameters else ""
    return f'layer {{ name: "l" type: "{type_}" {bottoms} top: "y" {parameters} {more} }}\n'


def _softmax(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _argsorted(x: np.ndarray, axis: int, k: int) -> np.ndarray:
    """Indices by falling value, of equal values the last first."""
    back = np.flip(x, axis)
    order = x.shape[axis] - 1 - np.argsort(-back, axis=axis, kind="stable")
    return np.take(order, np.arange(k), axis).astype(np.float32)


def _mvn(x: np.ndarray, axes: tuple[int, ...], eps: float = 1e-9) -> np.ndarray:
    x = x.reshape(x.shape + (1,) * (4 - x.ndim))
    centred = x - x.mean(axes, keepdims=True)
    return centred / (np.sqrt((centred**2).mean(axes, keepdims=True)) + eps)


def _lrn(x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    padded = np.pad(x**2, [(0, 0), (size // 2, size // 2), (0, 0), (0, 0)])
    total = sum(padded[:, i : i + x.shape[1]] for i in range(size))
    return x / (k + alpha / size * total) ** beta


def _tiled(x: np.ndarray, axis: int, tiles: int) -> np.ndarray:
    return np.concatenate([x] * tiles, axis)


CASES: dict[str, tuple[str, np.ndarray, Formula]] = {
    "relu_slope": (layer("ReLU", "negative_slope: 0.3"), X, lambda x: np.where(x > 0, x, 0.3 * x)),
    "elu": (layer("ELU", "alpha: 0.4"), X, lambda x: np.where(x > 0, x, 0.4 * (np.exp(x) - 1))),
    "bnll": (layer("BNLL"), X * 30, lambda x: np.logaddexp(0, x)),
    "abs": (layer("AbsVal"), X, np.abs),
    "power": (layer("Power", "power: 2 scale: -3 shift: 0.5"), X, lambda x: (0.5 - 3 * x) ** 2),
    "power_0": (layer("Power", "power: 0 shift: 4"), X, np.ones_like),
    "power_scale_0": (
        layer("Power", "power: 3 scale: 0 shift: 2"),
        np.float32([1, np.nan, np.inf]),
        lambda x: np.full_like(x, 8),
    ),
    "exp": (layer("Exp", "base: 3 scale: 0.5 shift: -1"), X, lambda x: 3 ** (0.5 * x - 1)),
    "exp_shift": (layer("Exp", "shift: 2"), X, lambda x: np.exp(2 + x)),
    "exp_base_1": (layer("Exp", "base: 1 shift: 2"), X, np.ones_like),
    "log": (
        layer("Log", "base: 2 scale: 3 shift: 1"),
        np.abs(X),
        lambda x: np.log2(3 * x + 1),
    ),
    "clip": (layer("Clip", "min: -0.5 max: 0.25"), X, lambda x: np.clip(x, -0.5, 0.25)),
    "clip_inverted": (layer("Clip", "min: 1 max: -1"), X, np.ones_like),
    "swish": (layer("Swish", "beta: 2"), X, lambda x: x / (1 + np.exp(-2 * x))),
    "threshold": (layer("Threshold", "threshold: 0.5"), X, lambda x: (x > 0.5).astype(np.float32)),
    "prelu": (
        layer("PReLU", "", blobs(np.float32([0.1, 0.2, 0.3, 0.4, 0.5, -1]))),
        ROWS,
        lambda x: np.where(x > 0, x, x * [0.1, 0.2, 0.3, 0.4, 0.5, -1]),
    ),
    "softmax_axis": (layer("Softmax", "axis: -2"), X, lambda x: _softmax(x, 2)),
    "tile": (layer("Tile", "axis: -1 tiles: 3"), X, lambda x: _tiled(x, 3, 3)),
    "tile_batch": (layer("Tile", "axis: 0 tiles: 2"), X, lambda x: _tiled(x, 0, 2)),
    "sum": (layer("Reduction", "axis: 2"), X, lambda x: x.sum((2, 3))),
    "asum": (layer("Reduction", "operation: ASUM coeff: 2"), X, lambda x: 2 * np.abs(x).sum()),
    "sumsq": (
        layer("Reduction", "operation: SUMSQ axis: -1"),
        X,
        lambda x: (x**2).sum(3),
    ),
    "mean": (
        layer("Reduction", "operation: MEAN axis: 1 coeff: -3"),
        X,
        lambda x: -3 * x.mean((1, 2, 3)),
    ),
    "argmax": (layer("ArgMax"), TIES, lambda x: _argsorted(x.reshape(2, 12), 1, 1)[:, None]),
    "argmax_k": (
        layer("ArgMax", "top_k: 3"),
        TIES,
        lambda x: _argsorted(x.reshape(2, 12), 1, 3).reshape(2, 1, 3),
    ),
    "argmax_axis": (layer("ArgMax", "axis: -1"), TIES, lambda x: _argsorted(x, 2, 1)),
    "argmax_axis_k": (layer("ArgMax", "axis: 1 top_k: 2"), TIES, lambda x: _argsorted(x, 1, 2)),
    "argmax_axis_value": (
        layer("ArgMax", "axis: 1 top_k: 2 out_max_val: true"),
        TIES,
        lambda x: -np.sort(-x, axis=1)[:, :2],
    ),
    "argmax_4d_values": (
        layer("ArgMax", "out_max_val: true"),
        X,
        lambda x: np.stack([x.reshape(2, -1).argmax(1), x.reshape(2, -1).max(1)], 1).reshape(
            2, 2, 1, 1
        ),
    ),
    "mvn": (layer("MVN"), X, lambda x: _mvn(x, (2, 3))),
    "mvn_2d_across": (
        layer("MVN", "across_channels: true eps: 0.1"),
        ROWS,
        lambda x: _mvn(x, (1, 2, 3), 0.1),
    ),
    "mvn_mean_only": (
        layer("MVN", "normalize_variance: false"),
        X,
        lambda x: x - x.mean((2, 3), keepdims=True),
    ),
    "lrn": (
        layer("LRN", "local_size: 3 alpha: 0.2 beta: 0.5 k: 2"),
        X,
        lambda x: _lrn(x, 3, 0.2, 0.5, 2),
    ),
    "flatten": (layer("Flatten"), X, lambda x: x.reshape(2, -1)),
    "flatten_mid": (layer("Flatten", "axis: 1 end_axis: -2"), X, lambda x: x.reshape(2, 24, 5)),
    "flatten_front": (layer("Flatten", "axis: 0 end_axis: 1"), X, lambda x: x.reshape(12, 4, 5)),
    "flatten_one": (layer("Flatten", "axis: 2 end_axis: 2"), X, lambda x: x),
    "reshape_rest": (
        layer("Reshape", "shape { dim: 0 dim: 3 dim: -1 }"),
        X,
        lambda x: x.reshape(2, 3, 40),
    ),
    "reshape_inner": (
        layer("Reshape", "shape { dim: 2 dim: -1 } axis: 1 num_axes: 1"),
        X,
        lambda x: x.reshape(2, 2, 3, 4, 5),
    ),
    "reshape_copy_later": (
        layer("Reshape", "shape { dim: -1 dim: 0 } axis: 2"),
        X,
        lambda x: x.reshape(2, 6, 4, 5),
    ),
    "reshape_end": (
        layer("Reshape", "shape { dim: 1 dim: 1 } axis: -1 num_axes: 0"),
        X,
        lambda x: x.reshape(2, 6, 4, 5, 1, 1),
    ),
    "reshape_to_no_axes": (
        layer("Reshape", "axis: 0 num_axes: 1 shape { }"),
        np.float32([3]),
        lambda x: x.reshape(()),
    ),
    "reshape_batch": (
        layer("Reshape", "shape { dim: -1 dim: 10 }"),
        X,
        lambda x: x.reshape(24, 10),
    ),
    "reshape_fixed": (
        layer("Reshape", "shape { dim: 4 dim: 3 dim: 20 }"),
        X,
        lambda x: x.reshape(4, 3, 20),
    ),
    "inner_product": (
        layer("InnerProduct", "num_output: 3 axis: 2", blobs(normal(3, 20), normal(3))),
        X,
        lambda x: x.reshape(2, 6, 20) @ normal(3, 20).T + normal(3),
    ),
    "inner_product_transposed": (
        layer(
            "InnerProduct", "num_output: 3 transpose: true bias_term: false", blobs(normal(120, 3))
        ),
        X,
        lambda x: x.reshape(2, 120) @ normal(120, 3),
    ),
    "inner_product_of_all": (
        layer("InnerProduct", "num_output: 3 axis: 0 bias_term: false", blobs(normal(3, 240))),
        X,
        lambda x: x.reshape(240) @ normal(3, 240).T,
    ),
    "embed": (
        layer("Embed", "num_output: 3 input_dim: 5 bias_term: false", blobs(normal(5, 3))),
        np.float32([[[0, 4.7], [2, 1]]]),
        lambda x: normal(5, 3)[x.astype(int)],
    ),
    "scale_last": (
        layer("Scale", "axis: -1 bias_term: true", blobs(normal(5), normal(5, seed=1))),
        X,
        lambda x: x * normal(5) + normal(5, seed=1),
    ),
    "scale_from_1": (
        layer("Scale", "num_axes: -1", blobs(normal(6, 4, 5))),
        X,
        lambda x: x * normal(6, 4, 5),
    ),
    "scale_number": (layer("Scale", "num_axes: 0", blobs(np.float32(3))), X, lambda x: 3 * x),
    "bias_2": (
        layer("Bias", "axis: 1 num_axes: 2", blobs(normal(6, 4))),
        X,
        lambda x: x + normal(6, 4)[:, :, None],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_layer(case: str) -> None:
    text, x, formula = CASES[case]
    wanted = np.asarray(formula(x.astype(np.float64)))
    found = run(text, {"x": x})["y"]
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


LABEL = np.float32([1, 0, 3])
BOTH = 'bottom: "x" bottom: "b"'


def _picked(x: np.ndarray, label: np.ndarray) -> np.ndarray:
    return -np.log(_softmax(x, 1)[np.arange(len(x)), label.astype(int)])


def _better(x: np.ndarray, label: np.ndarray) -> np.ndarray:
    return (x >= x[np.arange(len(x)), label.astype(int)][:, None]).sum(1)


def _entropy(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, x) - x * t


PAIRS: dict[str, tuple[str, np.ndarray, np.ndarray, object]] = {
    "sum": (
        layer("Eltwise", "coeff: 2 coeff: -1", bottoms=BOTH),
        X,
        X + 1,
        X - 1,
    ),
    "max": (layer("Eltwise", "operation: MAX", bottoms=BOTH), X, -X, np.abs(X)),
    "scale": (layer("Scale", "axis: 1", bottoms=BOTH), X, ROWS[0], X * ROWS[0][:, None, None]),
    "scale_items": (
        layer("Scale", "axis: 0", bottoms=BOTH),
        X,
        X[:, 0, 0, 0],
        X * X[:, :1, :1, :1],
    ),
    "scale_scalar": (layer("Scale", bottoms=BOTH), X, np.array(2, np.float32), 2 * X),
    "scale_bias": (
        layer("Scale", "axis: 2 bias_term: true", blobs(normal(4, 5)), BOTH),
        X,
        X[0, 0],
        X * X[0, 0] + normal(4, 5),
    ),
    "bias": (layer("Bias", "axis: -2", bottoms=BOTH), X, X[0, 0], X + X[0, 0]),
    "crop": (
        layer("Crop", "axis: 1 offset: 2 offset: 0 offset: 1", bottoms=BOTH),
        X,
        normal(9, 3, 4, 2),
        X[:, 2:5, :, 1:3],
    ),
    "crop_default": (layer("Crop", bottoms=BOTH), X, normal(2, 3, 2, 5), X[:, :, :2]),
    "reindex": (
        layer("BatchReindex", bottoms=BOTH),
        X,
        np.float32([1, 1, 0]),
        X[[1, 1, 0]],
    ),
    "filter": (
        layer("Filter", bottoms=BOTH),
        ROWS,
        np.float32([[0.5], [0], [-1]]),
        ROWS[[0, 2]],
    ),
    "softmax_loss": (
        layer("SoftmaxWithLoss", bottoms=BOTH),
        ROWS,
        LABEL,
        _picked(ROWS, LABEL).mean(),
    ),
    "softmax_loss_ignore": (
        layer("SoftmaxWithLoss", more="loss_param { ignore_label: 255 }", bottoms=BOTH),
        ROWS,
        np.float32([1, 255, 3]),
        _picked(ROWS, LABEL)[[0, 2]].mean(),
    ),
    "softmax_loss_all_ignored": (
        layer("SoftmaxWithLoss", more="loss_param { ignore_label: 1 }", bottoms=BOTH),
        ROWS,
        np.float32([1, 1, 1]),
        0.0,
    ),
    "softmax_loss_full": (
        layer(
            "SoftmaxWithLoss",
            more="loss_param { ignore_label: 0 normalization: FULL } loss_weight: 5",
            bottoms=BOTH,
        ),
        ROWS,
        LABEL,
        _picked(ROWS, LABEL)[[0, 2]].sum() / 3,
    ),
    "softmax_loss_none": (
        layer("SoftmaxWithLoss", more="loss_param { normalization: NONE }", bottoms=BOTH),
        ROWS,
        LABEL,
        _picked(ROWS, LABEL).sum(),
    ),
    "softmax_loss_plane": (
        layer("SoftmaxWithLoss", more="loss_param { normalize: false }", bottoms=BOTH),
        X,
        np.zeros((2, 1, 4, 5), np.float32),
        -np.log(_softmax(X, 1)[:, 0]).sum() / 2,
    ),
    "euclidean": (
        layer("EuclideanLoss", bottoms=BOTH),
        ROWS,
        ROWS[::-1].copy(),
        ((ROWS - ROWS[::-1]) ** 2).sum() / 6,
    ),
    "sigmoid_loss": (
        layer("SigmoidCrossEntropyLoss", bottoms=BOTH),
        ROWS,
        np.abs(ROWS),
        _entropy(ROWS, np.abs(ROWS)).sum() / 3,
    ),
    "sigmoid_loss_valid": (
        layer(
            "SigmoidCrossEntropyLoss",
            more="loss_param { ignore_label: -1 normalization: VALID }",
            bottoms=BOTH,
        ),
        ROWS[:, :2],
        np.float32([[1, 0], [-1, 1], [0, -1]]),
        _entropy(ROWS[:, :2], np.float32([[1, 0], [0, 1], [0, 0]]))[
            [0, 0, 1, 2], [0, 1, 1, 0]
        ].mean(),
    ),
    "hinge": (
        layer("HingeLoss", bottoms=BOTH),
        ROWS,
        LABEL,
        np.maximum(0, 1 + ROWS * np.where(np.arange(6) == LABEL[:, None], -1, 1)).sum() / 3,
    ),
    "hinge_l2": (
        layer("HingeLoss", more="hinge_loss_param { norm: L2 }", bottoms=BOTH),
        ROWS,
        LABEL,
        (np.maximum(0, 1 + ROWS * np.where(np.arange(6) == LABEL[:, None], -1, 1)) ** 2).sum() / 3,
    ),
    "multinomial": (
        layer("MultinomialLogisticLoss", bottoms=BOTH),
        np.abs(ROWS) * np.float32([[0], [1], [1]]),
        LABEL,
        -np.log(np.maximum(np.abs(ROWS[[0, 1, 2], [1, 0, 3]]) * [0, 1, 1], 1e-20)).mean(),
    ),
    "accuracy": (layer("Accuracy", bottoms=BOTH), ROWS, LABEL, (_better(ROWS, LABEL) <= 1).mean()),
    "accuracy_top": (
        layer("Accuracy", "top_k: 3", bottoms=BOTH),
        ROWS,
        LABEL,
        (_better(ROWS, LABEL) <= 3).mean(),
    ),
    "accuracy_ignore": (
        layer("Accuracy", "top_k: 4 ignore_label: 0", bottoms=BOTH),
        ROWS,
        LABEL,
        (_better(ROWS, LABEL) <= 4)[[0, 2]].mean(),
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_two_bottoms(case: str) -> None:
    text, x, b, wanted = PAIRS[case]
    found = run(text, {"x": x, "b": b})["y"]
    assert found.shape == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_accuracy_by_class() -> None:
    text = 'layer { name: "a" type: "Accuracy" bottom: "x" bottom: "b" top: "y" top: "c" }'
    x = np.float32([[3, 1, 2], [1, 5, 2], [4, 1, 2], [0, 1, 2]])
    found = run(text, {"x": x, "b": np.float32([0, 1, 1, 1])})
    np.testing.assert_allclose(found["y"], 0.5)
    np.testing.assert_allclose(found["c"], [1, 1 / 3, 0])


def test_infogain_loss() -> None:
    text = layer("InfogainLoss", bottoms=BOTH + ' bottom: "h"')
    h = normal(6, 6, seed=4)
    wanted = -(h[LABEL.astype(int)] * np.log(_softmax(ROWS, 1))).sum() / 3
    found = run(text, {"x": ROWS, "b": LABEL, "h": h})["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_infogain_loss_of_a_file(tmp_path: Path) -> None:
    h = normal(6, 6, seed=4)
    proto = message("BlobProto")
    proto.shape.dim.extend([1, 1, 6, 6])
    proto.data.extend(h.ravel())
    (tmp_path / "h.binaryproto").write_bytes(proto.SerializeToString())
    inputs = "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ {dims} }} }} }}'
        for name, dims in {"x": "dim: 3 dim: 6", "b": "dim: 3"}.items()
    )
    for name, there in {"data/h.binaryproto": True, "other": False}.items():
        source = f'infogain_loss_param {{ source: "{name}" }}'
        file = tmp_path / "net.prototxt"
        file.write_text(inputs + layer("InfogainLoss", more=source, bottoms=BOTH))
        if there:
            network = importer.to_ir(reader.read(Source(network=file)))
            wanted = -(h[LABEL.astype(int)] * np.log(_softmax(ROWS, 1))).sum() / 3
            found = evaluate(network, {"x": ROWS, "b": LABEL})["y"]
            np.testing.assert_allclose(found, wanted, rtol=1e-4)
        else:
            with pytest.raises(Error, match="'other' is not beside"):
                importer.to_ir(reader.read(Source(network=file)))


def test_filtered_items_can_be_added() -> None:
    text = (
        'layer { name: "f" type: "Filter" bottom: "x" bottom: "b" bottom: "s" top: "p" top: "q" }'
        + layer("Eltwise", bottoms='bottom: "p" bottom: "q"')
    )
    found = run(text, {"x": ROWS, "b": ROWS, "s": np.float32([1, 0, 1])})["y"]
    np.testing.assert_allclose(found, 2 * ROWS[[0, 2]])


@pytest.mark.parametrize("legacy", ["true", "false"])
def test_contrastive_loss(legacy: str) -> None:
    text = layer(
        "ContrastiveLoss",
        more=f"contrastive_loss_param {{ margin: 4 legacy_version: {legacy} }}",
        bottoms=BOTH + ' bottom: "s"',
    )
    b, s = normal(3, 6, seed=5), np.float32([0, 1, 0.9])
    squared = ((ROWS - b) ** 2).sum(1)
    apart = 4 - squared if legacy == "true" else 4 - np.sqrt(squared)
    apart = np.maximum(apart, 0) if legacy == "true" else np.maximum(apart, 0) ** 2
    wanted = np.where(s >= 1, squared, apart).sum() / 6
    np.testing.assert_allclose(run(text, {"x": ROWS, "b": b, "s": s})["y"], wanted, rtol=1e-4)


STATISTICS = (normal(6), np.abs(normal(6, seed=1)) + 0.1, np.float32([2]))
NORM = (
    f'layer {{ name: "bn" type: "BatchNorm" bottom: "x" top: "y" {blobs(*STATISTICS)} '
    "batch_norm_param { eps: 0.01 } }\n"
)


def _normed(x: np.ndarray) -> np.ndarray:
    mean, var = STATISTICS[0] / 2, STATISTICS[1] / 2
    sides = (1, -1) + (1,) * (x.ndim - 2)
    return (x - mean.reshape(sides)) / np.sqrt(var + 0.01).reshape(sides)


@pytest.mark.parametrize("x", [ROWS, X, normal(2, 6, 3), normal(1, 6, 2, 3, 2)])
def test_batch_norm(x: np.ndarray) -> None:
    np.testing.assert_allclose(run(NORM, {"x": x})["y"], _normed(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("scale", "in_place", "nodes"),
    [
        ("bias_term: true", True, ["BatchNormalization"]),
        ("axis: -3 bias_term: true", True, ["BatchNormalization"]),
        ("bias_term: true", False, ["BatchNormalization", "Mul", "Add"]),
        ("axis: 1 num_axes: 2", True, ["BatchNormalization", "Mul"]),
    ],
)
def test_batch_norm_and_scale(scale: str, in_place: bool, nodes: list[str]) -> None:
    shape = (6, 4) if "num_axes" in scale else (6,)
    weight, bias = normal(*shape, seed=2), normal(6, seed=3)
    weights = blobs(weight, bias) if "bias_term" in scale else blobs(weight)
    top = "y" if in_place else "z"
    text = NORM + (
        f'layer {{ name: "scale" type: "Scale" bottom: "y" top: "{top}" '
        f"scale_param {{ {scale} }} {weights} }}"
    )
    assert [node.op_type for node in model(text, {"x": X.shape}).graph] == nodes
    wanted = _normed(X) * weight.reshape(*shape, *[1] * (3 - len(shape)))
    wanted = wanted + (bias[:, None, None] if "bias_term" in scale else 0)
    np.testing.assert_allclose(run(text, {"x": X})[top], wanted, rtol=1e-4, atol=1e-5)


def test_batch_norm_by_batch_statistics() -> None:
    text = NORM.replace("eps: 0.01", "eps: 0.01 use_global_stats: false")
    mean, var = X.mean((0, 2, 3), keepdims=True), X.var((0, 2, 3), keepdims=True)
    wanted = (X - mean) / np.sqrt(var + 0.01)
    np.testing.assert_allclose(run(text, {"x": X})["y"], wanted, rtol=1e-4, atol=1e-5)


def test_batch_norm_of_factor_0() -> None:
    text = NORM.replace(blobs(STATISTICS[2]), blobs(np.float32([0])))
    np.testing.assert_allclose(run(text, {"x": X})["y"], X / math.sqrt(0.01), rtol=1e-4)


def _in_place(type_: str, parameters: str = "", bottoms: str = 'bottom: "y"') -> str:
    return f'layer {{ name: "z" type: "{type_}" {bottoms} top: "y" {parameters} }}\n'


@pytest.mark.parametrize(
    ("operation", "wanted"),
    [("SUM", 3 * ROWS), ("PROD", 2 * ROWS * ROWS), ("MAX", ROWS)],
)
def test_eltwise_in_place(operation: str, wanted: np.ndarray) -> None:
    """The first bottom is lost, but in a product."""
    coefficients = "coeff: 5 coeff: 3" if operation == "SUM" else ""
    text = layer("Power", "scale: 2") + _in_place(
        "Eltwise",
        f"eltwise_param {{ operation: {operation} {coefficients} }}",
        'bottom: "y" bottom: "x"',
    )
    np.testing.assert_allclose(run(text, {"x": ROWS})["y"], wanted, rtol=1e-5)


def test_in_place_changes_views() -> None:
    """A Flatten's top lies in its bottom's memory: working on it in place changes both."""
    text = (
        layer("Power", "scale: -1").replace('"y"', '"p"')
        + layer("Flatten", bottoms='bottom: "p"')
        + _in_place("ReLU")
        + 'layer { name: "late" type: "AbsVal" bottom: "p" top: "a" }'
    )
    found = run(text, {"x": X})
    np.testing.assert_allclose(found["a"], np.maximum(-X, 0))
    np.testing.assert_allclose(found["y"], np.maximum(-X, 0).reshape(2, -1))


def test_copies_are_no_views() -> None:
    text = (
        layer("Power") + _in_place("ReLU") + 'layer { name: "n" type: "TanH" bottom: "x" top: "t" }'
    )
    found = run(text, {"x": X})
    np.testing.assert_allclose(found["t"], np.tanh(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["y"], np.maximum(X, 0))


@pytest.mark.parametrize(
    "text",
    [
        layer("Eltwise", bottoms=BOTH).replace('"b"', '"x"').replace('bottom: "x"', "", 1),
        layer("Slice").replace('top: "y"', 'top: "y" top: "z" top: "w" top: "v"'),
        layer("Slice", "slice_point: 7").replace('top: "y"', 'top: "y" top: "z"'),
        layer("Concat", "axis: 1 concat_dim: 1"),
        layer("Reshape", "shape { dim: -1 dim: -1 }"),
        layer("Reshape", "shape { dim: 7 dim: -1 }"),
        layer("Flatten", "axis: 3 end_axis: 1"),
        layer("Tile", "axis: 1"),
        layer("LRN", "local_size: 4"),
        layer("Log", "base: 1"),
        layer("Exp", "base: -2"),
        layer("ReLU", bottoms='bottom: "x" bottom: "x"'),
        layer("ReLU").replace('top: "y"', 'top: "y" top: "z"'),
        layer("Dropout", more="phase: TRAIN"),
        layer("InnerProduct", "num_output: 3 axis: 7", blobs(normal(3, 5))),
        layer("Convolution", more="convolution_param { num_output: 3 kernel_size: 3 group: 4 }"),
        layer("ArgMax", "top_k: 999"),
        layer("Softmax", "axis: 4"),
        layer("Pooling", "kernel_size: 2").replace('"y"', '"x"'),
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(Error, match="layer 'l'"):
        model(text, {"x": X.shape})


def test_sizes_of_1_are_not_broadcast() -> None:
    with pytest.raises(Error, match="should be the same"):
        model(layer("Eltwise", bottoms=BOTH), {"x": (2, 3, 4), "b": (2, 3, 1)})
