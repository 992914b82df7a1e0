"""What float32 rounds: the numbers that a layer reads, and those that engines hold within one operator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

ULPS = 2.0**-21
"""Relative change of a number: four units in the last place of a float32."""


def moved(array: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """Floats changed by `ULPS`; zeros stay zero, and other types what they are."""
    if rng is None or array.dtype.kind != "f":
        return array
    return np.asarray(array * (1 + ULPS * rng.standard_normal(array.shape)))


def within(
    node: ir.Node,
    inputs: Sequence[Any],
    results: list[Any],
    rng: np.random.Generator,
    *,
    every: bool = False,
) -> list[Any]:
    """What an operator gives where the numbers that engines hold within it are rounded.

    Args:
        node: In canonical form: its defaults are written.
        inputs: What it reads.
        results: What it gives.
        rng: Draws the changes.
        every: Also those that the operator's own formula does not have: see `_folded`.
    """
    if node.op_type == "LRN":
        return [_running(node, inputs[0], results[0], rng)]
    if every and node.op_type in _NORMALIZATIONS:
        return [_folded(node, inputs, rng), *results[1:]]
    return results


def _running(node: ir.Node, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A local response, changed as by a sum that runs along the channels: what has left it, it rounds by.

    (Caffe and onnxruntime add the channel that comes in and subtract the one that goes out.)
    """
    alpha, beta, bias = (node.attributes[name].as_float() for name in ("alpha", "beta", "bias"))
    share = alpha / node.attributes["size"].as_int() * np.cumsum(x * x, 1)
    with np.errstate(all="ignore"):
        scale = np.where(y == 0, 1.0, np.abs(x / y) ** (1 / beta)) if beta else bias
        noise = ULPS * beta * share / scale
    return np.asarray(y * (1 + noise * rng.standard_normal(y.shape)))


_NORMALIZATIONS = {"InstanceNormalization", "GroupNormalization", "LayerNormalization"}


def _folded(node: ir.Node, inputs: Sequence[Any], rng: np.random.Generator) -> np.ndarray:
    """A normalisation by the input's own statistics, as one scale and one shift for all of a group.

    Engines compute x s + (b - m s) for (x - m) s + b, and E[x^2] - m^2 for the variance: m s and m^2 are
    rounded by their own size, which may be far beyond that of what remains.
    """
    x, scale, bias = (*inputs, None)[:3]
    epsilon = node.attributes["epsilon"].as_float()
    if node.op_type == "LayerNormalization":
        start = node.attributes["axis"].as_int() % x.ndim
        groups = x.reshape(math.prod(x.shape[:start]), -1)
    else:
        start = 1
        count = x.shape[1]
        if node.op_type == "GroupNormalization":
            count = node.attributes["num_groups"].as_int()
        groups = x.reshape(x.shape[0] * count, -1)
        scale, bias = (v.reshape(-1, *(1,) * (x.ndim - 2)) for v in (scale, bias))
    mean, square = groups.mean(1, keepdims=True), (groups**2).mean(1, keepdims=True)
    variance = groups.var(1, keepdims=True)
    variance = np.maximum(variance + ULPS * square * rng.standard_normal(variance.shape), 0)
    by = 1 / np.sqrt(variance + epsilon)
    shift = mean * by * (1 + ULPS * rng.standard_normal(by.shape))
    y = (groups * by - shift).reshape(x.shape) * scale
    return np.asarray(y if bias is None else y + bias)
