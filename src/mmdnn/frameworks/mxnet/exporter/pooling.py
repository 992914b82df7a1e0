"""Pooling: MXNet's own where its conventions can say it, else with explicit padding.

"valid" rounds the number of windows down. "full" rounds it up, and unlike ONNX's `ceil_mode` never
drops a window that begins behind the image (src/operator/nn/pooling.cc).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mmdnn.frameworks.mxnet.exporter.convolution import explicit_pads, per_axis
from mmdnn.frameworks.mxnet.exporter.pad import pad
from mmdnn.frameworks.mxnet.exporter.table import Array, Exporting, Writing, exporter


@dataclass
class Window:
    """A pooling node's window, by spatial axis.

    Attributes:
        sizes: The input's spatial sizes; empty where one is not known.
    """

    kernel: list[int]
    strides: list[int]
    begins: list[int]
    ends: list[int]
    sizes: list[int]
    ceil: bool

    @property
    def convention(self) -> str | None:
        """How MXNet calls this rounding, with `begins` on both sides; None where it has no word."""
        each = list(zip(self.kernel, self.strides, self.begins, strict=True))
        if self.begins != self.ends or any(p < 0 or p >= k for k, _, p in each):
            return None
        if not self.ceil:
            return "valid"
        if all(p <= k - s for k, s, p in each):
            return "full"
        counts = self._counts()
        if not counts:
            return None
        for name, found in (
            ("full", self._rounded(math.ceil)),
            ("valid", self._rounded(math.floor)),
        ):
            if found == counts:
                return name
        return None

    def _rounded(self, rounding: Any) -> list[int]:
        axes = zip(self.sizes, self.begins, self.ends, self.kernel, self.strides, strict=True)
        return [rounding((n + b + e - k) / s) + 1 for n, b, e, k, s in axes]

    def _counts(self) -> list[int]:
        """How many windows ONNX has along each axis, if the sizes are known."""
        if not self.sizes:
            return []
        rounded = self._rounded(math.ceil if self.ceil else math.floor)
        if not self.ceil:
            return rounded
        axes = zip(rounded, self.strides, self.sizes, self.begins, strict=True)
        return [c - 1 if (c - 1) * s >= n + b else c for c, s, n, b in axes]

    def reach(self, node: Exporting) -> list[int]:
        """The padding behind with which rounding down gives as many windows."""
        if not self.ceil:
            return self.ends
        counts = self._counts()
        if not counts:
            node.refuse("ceil_mode with such padding, for an image whose size is not known")
        axes = zip(counts, self.strides, self.kernel, self.sizes, self.begins, strict=True)
        return [(c - 1) * s + k - n - b for c, s, k, n, b in axes]

    @property
    def params(self) -> dict[str, Any]:
        """`kernel` and `stride` for MXNet."""
        return {"kernel": tuple(self.kernel), "stride": per_axis(self.strides, 1)}


def window(node: Exporting, x: Array) -> Window:
    """The window that a node's attributes describe."""
    kernel = node.attribute("kernel_shape")
    count = len(kernel)
    if count not in {1, 2, 3}:
        node.refuse(f"MXNet pools 1 to 3 spatial axes, not {count}")
    dilations = node.attribute("dilations", [1] * count)
    if set(dilations) != {1}:
        node.refuse("MXNet has no pooling with dilation")
    strides = node.attribute("strides", [1] * count)
    if node.attribute("auto_pad", "NOTSET") == "VALID":
        node.ignore("pads")
    begins, ends = explicit_pads(node, x, kernel, strides, dilations)
    ceil = bool(node.attribute("ceil_mode", 0))
    ceil = ceil and node.attribute("auto_pad", "NOTSET") in {"NOTSET", "VALID"}
    return Window(kernel, strides, begins, ends, node.sizes(x), ceil)


def _padded(
    node: Exporting, mx: Writing, x: Array, begins: list[int], ends: list[int], value: float
) -> Array:
    rank = len(begins) + 2
    return pad(node, mx, x, [0, 0, *begins], [0, 0, *ends], value, rank=rank)


def _pool(mx: Writing, x: Array, kind: str, frame: Window, convention: str, **params: Any) -> Array:
    return mx.Pooling(
        x,
        pool_type=kind,
        **frame.params,
        pad=per_axis(frame.begins, 0),
        pooling_convention=convention if convention != "valid" else None,
        **params,
    )


@exporter("MaxPool", doc="MaxPool")
def max_pool(node: Exporting, mx: Writing, x: Array) -> Array:
    node.ignore("storage_order")
    if node.wants(1):
        node.refuse("MXNet's pooling does not tell where the maxima are")
    frame = window(node, x)
    if frame.convention:
        return _pool(mx, x, "max", frame, frame.convention)
    padded = _padded(node, mx, x, frame.begins, frame.reach(node), -math.inf)
    return mx.Pooling(padded, pool_type="max", **frame.params)


@exporter("AveragePool", doc="AveragePool")
def average_pool(node: Exporting, mx: Writing, x: Array) -> Array:
    frame = window(node, x)
    include = bool(node.attribute("count_include_pad", 0))
    if frame.convention:
        counted = include or not any(frame.begins)  # "full" never counts what lies behind
        return _pool(
            mx, x, "avg", frame, frame.convention, count_include_pad=None if counted else False
        )
    reach = frame.reach(node)
    if include and not frame.ceil:
        padded = _padded(node, mx, x, frame.begins, reach, 0.0)
        return mx.Pooling(padded, pool_type="avg", **frame.params)
    return _quotient(node, mx, x, frame, reach, include)


def _quotient(
    node: Exporting, mx: Writing, x: Array, frame: Window, reach: list[int], include: bool
) -> Array:
    """Sums of the padded image over the numbers of elements that count."""
    ones = mx.ones_like(x)
    rest = [0, *reach]
    if include:
        ones = _padded(node, mx, ones, frame.begins, frame.ends, 1.0)
        rest = [0, *(r - e for r, e in zip(reach, frame.ends, strict=True))]
        counts = _padded(node, mx, ones, [0] * len(reach), rest[1:], 0.0)
    else:
        counts = _padded(node, mx, ones, frame.begins, reach, 0.0)
    sums = _padded(node, mx, x, frame.begins, reach, 0.0)
    total = mx.Pooling(sums, pool_type="sum", **frame.params)
    return mx.elemwise_div(total, mx.Pooling(counts, pool_type="sum", **frame.params))


def _global(node: Exporting, mx: Writing, x: Array, kind: str) -> Array:
    """The kernel is ignored, and tells how many axes there are in old files."""
    rank = 4 if x.shape is None else len(x.shape)
    if rank not in {3, 4, 5}:
        node.refuse(f"MXNet pools 1 to 3 spatial axes, not {rank - 2}")
    return mx.Pooling(x, pool_type=kind, global_pool=True, kernel=(1,) * (rank - 2))


@exporter("GlobalAveragePool", doc="GlobalAveragePool")
def global_average_pool(node: Exporting, mx: Writing, x: Array) -> Array:
    return _global(node, mx, x, "avg")


@exporter("GlobalMaxPool", doc="GlobalMaxPool")
def global_max_pool(node: Exporting, mx: Writing, x: Array) -> Array:
    return _global(node, mx, x, "max")


@exporter("LpPool", doc="LpPool")
def lp_pool(node: Exporting, mx: Writing, x: Array) -> Array:
    """MXNet takes no absolute values, so they are taken before."""
    frame = window(node, x)
    p = node.attribute("p", 2)
    if p not in {1, 2, 3}:
        node.refuse(f"MXNet pools with p of 1 to 3, not {p}")
    padded = _padded(node, mx, mx.abs(x), frame.begins, frame.reach(node), 0.0)
    return mx.Pooling(padded, pool_type="lp", p_value=p, **frame.params)
