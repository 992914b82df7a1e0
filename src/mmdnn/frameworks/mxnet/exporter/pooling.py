"""Pooling: MXNet's own where its conventions can say it, else with explicit padding.

"valid" rounds the number of windows down. "full" rounds it up, and unlike ONNX's `ceil_mode` never
drops a window that begins behind the image (src/operator/nn/pooling.cc).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from mmdnn.frameworks.mxnet.exporter.convolution import check_window, per_axis
from mmdnn.frameworks.mxnet.exporter.pad import pad
from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer
from mmdnn.ir.windows import Window


def convention(window: Window) -> str | None:
    """How MXNet calls this rounding, with the same padding on both sides; None where it has no word."""
    axes = window.axes
    if not window.is_even or any(axis.begin >= axis.kernel or axis.room < 0 for axis in axes):
        return None
    if not window.ceil or not any(axis.may_drop for axis in axes):
        return "full" if window.ceil else "valid"
    if window.counts is None:
        return None
    for name, ceil in (("full", True), ("valid", False)):
        if window.counts == [replace(axis, ceil=ceil, drops=False).count for axis in axes]:
            return name
    return None


def _check(node: ExportedNode, window: Window) -> None:
    check_window(node, window)
    if set(window.dilations) != {1}:
        node.refuse("MXNet has no pooling with dilation")


def _reach(node: ExportedNode, window: Window) -> list[int]:
    """The padding behind with which rounding down gives as many windows."""
    if window.reach is None:
        node.refuse("ceil_mode with such padding, for an image whose size is not known")
    return window.reach


def _params(window: Window) -> dict[str, Any]:
    """`kernel` and `stride` for MXNet."""
    return {"kernel": tuple(window.kernel), "stride": per_axis(window.strides, 1)}


def _padded(
    node: ExportedNode, mx: Writer, x: Array, begins: list[int], ends: list[int], value: float
) -> Array:
    return pad(node, mx, x, [0, 0, *begins], [0, 0, *ends], value)


def _pool(mx: Writer, x: Array, kind: str, window: Window, rounding: str, **params: Any) -> Array:
    return mx.Pooling(
        x,
        pool_type=kind,
        **_params(window),
        pad=per_axis(window.begins, 0),
        pooling_convention=rounding if rounding != "valid" else None,
        **params,
    )


@exporter("MaxPool", doc="MaxPool", unused="storage_order")
def max_pool(node: ExportedNode, mx: Writer, x: Array, *, window: Window) -> Array:
    if node.wants(1):
        node.refuse("MXNet's pooling does not tell where the maxima are")
    _check(node, window)
    if rounding := convention(window):
        return _pool(mx, x, "max", window, rounding)
    padded = _padded(node, mx, x, window.begins, _reach(node, window), -math.inf)
    return mx.Pooling(padded, pool_type="max", **_params(window))


@exporter("AveragePool", doc="AveragePool")
def average_pool(
    node: ExportedNode, mx: Writer, x: Array, *, window: Window, count_include_pad: int
) -> Array:
    _check(node, window)
    include = bool(count_include_pad)
    if rounding := convention(window):
        counted = include or not any(window.begins)  # "full" never counts what lies behind
        return _pool(mx, x, "avg", window, rounding, count_include_pad=None if counted else False)
    reach = _reach(node, window)
    if include and not window.ceil:
        padded = _padded(node, mx, x, window.begins, reach, 0.0)
        return mx.Pooling(padded, pool_type="avg", **_params(window))
    return _quotient(node, mx, x, window, reach, include)


def _quotient(
    node: ExportedNode, mx: Writer, x: Array, window: Window, reach: list[int], include: bool
) -> Array:
    """Sums of the padded image over the numbers of elements that count."""
    ones = mx.ones_like(x)
    if include:
        ones = _padded(node, mx, ones, window.begins, window.ends, 1.0)
        rest = [r - e for r, e in zip(reach, window.ends, strict=True)]
        counts = _padded(node, mx, ones, [0] * len(reach), rest, 0.0)
    else:
        counts = _padded(node, mx, ones, window.begins, reach, 0.0)
    sums = _padded(node, mx, x, window.begins, reach, 0.0)
    total = mx.Pooling(sums, pool_type="sum", **_params(window))
    return mx.elemwise_div(total, mx.Pooling(counts, pool_type="sum", **_params(window)))


@exporter("GlobalAveragePool", "GlobalMaxPool", doc="GlobalAveragePool")
def global_pool(node: ExportedNode, mx: Writer, x: Array) -> Array:
    """The kernel is ignored, and tells how many axes there are in old files."""
    rank = 4 if x.shape is None else len(x.shape)
    if rank not in {3, 4, 5}:
        node.refuse(f"MXNet pools 1 to 3 spatial axes, not {rank - 2}")
    kind = "max" if node.type == "GlobalMaxPool" else "avg"
    return mx.Pooling(x, pool_type=kind, global_pool=True, kernel=(1,) * (rank - 2))


@exporter("LpPool", doc="LpPool")
def lp_pool(node: ExportedNode, mx: Writer, x: Array, *, window: Window, p: int) -> Array:
    """MXNet takes no absolute values, so they are taken before."""
    _check(node, window)
    if p not in {1, 2, 3}:
        node.refuse(f"MXNet pools with p of 1 to 3, not {p}")
    padded = _padded(node, mx, mx.abs(x), window.begins, _reach(node, window), 0.0)
    return mx.Pooling(padded, pool_type="lp", p_value=p, **_params(window))
