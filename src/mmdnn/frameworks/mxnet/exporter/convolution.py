"""Convolutions."""

from __future__ import annotations

from mmdnn.frameworks.mxnet.exporter.pad import pad
from mmdnn.frameworks.mxnet.exporter.table import Array, Exporting, Writing, exporter


def per_axis(values: list[int], default: int) -> tuple[int, ...] | None:
    """A parameter with one number an axis; None where all are the default."""
    return None if set(values) <= {default} else tuple(values)


def explicit_pads(
    node: Exporting, x: Array, kernel: list[int], strides: list[int], dilations: list[int]
) -> tuple[list[int], list[int]]:
    """What is added before and behind, `auto_pad` worked out."""
    count = len(kernel)
    auto = node.attribute("auto_pad", "NOTSET")
    pads = node.attribute("pads", [0] * 2 * count)
    if auto == "NOTSET":
        return pads[:count], pads[count:]
    if auto == "VALID":
        return [0] * count, [0] * count
    sizes = node.sizes(x)
    if not sizes:
        node.refuse(f"auto_pad {auto} for an image whose size is not known")
    begins, ends = [], []
    for size, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
        total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
        small, large = total // 2, total - total // 2
        begins.append(small if auto == "SAME_UPPER" else large)
        ends.append(large if auto == "SAME_UPPER" else small)
    return begins, ends


def weight_shape(node: Exporting, weight: Array) -> list[int]:
    """The sizes of a weight, which must be known."""
    shape = weight.shape
    if shape is None or not all(isinstance(dim, int) for dim in shape):
        node.refuse("the shape of its weight is not known")
    return [int(dim) for dim in shape]  # type: ignore[arg-type]


def named(mx: Writing, weight: Array, bias: Array | None) -> tuple[Array, ...]:
    """Weight and bias by their usual names."""
    given = (mx.weight(weight, "weight"),)
    return given if bias is None else (*given, mx.weight(bias, "bias"))


@exporter("Conv", doc="Conv")
def conv(node: Exporting, mx: Writing, x: Array, weight: Array, bias: Array | None = None) -> Array:
    filters, _, *kernel = weight_shape(node, weight)
    count = len(kernel)
    if count not in {1, 2, 3}:
        node.refuse(f"MXNet convolves 1 to 3 spatial axes, not {count}")
    node.ignore("kernel_shape")
    strides = node.attribute("strides", [1] * count)
    dilations = node.attribute("dilations", [1] * count)
    begins, ends = explicit_pads(node, x, kernel, strides, dilations)
    if begins != ends or min(begins) < 0:
        x = pad(node, mx, x, [0, 0, *begins], [0, 0, *ends], rank=count + 2)
        begins = [0] * count
    group = node.attribute("group", 1)
    return mx.Convolution(
        x,
        *named(mx, weight, bias),
        kernel=tuple(kernel),
        stride=per_axis(strides, 1),
        dilate=per_axis(dilations, 1),
        pad=per_axis(begins, 0),
        num_filter=filters,
        num_group=group if group != 1 else None,
        no_bias=True if bias is None else None,
    )


@exporter("ConvTranspose", doc="ConvTranspose")
def conv_transpose(
    node: Exporting, mx: Writing, x: Array, weight: Array, bias: Array | None = None
) -> Array:
    _, per_group, *kernel = weight_shape(node, weight)
    count = len(kernel)
    if count not in {1, 2, 3}:
        node.refuse(f"MXNet convolves 1 to 3 spatial axes, not {count}")
    node.ignore("kernel_shape")
    group = node.attribute("group", 1)
    strides = node.attribute("strides", [1] * count)
    dilations = node.attribute("dilations", [1] * count)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads, adj, crop = _transposed_pads(node, x, spans, strides)
    y = mx.Deconvolution(
        x,
        *named(mx, weight, bias),
        kernel=tuple(kernel),
        stride=per_axis(strides, 1),
        dilate=per_axis(dilations, 1),
        pad=per_axis(pads, 0),
        adj=per_axis(adj, 0),
        num_filter=per_group * group,
        num_group=group if group != 1 else None,
        no_bias=bias is None,
    )
    if not any(any(sides) for sides in crop):
        return y
    begins, ends = zip(*crop, strict=True)
    return pad(node, mx, y, [0, 0, *begins], [0, 0, *ends], rank=count + 2)


def _transposed_pads(
    node: Exporting, x: Array, spans: list[int], strides: list[int]
) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """MXNet's `pad` (cut off on both sides), `adj` (added behind, less than a stride), and a crop."""
    count = len(spans)
    extra = node.attribute("output_padding", [0] * count)
    begins, ends, extra = _cut(node, x, spans, strides, extra)
    pads: list[int] = []
    adj: list[int] = []
    crop: list[tuple[int, int]] = []
    for begin, end, more, stride, span in zip(begins, ends, extra, strides, spans, strict=True):
        further = more + begin - end
        if 0 <= begin < span and 0 <= further < stride:
            pads.append(begin)
            adj.append(further)
            crop.append((0, 0))
            continue
        if more >= stride:
            node.refuse(f"MXNet adds less than a stride to the output's size, not {more}")
        pads.append(0)
        adj.append(more)
        crop.append((-begin, -end))
    return pads, adj, crop


def _cut(
    node: Exporting, x: Array, spans: list[int], strides: list[int], extra: list[int]
) -> tuple[list[int], list[int], list[int]]:
    """What is cut off before and behind, and the size added behind.

    https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
    """
    count = len(spans)
    auto = node.attribute("auto_pad", "NOTSET")
    pads = node.attribute("pads", [0] * 2 * count)
    wanted = node.attribute("output_shape")
    if wanted is None and auto == "NOTSET":
        return pads[:count], pads[count:], extra
    if wanted is None and auto == "VALID":
        return [0] * count, [0] * count, extra
    sizes = node.sizes(x)
    if wanted is not None and not sizes:
        node.refuse("an output_shape for an image whose size is not known")
    begins, ends, more = [], [], list(extra)
    for axis, (span, stride) in enumerate(zip(spans, strides, strict=True)):
        total = span - stride + more[axis]
        if wanted is not None:
            total = stride * (sizes[axis] - 1) + span + more[axis] - wanted[-count:][axis]
        if total < 0:
            more[axis] -= total
            total = 0
        small, large = total // 2, total - total // 2
        begins.append(small if auto == "SAME_UPPER" else large)
        ends.append(large if auto == "SAME_UPPER" else small)
    return begins, ends, more


@exporter("DeformConv", doc="DeformConv")
def deform_conv(
    node: Exporting,
    mx: Writing,
    x: Array,
    weight: Array,
    offset: Array,
    bias: Array | None = None,
    mask: Array | None = None,
) -> Array:
    shape = weight.shape or ()
    node.ignore("kernel_shape")
    pads = node.attribute("pads", [0] * 4)
    if len(shape) != 4 or pads[:2] != pads[2:]:
        node.refuse("images of two axes, padded alike on both sides, are what MXNet deforms")
    params = {
        "kernel": tuple(shape[2:]),
        "stride": tuple(node.attribute("strides", [1, 1])),
        "dilate": tuple(node.attribute("dilations", [1, 1])),
        "pad": tuple(pads[:2]),
        "num_filter": shape[0],
        "num_group": node.attribute("group", 1),
        "num_deformable_group": node.attribute("offset_group", 1),
        "no_bias": True if bias is None else None,
    }
    rest = named(mx, weight, bias)
    if mask is None:
        return mx.make("_contrib_DeformableConvolution", x, offset, *rest, **params)
    return mx.make("_contrib_ModulatedDeformableConvolution", x, offset, mask, *rest, **params)


@exporter("Col2Im", doc="Col2Im")
def col2im(node: Exporting, mx: Writing, x: Array, image: Array, block: Array) -> Array:
    pads = node.attribute("pads", [0] * 4)
    count = len(pads) // 2
    if pads[:count] != pads[count:]:
        node.refuse("padding that is not the same on both sides")
    return mx.col2im(
        x,
        output_size=tuple(node.ints(image, "size")),
        kernel=tuple(node.ints(block, "kernel")),
        stride=tuple(node.attribute("strides", [1] * count)),
        dilate=tuple(node.attribute("dilations", [1] * count)),
        pad=tuple(pads[:count]),
    )
