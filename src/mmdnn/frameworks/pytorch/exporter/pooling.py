"""Pooling: torch's own where its padding rules can say it, else an explicit pad or windows."""

from __future__ import annotations

import math
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.convolution import flat_pads
from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, pair, unless
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.ir.windows import Window
from mmdnn.python.expressions import Code


def _fits(window: Window) -> bool:
    """Whether torch's `padding` can say it: at most half a window, the same on both sides."""
    return window.is_even and all(2 * axis.begin <= axis.kernel for axis in window.axes)


def _needed(node: ExportedNode, window: Window) -> tuple[int, ...]:
    """Padding for `F.pad` with which torch's floor rule gives all windows, if it was ceil's too."""
    if window.reach is None:
        node.refuse("ceil_mode with uneven padding, for an image whose size is not known")
    return flat_pads(window.begins, window.reach)


def _options(window: Window) -> dict[str, Any]:
    """`stride` and `dilation` for torch."""
    return unless(
        stride=(pair(window.strides), pair(window.kernel)), dilation=(pair(window.dilations), 1)
    )


def _strided(window: Window) -> dict[str, Any]:
    """`stride` and `dilation` for helpers, by axis."""
    dilation = tuple(window.dilations)
    return {
        "stride": tuple(window.strides),
        **unless(dilation=(dilation, (1,) * len(window))),
    }


def lowest(node: ExportedNode, x: Variable) -> float | int:
    """What never is a maximum."""
    if x.dtype is None:
        node.refuse("the type of its input is not known")
    if x.dtype.is_floating_point():
        return -math.inf
    return int(ir.DataType(x.dtype).min)


@exporter("MaxPool", doc="MaxPool")
def max_pool(
    node: ExportedNode, torch: Writer, x: Variable, *, window: Window, storage_order: int
) -> Code:
    count, kernel, options = len(window), pair(window.kernel), _options(window)
    if count not in {1, 2, 3}:
        node.refuse(f"torch pools 1 to 3 spatial axes, not {count}")
    if node.wants(1):
        options |= unless(
            pads=(_needed(node, window), (0,) * 2 * count), by_column=(bool(storage_order), False)
        )
        return torch.helper("max_pool_with_indices", x, kernel, **options)
    if not _fits(window):
        padded = torch.call("F.pad", x, _needed(node, window), value=lowest(node, x))
        return torch.call(f"F.max_pool{count}d", padded, kernel, **options)
    options |= unless(padding=(pair(window.begins), 0), ceil_mode=(window.ceil, False))
    return torch.call(f"F.max_pool{count}d", x, kernel, **options)


@exporter("AveragePool", doc="AveragePool")
def average_pool(
    node: ExportedNode, torch: Writer, x: Variable, *, window: Window, count_include_pad: int
) -> Code:
    count, kernel, options = len(window), pair(window.kernel), _options(window)
    include = bool(count_include_pad)
    pads = flat_pads(window.begins, window.ends)
    plain = count in {1, 2, 3} and set(window.dilations) == {1}
    narrow = count == 3 and any(
        axis.size is not None and axis.size < axis.kernel for axis in window.axes
    )
    if plain and _fits(window) and not narrow:
        options |= unless(
            padding=(pair(window.begins), 0),
            ceil_mode=(window.ceil, False),
            count_include_pad=(include or not any(pads), True),
        )
        return torch.call(f"F.avg_pool{count}d", x, kernel, **options)
    if plain and include and not window.ceil:
        return torch.call(f"F.avg_pool{count}d", torch.call("F.pad", x, pads), kernel, **options)
    options = _strided(window)
    options |= unless(pads=(_needed(node, window), (0,) * 2 * count))
    if include and any(pads):
        options["counted"] = pads
    return torch.helper("average_pool", x, tuple(window.kernel), **options)


@exporter("LpPool", doc="LpPool")
def lp_pool(node: ExportedNode, torch: Writer, x: Variable, *, window: Window, p: int) -> Code:
    count, pads = len(window), _needed(node, window)
    if p == 2 and not any(pads) and set(window.dilations) == {1} and count in {1, 2, 3}:
        return torch.call(f"F.lp_pool{count}d", x, 2.0, pair(window.kernel), **_options(window))
    options = _strided(window) | unless(pads=(pads, (0,) * 2 * count))
    return torch.helper("lp_pool", x, p, tuple(window.kernel), **options)


@exporter("GlobalAveragePool", doc="GlobalAveragePool")
def global_average_pool(node: ExportedNode, torch: Writer, x: Variable) -> Code:
    rank = node.rank(x)
    if rank in {3, 4, 5}:
        return torch.call(f"F.adaptive_avg_pool{rank - 2}d", x, 1)
    return torch.method(x, "mean", tuple(range(2, rank)), keepdim=True)


@exporter("GlobalMaxPool", doc="GlobalMaxPool")
def global_max_pool(node: ExportedNode, torch: Writer, x: Variable) -> Code:
    return torch.method(x, "amax", tuple(range(2, node.rank(x))), keepdim=True)


@exporter("GlobalLpPool", doc="GlobalLpPool")
def global_lp_pool(node: ExportedNode, torch: Writer, x: Variable, *, p: int) -> Code:
    axes = tuple(range(2, node.rank(x)))
    return torch.call("torch.linalg.vector_norm", x, p, axes, keepdim=True)


@exporter("MaxUnpool", doc="MaxUnpool")
def max_unpool(
    _node: ExportedNode,
    torch: Writer,
    x: Variable,
    places: Variable,
    output_shape: Variable | None = None,
    *,
    kernel_shape: list[int],
    strides: list[int] | None = None,
    pads: list[int] | None = None,
) -> Code:
    count = len(kernel_shape)
    steps, sides = strides or [1] * count, pads or [0] * 2 * count
    options: dict[str, Any] = {}
    if output_shape is not None:
        options["output_shape"] = torch.integers(output_shape)
    sizes = [
        torch.affine(torch.size(x, axis + 2), s, k - s - sides[axis] - sides[axis + count])
        for axis, (k, s) in enumerate(zip(kernel_shape, steps, strict=True))
    ]
    return torch.helper("max_unpool", x, places, tuple(sizes), **options)
