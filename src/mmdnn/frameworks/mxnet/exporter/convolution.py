"""Convolutions and dense layers.

Weights are laid out as ONNX's: (filters, channels, ...), transposed ones (channels, filters, ...).
"""

from __future__ import annotations

import math
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.padding import pad
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


@exporter("Gemm", doc="Gemm")
def gemm(node: Exporting, mx: Writing, a: Array, b: Array, c: Array | None = None) -> Array:
    """FullyConnected where the right side is a weight, else a product."""
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    turn_a, turn_b = bool(node.attribute("transA", 0)), bool(node.attribute("transB", 0))
    hidden = (b.shape or (None, None))[0 if turn_b else 1]
    fits = alpha == 1 and not turn_a and isinstance(hidden, int)
    if fits and (b.constant is not None or turn_b):
        bias = c if c is not None and beta == 1 and c.shape == (hidden,) else None
        y = fully_connected(node, mx, a, b, bias, turn_b, hidden)
        return y if c is None or bias is not None else _plus(mx, y, c, beta)
    y = mx.dot(a, b, transpose_a=turn_a or None, transpose_b=turn_b or None)
    y = mx._mul_scalar(y, scalar=alpha) if alpha != 1 else y
    return y if c is None else _plus(mx, y, c, beta)


def _plus(mx: Writing, y: Array, c: Array, beta: float) -> Array:
    return mx.broadcast_add(y, mx._mul_scalar(c, scalar=beta) if beta != 1 else c)


def fully_connected(
    node: Exporting,
    mx: Writing,
    x: Array,
    weight: Array,
    bias: Array | None,
    turned: bool,
    hidden: Any,
    flatten: bool = True,
) -> Array:
    """X Wᵀ + b; the flattening before it is the layer's own."""
    if not turned:
        shape = weight_shape(node, weight)
        weight = mx.changed(weight, "weight", lambda w: w.T.copy(), shape[::-1], "transposed")
    source = node.own(x, "Flatten", "Reshape")
    if flatten and source is not None and is_flattening(source) and source.inputs[0] is not None:
        x = mx.scope.array(source.inputs[0])
    return mx.FullyConnected(
        x,
        *named(mx, weight, bias),
        num_hidden=hidden,
        no_bias=True if bias is None else None,
        flatten=None if flatten else False,
    )


def is_flattening(node: ir.Node) -> bool:
    """Whether it makes a matrix of an array, its first axis left as it is."""
    if node.op_type == "Flatten":
        axis = node.attributes.get("axis")
        return axis is None or axis.as_int() == 1
    x, target = node.inputs[0], node.inputs[1]
    if x is None or x.shape is None or len(x.shape) < 2 or target is None:
        return False
    shape = None if target.const_value is None else target.const_value.numpy().tolist()
    if shape is None or len(shape) != 2 or "allowzero" in node.attributes:
        return False
    rest = [dim for dim in x.shape[1:] if isinstance(dim, int)]
    known = len(rest) == len(x.shape) - 1
    if shape[0] in {0, x.shape[0]}:
        return True
    return known and shape[0] == -1 and shape[1] == math.prod(rest)


@exporter("MatMul", doc="MatMul")
def matmul(node: Exporting, mx: Writing, a: Array, b: Array) -> Array:
    ranks = node.rank(a), node.rank(b)
    if ranks[0] == 1 and ranks[1] == 2:
        return mx.Reshape(mx.dot(mx.Reshape(a, shape=(1, -1)), b), shape=(-1,))
    if ranks[1] == 2 and b.constant is not None and ranks[0] > 1:
        hidden = weight_shape(node, b)[1]
        return fully_connected(node, mx, a, b, None, False, hidden, flatten=ranks[0] == 2)
    if ranks == (2, 2):
        return mx.dot(a, b)
    same = (a.shape or ())[:-2] == (b.shape or ())[:-2] and None not in (a.shape or ())[:-2]
    if ranks[0] == ranks[1] > 2 and same:
        return mx.batch_dot(a, b)
    if ranks[1] == 2 and ranks[0] > 1:
        return mx.dot(a, b)
    if ranks == (1, 1):
        return mx.dot(a, b)
    if ranks[0] == 2:
        turned = mx.dot(mx.SwapAxis(b, dim1=-2, dim2=-1), mx.transpose(a))
        return mx.SwapAxis(turned, dim1=-2, dim2=-1)
    shape = node.output_shape() or ()
    if min(ranks) > 1 and shape and None not in shape[:-2]:
        return mx.batch_dot(_repeated(node, mx, a, b, shape), _repeated(node, mx, b, a, shape))
    return node.refuse(f"a product of arrays with {ranks[0]} and {ranks[1]} axes")


def _repeated(
    node: Exporting, mx: Writing, x: Array, other: Array, shape: tuple[int | str | None, ...]
) -> Array:
    """With the batch axes of a product, the open ones taken from the other side."""
    missing = len(shape) - node.rank(x)
    own = (*(1,) * missing, *(x.shape or ()))
    theirs = (*(1,) * (len(shape) - node.rank(other)), *(other.shape or ()))
    if own[:-2] == shape[:-2]:
        return x
    for _ in range(missing):
        x = mx.expand_dims(x, axis=0)
    wider = [axis for axis, dim in enumerate(shape[:-2]) if dim != own[axis]]
    fixed = [
        shape[axis] if isinstance(shape[axis], int) and axis in wider else 0
        for axis in range(len(shape))
    ]
    open_ = tuple(axis for axis in wider if not isinstance(shape[axis], int))
    if any(theirs[axis] != shape[axis] for axis in open_) or len(other.shape or ()) != len(shape):
        node.refuse("batches of a size that is not known")
    if any(fixed):
        x = mx.broadcast_to(x, shape=tuple(fixed))
    return mx.broadcast_like(x, other, lhs_axes=open_, rhs_axes=open_) if open_ else x
