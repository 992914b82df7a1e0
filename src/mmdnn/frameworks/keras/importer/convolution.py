"""Convolutions, transposed, depthwise and separable ones; the kernel is (*window, in, out)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdnn.frameworks.keras.importer.activation import activated
from mmdnn.frameworks.keras.importer.layout import several, to_first, to_last
from mmdnn.frameworks.keras.importer.table import LAYERS, OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank, static
from mmdnn.ir.passes.windows import same

CONVOLUTIONS = f"{LAYERS}/convolution_layers"


def permuted(node: ImportedNode, op: Op, kernel: Value, perm: Sequence[int]) -> Value:
    """A kernel with its axes in ONNX's order; one that is a weight is changed when it is written."""
    found = node.graph.permuted(kernel, perm)
    return op.Transpose(kernel, perm=list(perm)) if found is None else found


def to_onnx(node: ImportedNode, op: Op, kernel: Value) -> Value:
    """(*window, in, out) as (out, in, *window)."""
    count = rank(kernel)
    return permuted(node, op, kernel, [count - 1, count - 2, *range(count - 2)])


def windows(node: ImportedNode, kernel: Value, strides: Any, dilation: Any) -> dict[str, Any]:
    """The sizes, strides and dilations of windows, as ONNX's attributes."""
    count = rank(kernel) - 2
    return {
        "kernel_shape": list(static(kernel)[2:]),
        "strides": several(node, strides, count),
        "dilations": several(node, dilation, count),
    }


def padding_of(
    node: ImportedNode, padding: str, spans: Sequence[int], strides: Sequence[int], x: Value
) -> dict[str, Any]:
    """Paddings as ONNX's attributes: what `same` lacks an even share of is behind.

    Theano pads on both sides alike; `as_many` cuts the windows that are too many.
    """
    if padding == "causal":
        return {"pads": [span - 1 for span in spans] + [0] * len(spans)}
    if padding not in {"same", "valid"}:
        node.refuse(f"its padding is {padding}")
    if padding == "valid":
        return {}
    if node.graph.model.theano is None:
        node.refuse("nothing in its file tells Theano, which pads otherwise, from TensorFlow")
    if node.graph.model.theano:
        return {"pads": [span // 2 for span in spans] * 2}
    return same(x, spans, strides)


def as_many(
    node: ImportedNode, op: Op, y: Value, x: Value, padding: str, strides: Sequence[int]
) -> Value:
    """Of Theano's windows over padding that is too much, as many as `same` has; channels first."""
    if padding != "same" or not node.graph.model.theano:
        return y
    axes = list(range(2, rank(x)))
    sizes = [known(x, axis) for axis in axes]
    ends = [-(-size // stride) for size, stride in zip(sizes, strides, strict=True)]
    if all(known(y, axis) == end for axis, end in zip(axes, ends, strict=True)):
        return y
    return op.Slice(y, [0] * len(axes), ends, axes)


def convolved(
    node: ImportedNode, op: Op, x: Value, kernel: Value, bias: Value | None, **said: Any
) -> Value:
    """A convolution of a picture as Keras has it with a kernel as ONNX has it."""
    window = windows(node, kernel, said["strides"], said["dilation_rate"])
    pairs = zip(window["kernel_shape"], window["dilations"], strict=True)
    spans = [(size - 1) * step + 1 for size, step in pairs]
    x = to_first(op, x, said["data_format"])
    window |= padding_of(node, said["padding"], spans, window["strides"], x)
    inputs = [kernel] if bias is None else [kernel, bias]
    y = op.Conv(x, *inputs, group=said.get("groups", 1), **window)
    y = as_many(node, op, y, x, said["padding"], window["strides"])
    return to_last(op, y, said["data_format"])


def _bias(node: ImportedNode, use_bias: bool) -> Value | None:
    return node.weight("bias") if use_bias else None


@importer("Conv1D", "Conv2D", "Conv3D", doc=CONVOLUTIONS, unused="filters kernel_size")
def conv(
    node: ImportedNode, op: Op, x: Value, *, activation: Any, use_bias: bool,
    strides: Any, padding: str, dilation_rate: Any, data_format: str, groups: Any,
) -> Value:  # fmt: skip
    said = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    kernel = to_onnx(node, op, node.weight("kernel"))
    bias = _bias(node, use_bias)
    said |= {"data_format": data_format, "groups": groups or 1}
    return activated(node, op, convolved(node, op, x, kernel, bias, **said), activation)


@importer(
    "DepthwiseConv1D", "DepthwiseConv2D", doc=CONVOLUTIONS, unused="kernel_size depth_multiplier"
)
def depthwise_conv(
    node: ImportedNode, op: Op, x: Value, *, activation: Any, use_bias: bool,
    strides: Any, padding: str, dilation_rate: Any, data_format: str,
) -> Value:  # fmt: skip
    """Channel c gives channels c m … c m + m - 1."""
    said = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    name = "kernel" if node.has("kernel") else "depthwise_kernel"
    kernel, groups = depthwise(node, op, node.weight(name))
    bias = _bias(node, use_bias)
    said |= {"data_format": data_format, "groups": groups}
    return activated(node, op, convolved(node, op, x, kernel, bias, **said), activation)


def depthwise(node: ImportedNode, op: Op, kernel: Value) -> tuple[Value, int]:
    """(*window, in, multiplier) as (in multiplier, 1, *window), and how many channels come in."""
    count = rank(kernel)
    *window, channels, multiplier = static(kernel)
    perm = [count - 2, count - 1, *range(count - 2)]
    sizes = (channels * multiplier, 1, *window)
    turned = permuted(node, op, kernel, perm)
    made = node.graph.reshaped(turned, sizes) if turned.const_value is not None else None
    return made if made is not None else op.Reshape(turned, list(sizes)), channels


@importer(
    "SeparableConv1D", "SeparableConv2D", doc=CONVOLUTIONS, unused="filters kernel_size depth_multiplier"
)  # fmt: skip
def separable_conv(
    node: ImportedNode, op: Op, x: Value, *, activation: Any, use_bias: bool,
    strides: Any, padding: str, dilation_rate: Any, data_format: str,
) -> Value:  # fmt: skip
    said = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    kernels = node.weight("depthwise_kernel"), node.weight("pointwise_kernel")
    said |= {"data_format": data_format}
    y = separable(node, op, x, kernels, _bias(node, use_bias), **said)
    return activated(node, op, y, activation)


def separable(
    node: ImportedNode,
    op: Op,
    x: Value,
    kernels: tuple[Value, Value],
    bias: Value | None,
    **said: Any,
) -> Value:
    """Each channel by itself, then all of them at each place."""
    kernel, groups = depthwise(node, op, kernels[0])
    y = convolved(node, op, x, kernel, None, groups=groups, **said)
    points = to_onnx(node, op, kernels[1])
    plain = {"strides": 1, "padding": "valid", "dilation_rate": 1}
    return convolved(node, op, y, points, bias, data_format=said["data_format"], **plain)


@importer(
    "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", doc=CONVOLUTIONS,
    unused="filters kernel_size output_shape",
)  # fmt: skip
def conv_transpose(
    node: ImportedNode, op: Op, x: Value, *, activation: Any, use_bias: bool, output_padding: Any,
    strides: Any, padding: str, dilation_rate: Any, data_format: str,
) -> Value:  # fmt: skip
    said = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    said |= {"output_padding": output_padding, "data_format": data_format}
    kernel = node.weight("kernel")
    y = transposed(node, op, x, kernel, _bias(node, use_bias), **said)
    return activated(node, op, y, activation)


def transposed(
    node: ImportedNode, op: Op, x: Value, kernel: Value, bias: Value | None, **said: Any
) -> Value:
    """A transposed convolution; the kernel is (*window, out, in).

    Without `output_padding`, `same` gives as many as there are strides, and `valid` at least a stride for
    each: what lies behind the windows is bias alone.
    """
    count = rank(kernel) - 2
    turned = permuted(node, op, kernel, [count + 1, count, *range(count)])
    window = windows(node, turned, said["strides"], said["dilation_rate"])
    added = said["output_padding"]
    added = [None] * count if added is None else several(node, added, count)
    sides = [
        _cut(said["padding"], *sizes)
        for sizes in zip(
            window["kernel_shape"], window["strides"], window["dilations"], added, strict=True
        )
    ]
    pads = [max(side, 0) for pair in zip(*sides, strict=True) for side in pair]
    behind = [max(-end, 0) for _, end in sides]
    x = to_first(op, x, said["data_format"])
    inputs = [turned] if bias is None else [turned, bias]
    y = op.ConvTranspose(x, *inputs, pads=pads, output_padding=_few(behind, window), **window)
    return to_last(op, y, said["data_format"])


def _few(behind: list[int], window: dict[str, Any]) -> list[int] | None:
    return behind if any(behind) else None


def _cut(padding: str, size: int, stride: int, dilation: int, added: int | None) -> tuple[int, int]:
    """What is cut from the full transposed convolution in front and behind; less than 0: added."""
    span = (size - 1) * dilation + 1
    if added is not None:
        total = 2 * (span // 2 if padding == "same" else 0) - added
    else:
        total = span - stride if padding == "same" else -max(stride - span, 0)
    before = max(total, 0) // 2
    return before, total - before


@importer("ops.Conv", doc=f"{OPS}/nn")
def conv_operation(
    node: ImportedNode, op: Op, x: Value, kernel: Value, *,
    strides: Any, padding: str, dilation_rate: Any, data_format: str,
) -> Value:  # fmt: skip
    """Groups are told by the channels."""
    said = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    channels = known(x, 1 if data_format == "channels_first" else rank(x) - 1)
    groups = channels // known(kernel, rank(kernel) - 2)
    said |= {"data_format": data_format, "groups": groups}
    return convolved(node, op, x, to_onnx(node, op, kernel), None, **said)


@importer("ops.DepthwiseConv", doc=f"{OPS}/nn")
def depthwise_operation(
    node: ImportedNode, op: Op, x: Value, kernel: Value, *,
    strides: Any, padding: str, dilation_rate: Any, data_format: str,
) -> Value:  # fmt: skip
    said = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    turned, groups = depthwise(node, op, kernel)
    said |= {"data_format": data_format, "groups": groups}
    return convolved(node, op, x, turned, None, **said)


@importer("ops.SeparableConv", doc=f"{OPS}/nn")
def separable_operation(
    node: ImportedNode, op: Op, x: Value, depthwise_kernel: Value, pointwise_kernel: Value, *,
    strides: Any, padding: str, dilation_rate: Any, data_format: str,
) -> Value:  # fmt: skip
    said = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    said |= {"data_format": data_format}
    return separable(node, op, x, (depthwise_kernel, pointwise_kernel), None, **said)


@importer("ops.ConvTranspose", doc=f"{OPS}/nn")
def transposed_operation(
    node: ImportedNode, op: Op, x: Value, kernel: Value, *, output_padding: Any,
    strides: Any, padding: str, dilation_rate: Any, data_format: str,
) -> Value:  # fmt: skip
    said = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    said |= {"output_padding": output_padding, "data_format": data_format}
    return transposed(node, op, x, kernel, None, **said)
