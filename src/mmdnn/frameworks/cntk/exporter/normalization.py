"""Normalisation (Source/ComputationNetworkLib/TrainingNodes.h)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmdnn.frameworks.cntk.exporter.blocks import was_function
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.insides import formula
from mmdnn.frameworks.cntk.exporter.matmul import along
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.origin import described

TRAINING = {
    "normalizationTimeConstant": 5000.0,
    "blendTimeConstant": 0.0,
    "useCuDNNEngine": True,
    "disableRegularization": False,
    "count": 1.0,
}
"""How the statistics go on when CNTK trains, unless the source says it: as CNTK's layer has them go on.

The count is that of the samples behind them: of 0 training would begin anew at the first minibatch.
"""


@exporter(
    "BatchNormalization", doc=f"{API}/cntk.layers.layers#BatchNormalization", unused="momentum"
)
def batch_normalization(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    scale: Operand,
    bias: Operand,
    mean: Operand,
    variance: Operand,
    *,
    epsilon: float,
    training_mode: int,
) -> Operand:
    """CNTK's layer, which can be trained on: scale and bias are parameters, the statistics run on.

    The input that CNTK calls the running inverse deviation holds the variance.
    """
    if training_mode:
        node.refuse("it normalises by the statistics of its own input")
    x = cntk.batched(x)
    if any(one.tensor is None for one in (scale, bias, mean, variance)):
        return _by_hand(cntk, x, scale, bias, mean, variance, epsilon)
    training = described(node.node, TRAINING)
    seen = training.pop("count")
    count = "" if cntk.is_own and was_function(node, "BatchNormalization") else "aggregate_count"
    said: dict[str, Any] = {"spatial": len(x.shape) > 1, "epsilon": epsilon, **training}
    running = [
        _statistic(cntk, mean, "aggregate_mean"),
        _statistic(cntk, variance, "aggregate_variance"),
        _statistic(cntk, cntk.number(seen, x), count),
    ]
    with cntk.block("BatchNormalization", layer=True):
        return cntk.make(
            "BatchNormalization", x, scale, bias, *running, shape=x.shape, layout=x.layout, **said
        )


def _by_hand(
    cntk: CNTK,
    x: Operand,
    scale: Operand,
    bias: Operand,
    mean: Operand,
    variance: Operand,
    epsilon: float,
) -> Operand:
    given = {"scale": scale, "bias": bias, "mean": mean, "variance": variance}
    given = {name: cntk.column(one, len(x.shape) - 1) for name, one in given.items()}
    text = "(x - mean) * scale / Sqrt(variance + epsilon) + bias"
    return formula(cntk, text, x=x, **given, epsilon=epsilon)


def standardized(cntk: CNTK, x: Operand, positions: list[int], epsilon: float) -> Operand:
    """(x - mean) / sqrt(variance + epsilon), over some axes."""
    centred = cntk.Minus(x, cntk.reduce("Mean", x, positions))
    variance = cntk.reduce("Mean", cntk.ElementTimes(centred, centred), positions)
    text = "centred / Sqrt(variance + epsilon)"
    return formula(cntk, text, centred=centred, variance=variance, epsilon=epsilon)


@exporter(
    "InstanceNormalization", doc="https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html"
)
def instance_normalization(
    node: ExportedNode, cntk: CNTK, x: Operand, scale: Operand, bias: Operand, *, epsilon: float
) -> Operand:
    x = cntk.batched(x)
    scale, bias = (cntk.column(one, len(x.shape) - 1) for one in (scale, bias))
    y = standardized(cntk, x, list(range(2, x.rank)), epsilon)
    return cntk.Plus(cntk.ElementTimes(y, scale), bias)


@exporter(
    "LayerNormalization",
    doc="https://onnx.ai/onnx/operators/onnx__LayerNormalization.html",
    unused="stash_type",
)
def layer_normalization(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    scale: Operand,
    bias: Operand | None = None,
    *,
    axis: int,
    epsilon: float,
) -> Operand:
    """By hand: CNTK's own layer takes the root before it adds epsilon."""
    if node.wants(1) or node.wants(2):
        node.refuse("its statistics are read")
    first = node.front(axis, x.rank)
    x = cntk.unbatched(x) if any(x.layout[first:]) else x
    y = cntk.ElementTimes(standardized(cntk, x, list(range(first, x.rank)), epsilon), scale)
    return y if bias is None else cntk.Plus(y, bias)


@exporter("LpNormalization", doc="https://onnx.ai/onnx/operators/onnx__LpNormalization.html")
def lp_normalization(node: ExportedNode, cntk: CNTK, x: Operand, *, axis: int, p: int) -> Operand:
    x, position = cntk.static(x, axis)
    if p == 1:
        return cntk.divide(x, cntk.reduce("Sum", cntk.Abs(x), [position]))
    return cntk.divide(x, cntk.Sqrt(cntk.reduce("Sum", cntk.ElementTimes(x, x), [position])))


@exporter("LRN", doc=f"{API}/cntk.ops#local_response_normalization")
def lrn(
    node: ExportedNode, cntk: CNTK, x: Operand, *, size: int, alpha: float, beta: float, bias: float
) -> Operand:
    """The channels' sums of squares are a product with a band of ones."""
    x = cntk.batched(x)
    channels = cntk.size(x, 1)
    before, behind = (size - 1) // 2, size // 2
    places = np.arange(channels)
    gap = places[:, None] - places[None, :]
    band = ((gap >= -before) & (gap <= behind)) * (alpha / size)
    sums = along(cntk, cntk.ElementTimes(x, x), 1, band)
    return formula(cntk, "x / Pow(sums + bias, beta)", x=x, sums=sums, bias=bias, beta=beta)


def _statistic(cntk: CNTK, x: Operand, name: str) -> Operand:
    """A constant that keeps running while CNTK trains: with a name, and nobody else's.

    What was CNTK's own is as it was.
    """
    assert x.tensor is not None
    if cntk.is_own and x.value is not None:
        variable = cntk.scope.variable(x)
    else:
        variable = cntk.scope.parameter(name, x.tensor, x.dtype, trained=False)
    return Operand(x.layout, x.shape, x.dtype, variable, x.value, x.tensor)
