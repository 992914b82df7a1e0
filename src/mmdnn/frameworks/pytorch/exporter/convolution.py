"""Convolution: `nn.Conv2d` and its like, and what folds windows back into an image."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.pytorch.exporter.table import Exporting, Writing, exporter, pair, unless
from mmdnn.frameworks.pytorch.graph import Code, Variable


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
    options = unless(
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


@exporter("ConvTranspose", doc="ConvTranspose")
def conv_transpose(
    node: Exporting, torch: Writing, x: Variable, weight: Variable, bias: Variable | None = None
) -> Code:
    if weight.shape is None or not all(isinstance(d, int) for d in weight.shape):
        node.refuse("the shape of its weight is not known")
    channels, per_group, *kernel = (int(d) for d in weight.shape)  # type: ignore[arg-type]
    count = len(kernel)
    if count not in {1, 2, 3}:
        node.refuse(f"torch convolves 1 to 3 spatial axes, not {count}")
    node.ignore("kernel_shape")
    group = node.attribute("group", 1)
    strides = node.attribute("strides", [1] * count)
    dilations = node.attribute("dilations", [1] * count)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    begins, ends, extra = transposed_pads(node, x, spans, strides)
    limits = [max(both) for both in zip(strides, dilations, strict=True)]
    pads, further, crop = _padding_of_transposed(node, begins, ends, extra, limits)
    options = unless(
        stride=(pair(strides), 1),
        padding=(pair(pads), 0),
        output_padding=(pair(further), 0),
        groups=(group, 1),
        dilation=(pair(dilations), 1),
    )
    if weight.constant is None or (bias is not None and bias.constant is None):
        given = [bias] if bias else []
        y = torch.call(f"F.conv_transpose{count}d", x, weight, *given, **options)
    else:
        if bias is None:
            options["bias"] = False
        layer = torch.module(
            f"nn.ConvTranspose{count}d",
            channels,
            per_group * group,
            kernel_size=pair(kernel),
            **options,
            tensors={"weight": weight, "bias": bias},
        )
        y = layer(x)
    return torch.call("F.pad", y, tuple(crop)) if any(crop) else y


def transposed_pads(
    node: Exporting, x: Variable, spans: list[int], strides: list[int]
) -> tuple[list[int], list[int], list[int]]:
    """What is cut off before and behind, and the size added behind.

    https://onnx.ai/onnx/operators/onnx__ConvTranspose.html; a padding that an `output_shape` would make
    negative is added behind.
    """
    count = len(spans)
    extra = node.attribute("output_padding", [0] * count)
    auto = node.attribute("auto_pad", "NOTSET")
    pads = node.attribute("pads", [0] * 2 * count)
    wanted = node.attribute("output_shape")
    if wanted is None and auto in {"NOTSET", "VALID"}:
        return (
            (pads[:count], pads[count:], extra)
            if auto == "NOTSET"
            else ([0] * count, [0] * count, extra)
        )
    sizes = (x.shape or ())[2:]
    if wanted is not None and not (sizes and all(isinstance(size, int) for size in sizes)):
        node.refuse("an output_shape for an image whose size is not known")
    begins, ends = [], []
    for axis, (span, stride) in enumerate(zip(spans, strides, strict=True)):
        total = span - stride + extra[axis]
        if wanted is not None:
            total = stride * (sizes[axis] - 1) + span + extra[axis] - wanted[-count:][axis]  # type: ignore[operator]
        if total < 0:
            extra = [e - total if i == axis else e for i, e in enumerate(extra)]
            total = 0
        small, large = total // 2, total - total // 2
        begins.append(small if auto == "SAME_UPPER" else large)
        ends.append(large if auto == "SAME_UPPER" else small)
    return begins, ends, extra


def _padding_of_transposed(
    node: Exporting,
    begins: list[int],
    ends: list[int],
    extra: list[int],
    limits: list[int],
) -> tuple[list[int], list[int], list[int]]:
    """Torch's `padding` and `output_padding`, and what `F.pad` cuts off afterwards.

    torch cuts off the same on both sides, then adds behind, less than a stride or a dilation.
    """
    pads, further, crop = [], [], []
    for begin, end, more, limit in zip(begins, ends, extra, limits, strict=True):
        if begin >= 0 and 0 <= more + begin - end < limit:
            pads.append(begin)
            further.append(more + begin - end)
            crop.append((0, 0))
            continue
        if more >= limit:
            node.refuse(f"torch adds less than {limit} to the output's size, not {more}")
        least = max(min(begin, end), 0)
        pads.append(least)
        further.append(more)
        crop.append((least - begin, least - end))
    return pads, further, [side for both in reversed(crop) for side in both]


@exporter("DeformConv", doc="DeformConv")
def deform_conv(
    node: Exporting,
    torch: Writing,
    x: Variable,
    weight: Variable,
    offset: Variable,
    bias: Variable | None = None,
    mask: Variable | None = None,
) -> Code:
    if weight.rank != 4:
        node.refuse("only images of two spatial axes are known to deform")
    node.ignore("kernel_shape")
    options = unless(
        bias=(bias, None),
        mask=(mask, None),
        stride=(tuple(node.attribute("strides", [1, 1])), (1, 1)),
        pads=(tuple(node.attribute("pads", [0] * 4)), (0,) * 4),
        dilation=(tuple(node.attribute("dilations", [1, 1])), (1, 1)),
        groups=(node.attribute("group", 1), 1),
        offset_groups=(node.attribute("offset_group", 1), 1),
    )
    return torch.helper("deform_conv", x, weight, offset, **options)


@exporter("Col2Im", doc="Col2Im")
def col2im(
    node: Exporting, torch: Writing, x: Variable, image_shape: Variable, block_shape: Variable
) -> Code:
    if image_shape.shape is None or not isinstance(image_shape.shape[0], int):
        node.refuse("how many axes its image has is not known")
    count = image_shape.shape[0]
    image, block = torch.integers(image_shape, tuple), torch.integers(block_shape, tuple)
    strides = node.attribute("strides", [1] * count)
    dilations = node.attribute("dilations", [1] * count)
    pads = node.attribute("pads", [0] * 2 * count)
    if count != 2 or pads[:2] != pads[2:]:
        return torch.helper("col2im", x, image, block, strides, pads, dilations)
    options = {
        "dilation": (pair(dilations), 1),
        "padding": (pair(pads[:2]), 0),
        "stride": (pair(strides), 1),
    }
    given = {name: value for name, (value, default) in options.items() if value != default}
    return torch.call("F.fold", x, image, kernel_size=block, **given)
