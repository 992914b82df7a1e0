"""Windows in float64 on strided views: `onnx.reference` walks them element by element, or gets them wrong.

https://onnx.ai/onnx/operators/onnx__Conv.html, onnx__ConvTranspose.html, onnx__MaxPool.html,
onnx__AveragePool.html. Nodes have their windows in numbers (`ir.passes.windows`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from mmdnn.ir.passes.windows import same_padding, shared

MOST_WORK = 4e9
"""Multiplications of one convolution that are done at most: beyond that it takes minutes."""
COLUMNS = 1 << 20
"""Numbers under a kernel that are looked at together."""


class TooLargeError(Exception):
    """An operator would take too long here."""


def _ints(node: ir.Node, name: str) -> list[int]:
    return list(node.attributes[name].as_ints())


def _window(
    node: ir.Node, x: np.ndarray, kernel: Sequence[int], fill: float, beyond: float | None = None
) -> np.ndarray:
    """A strided view [N, C, *out, *kernel] of the input, its pads, and what windows reach beyond these."""
    rank = x.ndim - 2
    strides, dilations = _ints(node, "strides"), _ints(node, "dilations")
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads = _pads(node, x.shape[2:], reach, strides)
    ceil = node.attributes["ceil_mode"].as_int() if "ceil_mode" in node.attributes else 0
    more = []
    for axis in range(rank):
        size = x.shape[2 + axis] + pads[axis] + pads[rank + axis]
        steps = (size - reach[axis] + (strides[axis] - 1) * ceil) // strides[axis] + 1
        if ceil and (steps - 1) * strides[axis] >= x.shape[2 + axis] + pads[axis]:
            steps -= 1
        more.append(max((steps - 1) * strides[axis] + reach[axis] - size, 0))
    padded = x
    for sides, value in (
        ([(pads[a], pads[rank + a]) for a in range(rank)], fill),
        ([(0, count) for count in more], fill if beyond is None else beyond),
    ):
        padded = np.pad(padded, [(0, 0), (0, 0), *sides], constant_values=value)
    view = np.lib.stride_tricks.sliding_window_view(padded, reach, tuple(range(2, x.ndim)))
    steps_ = tuple(slice(None, None, s) for s in strides)
    taps = tuple(slice(None, None, d) for d in dilations)
    return view[(slice(None), slice(None), *steps_, *taps)]


def _pads(
    node: ir.Node, sizes: Sequence[int], reach: Sequence[int], strides: Sequence[int]
) -> list[int]:
    """The pads; those of SAME on sizes that were open until now."""
    if "pads" in node.attributes:
        return _ints(node, "pads")
    totals = [same_padding(*row) or 0 for row in zip(sizes, reach, strides, strict=True)]
    return shared(totals, node.attributes["auto_pad"].as_string())


def _conv(node: ir.Node, x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    group = node.attributes["group"].as_int()
    view = _window(node, x, w.shape[2:], 0.0)
    rank = x.ndim - 2
    if np.prod(view.shape[2 : 2 + rank]) * x.shape[0] * w.size > MOST_WORK:
        raise TooLargeError("Conv")
    each, into = x.shape[1] // group, w.shape[0] // group
    axes = (1, *range(2 + rank, 2 + 2 * rank)), tuple(range(1, 2 + rank))
    y = np.empty((x.shape[0], w.shape[0], *view.shape[2 : 2 + rank]))
    rows = max(1, COLUMNS * y.shape[2] // max(view[:, :each].size, 1))
    for g, row in itertools.product(range(group), range(0, y.shape[2], rows)):
        own, others = slice(g * into, (g + 1) * into), slice(g * each, (g + 1) * each)
        part = np.tensordot(view[:, others, row : row + rows], w[own], axes)
        y[:, own, row : row + rows] = np.moveaxis(part, -1, 1)
    return y if b is None else y + b.reshape(-1, *[1] * rank)


def _conv_transpose(
    node: ir.Node, x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None
) -> np.ndarray:
    rank = x.ndim - 2
    if "output_shape" in node.attributes:
        raise TooLargeError("ConvTranspose")  # of a size that is open
    strides = _ints(node, "strides")
    dilations = _ints(node, "dilations")
    pads = _ints(node, "pads")
    more = _ints(node, "output_padding")
    group = node.attributes["group"].as_int()
    if x.size * w.size / x.shape[1] > MOST_WORK:
        raise TooLargeError("ConvTranspose")
    full = [
        (n - 1) * s + (k - 1) * d + 1 + m
        for n, s, k, d, m in zip(x.shape[2:], strides, w.shape[2:], dilations, more, strict=True)
    ]
    y = np.zeros((x.shape[0], w.shape[1] * group, *full))
    each, into = x.shape[1] // group, w.shape[1]
    for g, tap in itertools.product(range(group), np.ndindex(*w.shape[2:])):
        part = np.einsum(
            "nc...,cm->nm...",
            x[:, g * each : (g + 1) * each],
            w[(slice(g * each, (g + 1) * each), slice(None), *tap)],
        )
        places = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, dilations, x.shape[2:], strides, strict=True)
        )
        y[(slice(None), slice(g * into, (g + 1) * into), *places)] += part
    cut = tuple(slice(pads[a], full[a] - pads[rank + a]) for a in range(rank))
    y = y[(slice(None), slice(None), *cut)]
    return y if b is None else y + b.reshape(-1, *[1] * rank)


def _max_pool(node: ir.Node, x: np.ndarray) -> np.ndarray:
    if len(node.outputs) > 1 or x.dtype.kind != "f":
        raise TooLargeError("MaxPool")
    kernel = _ints(node, "kernel_shape")
    view = _window(node, x, kernel, -np.inf)
    return np.asarray(view.max(tuple(range(x.ndim, view.ndim))))


def _average_pool(node: ir.Node, x: np.ndarray) -> np.ndarray:
    kernel = _ints(node, "kernel_shape")
    view = _window(node, x, kernel, 0.0)
    taps = tuple(range(x.ndim, view.ndim))
    padded = float(node.attributes["count_include_pad"].as_int())
    count = _window(node, np.ones((1, 1, *x.shape[2:])), kernel, padded, beyond=0.0)
    return np.asarray(view.sum(taps) / count.sum(taps))


def _lrn(node: ir.Node, x: np.ndarray) -> np.ndarray:
    """onnx.reference 1.23 takes the batch for the channels here."""
    size = node.attributes["size"].as_int()
    alpha, beta, bias = (node.attributes[name].as_float() for name in ("alpha", "beta", "bias"))
    width = [(0, 0), ((size - 1) // 2, size // 2), *[(0, 0)] * (x.ndim - 2)]
    view = np.lib.stride_tricks.sliding_window_view(np.pad(x * x, width), size, 1)
    return np.asarray(x / (bias + alpha / size * view.sum(-1)) ** beta)


OPERATORS: dict[str, Callable[..., np.ndarray]] = {
    "AveragePool": _average_pool,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "LRN": _lrn,
    "MaxPool": _max_pool,
}
"""By name: a function of the node and its inputs."""
