"""Convolution: `nn.Conv2d` and its like, and what folds windows back into an image."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, pair, unless
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.ir.windows import Window
from mmdnn.python.expressions import Code


def padded(torch: Writer, x: Any, window: Window) -> tuple[Any, Any]:
    """The input, padded where torch's symmetric padding cannot say it, and torch's `padding`."""
    if window.is_even:
        return x, pair(window.begins)
    return torch.call("F.pad", x, flat_pads(window.begins, window.ends)), 0


def flat_pads(begins: list[int], ends: list[int]) -> tuple[int, ...]:
    """Padding in the order of `F.pad`: the last axis first, begin and end of each."""
    pairs = list(zip(begins, ends, strict=True))
    return tuple(side for both in reversed(pairs) for side in both)


def check(node: ExportedNode, window: Window, weight: Variable) -> tuple[int, int]:
    """The first sizes of a convolution's weight; refused where torch has none of so many axes."""
    if weight.shape is None or not all(isinstance(d, int) for d in weight.shape):
        node.refuse("the shape of its weight is not known")
    if len(window) not in {1, 2, 3}:
        node.refuse(f"torch convolves 1 to 3 spatial axes, not {len(window)}")
    return int(weight.shape[0]), int(weight.shape[1])  # type: ignore[arg-type]


@exporter("Conv", doc="Conv")
def conv(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    weight: Variable,
    bias: Variable | None = None,
    *,
    window: Window,
    group: int,
) -> Code:
    out, per_group = check(node, window, weight)
    count = len(window)
    x, pads = padded(torch, x, window)
    options = unless(
        stride=(pair(window.strides), 1),
        padding=(pads, 0),
        dilation=(pair(window.dilations), 1),
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
        kernel_size=pair(window.kernel),
        **options,
        tensors={"weight": weight, "bias": bias},
    )
    return layer(x)


@exporter("ConvTranspose", doc="ConvTranspose")
def conv_transpose(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    weight: Variable,
    bias: Variable | None = None,
    *,
    window: Window,
    group: int,
) -> Code:
    channels, per_group = check(node, window, weight)
    count = len(window)
    pads, further, crop = _padding_of_transposed(node, window)
    options = unless(
        stride=(pair(window.strides), 1),
        padding=(pair(pads), 0),
        output_padding=(pair(further), 0),
        groups=(group, 1),
        dilation=(pair(window.dilations), 1),
    )
    if weight.constant is None or (bias is not None and bias.constant is None):
        given = [bias] if bias else []
        y: Code = torch.call(f"F.conv_transpose{count}d", x, weight, *given, **options)
    else:
        if bias is None:
            options["bias"] = False
        layer = torch.module(
            f"nn.ConvTranspose{count}d",
            channels,
            per_group * group,
            kernel_size=pair(window.kernel),
            **options,
            tensors={"weight": weight, "bias": bias},
        )
        y = layer(x)
    return torch.call("F.pad", y, crop) if any(crop) else y


def _padding_of_transposed(
    node: ExportedNode, window: Window
) -> tuple[list[int], list[int], tuple[int, ...]]:
    """Torch's `padding` and `output_padding`, and what `F.pad` cuts off afterwards.

    torch cuts off the same on both sides, then adds behind, less than a stride or a dilation.
    """
    pads, further, begins, ends = [], [], [], []
    for axis in window.axes:
        limit = max(axis.stride, axis.dilation)
        cut = axis.even_cut(limit)
        if cut is None:
            node.refuse(f"torch adds less than {limit} to the output's size, not {axis.extra}")
        pads.append(cut[0])
        further.append(cut[1])
        begins.append(-cut[2][0])
        ends.append(-cut[2][1])
    return pads, further, flat_pads(begins, ends)


@exporter("DeformConv", doc="DeformConv", unused="kernel_shape group offset_group")
def deform_conv(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    weight: Variable,
    offset: Variable,
    bias: Variable | None = None,
    mask: Variable | None = None,
    *,
    strides: list[int] | None = None,
    pads: list[int] | None = None,
    dilations: list[int] | None = None,
) -> Code:
    if weight.rank != 4:
        node.refuse("only images of two spatial axes are known to deform")
    options = unless(
        mask=(mask, None),
        stride=(tuple(strides or (1, 1)), (1, 1)),
        pads=(tuple(pads or (0,) * 4), (0,) * 4),
        dilation=(tuple(dilations or (1, 1)), (1, 1)),
    )
    y = torch.helper("deform_conv", x, weight, offset, **options)
    if bias is None:
        return y
    return torch.binary("+", torch.let("y", y), torch.method(bias, "view", -1, 1, 1))


@exporter("Col2Im", doc="Col2Im")
def col2im(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    image_shape: Variable,
    block_shape: Variable,
    *,
    strides: list[int] | None = None,
    pads: list[int] | None = None,
    dilations: list[int] | None = None,
) -> Code:
    if image_shape.shape is None or not isinstance(image_shape.shape[0], int):
        node.refuse("how many axes its image has is not known")
    count = image_shape.shape[0]
    ones = [1] * count
    strides, dilations, pads = strides or ones, dilations or ones, pads or [0] * 2 * count
    image, block = torch.integers(image_shape, tuple), torch.integers(block_shape, tuple)
    if count != 2 or pads[:2] != pads[2:]:
        return torch.helper("col2im", x, image, block, strides, pads, dilations)
    options = unless(
        dilation=(pair(dilations), 1), padding=(pair(pads[:2]), 0), stride=(pair(strides), 1)
    )
    return torch.call("F.fold", x, image, kernel_size=block, **options)
