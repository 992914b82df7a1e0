"""Pooling: Keras's layers, with the padding that they lack before them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mmdnn.frameworks.keras.exporter.convolution import same
from mmdnn.frameworks.keras.exporter.pad import padded
from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, exporter, image
from mmdnn.frameworks.keras.exporter.writer import Writer
from mmdnn.ir.values import is_nonnegative
from mmdnn.ir.windows import Window


def _check(node: ExportedNode, window: Window) -> None:
    if len(window) > 3:
        node.refuse(f"Keras pools 1 to 3 spatial axes, not {len(window)}")
    if max(window.dilations) > 1:
        node.refuse("Keras has no pooling with dilation")


def _reach(node: ExportedNode, window: Window) -> list[int]:
    if window.reach is None:
        node.refuse("ceil_mode, for an image whose size is not known")
    return window.reach


def _pool(keras: Writer, kind: str, x: Array, window: Window, padding: str = "valid") -> Array:
    options: dict[str, Any] = {"pool_size": window.kernel, "strides": window.strides}
    return keras.layer(f"{kind}Pooling{len(window)}D", x, padding=padding, **options)


def _filled(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    begins: list[int],
    ends: list[int],
    fill: float = 0.0,
) -> Array:
    pads = [(0, 0), *zip(begins, ends, strict=True), (0, 0)]
    return padded(node, keras, x, pads, fill)


@exporter(*image("MaxPool"), doc="MaxPool", unused="storage_order")
def max_pool(node: ExportedNode, keras: Writer, x: Array, *, window: Window) -> Array:
    """Windows lie within the image or its padding, which never is the largest."""
    if node.wants(1):
        node.refuse("Keras's pooling does not tell where the maxima are")
    _check(node, window)
    ends = _reach(node, window)
    if ends == window.ends and any(window.pads) and same(window):
        return _pool(keras, "Max", x, window, "same")
    fill = 0.0 if is_nonnegative(node.node.inputs[0]) else -math.inf
    return _pool(keras, "Max", _filled(node, keras, x, window.begins, ends, fill), window)


@exporter(*image("AveragePool"), doc="AveragePool")
def average_pool(
    node: ExportedNode, keras: Writer, x: Array, *, window: Window, count_include_pad: int
) -> Array:
    _check(node, window)
    ends, include = _reach(node, window), bool(count_include_pad)
    if not any(window.begins + ends):
        return _pool(keras, "Average", x, window)
    if not include and ends == window.ends and same(window):
        return _pool(keras, "Average", x, window, "same")
    mean = _pool(keras, "Average", _filled(node, keras, x, window.begins, ends), window)
    if include and ends == window.ends:
        return mean
    try:
        counts = [axis.lengths(padding=include) for axis in window.axes]
    except ValueError:
        node.refuse("an average that leaves padding out, for an image whose size is not known")
    kernel = math.prod(window.kernel)
    shape = [1, *map(len, counts), 1]
    share = np.ones(shape, np.float32)
    for axis, each in enumerate(counts):
        share = share * np.reshape(each, [-1 if i == axis + 1 else 1 for i in range(len(shape))])
    return keras.ops.Multiply(mean, (kernel / share).astype(node_type(node)))


def node_type(node: ExportedNode) -> np.dtype:
    """The type of a node's output, as NumPy has it."""
    kind = node.output.dtype
    return np.dtype(np.float32) if kind is None else np.dtype(kind.numpy())


@exporter(*image("LpPool"), doc="LpPool")
def lp_pool(node: ExportedNode, keras: Writer, x: Array, *, window: Window, p: int) -> Array:
    _check(node, window)
    powers = keras.ops.Power(keras.ops.Absolute(x), p)
    whole = _filled(node, keras, powers, window.begins, _reach(node, window))
    sums = keras.ops.Multiply(_pool(keras, "Average", whole, window), math.prod(window.kernel))
    return keras.ops.Power(sums, 1 / p)


@exporter(*image("GlobalAveragePool", "GlobalMaxPool"), doc="GlobalAveragePool")
def global_pool(node: ExportedNode, keras: Writer, x: Array) -> Array:
    kind, rank = node.operator.removeprefix("Global").removesuffix("Pool"), node.rank(x)
    if 3 <= rank <= 5:
        return keras.layer(f"Global{kind}Pooling{rank - 2}D", x, keepdims=True)
    name = "Max" if kind == "Max" else "Mean"
    return keras.ops[name](x, axis=list(range(1, rank - 1)), keepdims=True)


@exporter(*image("GlobalLpPool"), doc="GlobalLpPool")
def global_lp_pool(node: ExportedNode, keras: Writer, x: Array, *, p: int) -> Array:
    axes = list(range(1, node.rank(x) - 1))
    powers = keras.ops.Power(keras.ops.Absolute(x), p)
    return keras.ops.Power(keras.ops.Sum(powers, axis=axes, keepdims=True), 1 / p)
