"""Convolutions: Keras's layers, with the padding that they lack before them, or a cut behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.exporter.pad import cropped, padded
from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, Inputs, exporter, image
from mmdnn.frameworks.keras.exporter.writer import Writer
from mmdnn.ir.windows import Window
from mmdnn.tensors import references


def same(window: Window) -> bool:
    """Whether the padding is what Keras calls "same"."""
    for axis in window.axes:
        if axis.stride == 1:
            total = axis.span - 1
        elif axis.size is None:
            return False
        else:
            total = max((-(-axis.size // axis.stride) - 1) * axis.stride + axis.span - axis.size, 0)
        if (axis.begin, axis.end) != (total // 2, total - total // 2):
            return False
    return True


def windowed(
    node: ExportedNode, keras: Writer, x: Array, window: Window, fill: float = 0.0
) -> tuple[Array, str]:
    """The image with the padding that no word of Keras says, and the word for the rest."""
    if not any(window.pads):
        return x, "valid"
    if same(window):
        return x, "same"
    pads = [(0, 0), *zip(window.begins, window.ends, strict=True), (0, 0)]
    return padded(node, keras, x, pads, fill), "valid"


@exporter(*image("Conv"), doc="Conv")
def conv(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    w: Array,
    b: Inputs = None,
    *,
    window: Window,
    group: int,
) -> Array:
    kernel = node.tensor(w, "kernel")
    shape = [int(size) for size in kernel.shape.numpy()]
    if len(window) > 3:
        node.refuse(f"Keras convolves 1 to 3 spatial axes, not {len(window)}")
    if max(window.strides) > 1 and max(window.dilations) > 1:
        kernel, window = spread(kernel, window)
    x, padding = windowed(node, keras, x, window)
    options: dict[str, Any] = {
        "kernel_size": window.kernel,
        "strides": window.strides,
        "padding": padding,
        "dilation_rate": window.dilations if max(window.dilations) > 1 else None,
        "use_bias": b is not None,
    }
    weights = {} if b is None else {"bias": node.tensor(b, "bias")}
    channels = shape[1] * group
    if group > 1 and group == channels and len(window) < 3 and len(set(window.strides)) == 1:
        times = shape[0] // group
        weights = {"kernel": _depthwise(kernel, group, times), **weights}
        name = f"DepthwiseConv{len(window)}D"
        return keras.layer(name, x, weights=weights, depth_multiplier=times, **options)
    order = (*range(2, len(kernel.shape)), 1, 0)
    weights = {"kernel": references.permuted(kernel, order), **weights}
    options["groups"] = group if group > 1 else None
    return keras.layer(f"Conv{len(window)}D", x, weights=weights, filters=shape[0], **options)


def spread(kernel: ir.TensorProtocol, window: Window) -> tuple[ir.TensorProtocol, Window]:
    """A dilated kernel with the zeros between its elements, where Keras does not dilate."""
    shape = (*kernel.shape.numpy()[:2], *window.spans)
    return references.lazy(kernel, window.spread, shape=shape), window.dense


def _depthwise(kernel: ir.TensorProtocol, group: int, times: int) -> ir.TensorProtocol:
    """[C * m, 1, k...] as [k..., C, m]."""
    sizes = kernel.shape.numpy()[2:]

    def change(array: np.ndarray) -> np.ndarray:
        split = array.reshape(group, times, *sizes)
        return np.ascontiguousarray(np.moveaxis(split, (0, 1), (-2, -1)))

    return references.lazy(kernel, change, shape=(*sizes, group, times))


@exporter(*image("ConvTranspose"), doc="ConvTranspose")
def conv_transpose(
    node: ExportedNode,
    keras: Writer,
    x: Array,
    w: Array,
    b: Inputs = None,
    *,
    window: Window,
    group: int,
) -> Array:
    """Whole, and cut; Keras makes it `max(kernel - stride, 0)` longer than the strides, behind."""
    kernel = node.tensor(w, "kernel")
    if len(window) > 3:
        node.refuse(f"Keras convolves 1 to 3 spatial axes, not {len(window)}")
    if max(window.dilations) > 1:
        kernel, window = spread(kernel, window)
    tails = [max(axis.stride - axis.kernel, 0) for axis in window.axes]
    cuts = [
        (axis.begin, axis.end - axis.extra + tail)
        for axis, tail in zip(window.axes, tails, strict=True)
    ]
    more = any(end < 0 or begin < 0 for begin, end in cuts)
    bias = None if b is None else node.tensor(b, "bias")
    kernels = _grouped(kernel, group)
    made = [
        keras.layer(
            f"Conv{len(window)}DTranspose",
            part,
            weights={"kernel": each} | ({"bias": bias} if bias and group == 1 and not more else {}),
            filters=int(each.shape.numpy()[-2]),
            kernel_size=window.kernel,
            strides=window.strides,
            use_bias=bool(bias and group == 1 and not more),
        )
        for part, each in zip(_parts(keras, x, group), kernels, strict=True)
    ]
    y = made[0] if group == 1 else keras.layer("Concatenate", made, axis=-1)
    y = cropped(keras, y, [(max(begin, 0), max(end, 0)) for begin, end in cuts])
    if more:
        y = padded(node, keras, y, [(0, 0), *((-min(a, 0), -min(z, 0)) for a, z in cuts), (0, 0)])
    return keras.ops.Add(y, b) if bias and (group > 1 or more) else y


def _grouped(kernel: ir.TensorProtocol, group: int) -> list[ir.TensorProtocol]:
    """[C, M / g, k...] as g of [k..., M / g, C / g]."""
    rank, shape = len(kernel.shape), kernel.shape.numpy()
    order = (*range(2, rank), 1, 0)
    if group == 1:
        return [references.permuted(kernel, order)]
    each = shape[0] // group

    def part(place: int) -> references.Function:
        where = slice(place * each, (place + 1) * each)
        return lambda array: np.ascontiguousarray(array[where].transpose(order))

    size = (*shape[2:], shape[1], each)
    return [references.lazy(kernel, part(place), shape=size) for place in range(group)]


def _parts(keras: Writer, x: Array, group: int) -> Sequence[Array]:
    if group == 1:
        return [x]
    return keras.outputs(keras.ops.Split(x, indices_or_sections=group, axis=-1), group)
