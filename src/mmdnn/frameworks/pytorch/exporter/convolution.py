"""Convolution, pooling, normalisation and dense layers: what `torch.nn` has as modules."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.pytorch.exporter.table import Exporting, Writing, exporter, pair
from mmdnn.frameworks.pytorch.graph import Code, Variable


def without_defaults(**options: tuple[Any, Any]) -> dict[str, Any]:
    """Keyword arguments, given as (value, default), that are not the default."""
    return {key: value for key, (value, default) in options.items() if value != default}


def padding(
    node: Exporting,
    torch: Writing,
    x: Any,
    kernel: list[int],
    strides: list[int],
    dilations: list[int],
    value: float = 0.0,
) -> tuple[Any, Any]:
    """The input, padded where torch's symmetric padding cannot say it, and torch's `padding`."""
    count = len(kernel)
    pads = explicit_pads(node, x, kernel, strides, dilations)
    begins, ends = pads[:count], pads[count:]
    if begins == ends and min(begins, default=0) >= 0:
        return x, pair(begins) if begins else 0
    flat = [side for axis in reversed(range(count)) for side in (begins[axis], ends[axis])]
    extra = {"value": value} if value else {}
    return torch.call("F.pad", x, tuple(flat), **extra), 0


def explicit_pads(
    node: Exporting, x: Variable, kernel: list[int], strides: list[int], dilations: list[int]
) -> list[int]:
    """The `pads` attribute, or what `auto_pad` makes of it for a known size."""
    count = len(kernel)
    auto = node.attribute("auto_pad", "NOTSET")
    pads = node.attribute("pads", [0] * 2 * count)
    if auto == "NOTSET":
        return pads
    if auto == "VALID":
        return [0] * 2 * count
    sizes = (x.shape or ())[2:]
    if not sizes or not all(isinstance(size, int) for size in sizes):
        node.refuse(f"auto_pad {auto} for an image whose size is not known")
    begins, ends = [], []
    for size, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
        total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)  # type: ignore[operator]
        small, large = total // 2, total - total // 2
        begins.append(small if auto == "SAME_UPPER" else large)
        ends.append(large if auto == "SAME_UPPER" else small)
    return begins + ends


@exporter("Conv", doc="Conv")
def conv(
    node: Exporting, torch: Writing, x: Variable, weight: Variable, bias: Variable | None = None
) -> Code:
    if weight.shape is None or not all(isinstance(d, int) for d in weight.shape):
        node.refuse("the shape of its weight is not known")
    out, per_group, *kernel = (int(d) for d in weight.shape)  # type: ignore[arg-type]
    count = len(kernel)
    if count not in {1, 2, 3}:
        node.refuse(f"torch convolves 1 to 3 spatial axes, not {count}")
    node.ignore("kernel_shape")
    group = node.attribute("group", 1)
    strides = node.attribute("strides", [1] * count)
    dilations = node.attribute("dilations", [1] * count)
    x, pads = padding(node, torch, x, kernel, strides, dilations)
    options = without_defaults(
        stride=(pair(strides), 1),
        padding=(pads, 0),
        dilation=(pair(dilations), 1),
        groups=(group, 1),
    )
    if weight.constant is None or (bias is not None and bias.constant is None):
        return torch.call(f"F.conv{count}d", x, weight, *([bias] if bias else []), **options)
    if bias is None:
        options["bias"] = False
    layer = torch.module(
        f"nn.Conv{count}d",
        per_group * group,
        out,
        kernel_size=pair(kernel),
        **options,
        tensors={"weight": weight, "bias": bias},
    )
    return layer(x)
