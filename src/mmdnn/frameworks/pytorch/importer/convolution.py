"""Convolutions. `padding="same"` puts the odd zero behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mmdnn.frameworks.pytorch.importer.sizes import several
from mmdnn.frameworks.pytorch.importer.table import NN, ImportedCall, Value, importer
from mmdnn.ir.builder import Op, known, rank


def batched(op: Op, x: Value, axes: int, run: Callable[[Value], Value]) -> Value:
    """What a function gives for images; one image alone becomes a batch of one."""
    if rank(x) != axes:
        return run(x)
    return op.Squeeze(run(op.Unsqueeze(x, [0])), [0])


@importer("conv1d", "conv2d", "conv3d", doc=f"{NN}.functional.conv2d")
def conv(
    node: ImportedCall, op: Op, x: Value, weight: Value, bias: Value, *,
    stride: Any, padding: Any, dilation: Any, groups: int,
) -> Value:  # fmt: skip
    count = rank(weight) - 2
    dilations = several(dilation, count)
    if isinstance(padding, str):
        pads = _named(padding, [known(weight, axis + 2) for axis in range(count)], dilations)
    else:
        pads = several(padding, count) * 2
    attributes = {"strides": several(stride, count), "pads": pads, "dilations": dilations}
    attributes["kernel_shape"] = [known(weight, axis + 2) for axis in range(count)]
    return batched(op, x, count + 1, lambda x: op.Conv(x, weight, bias, group=groups, **attributes))


def _named(padding: str, kernel: Sequence[int], dilations: Sequence[int]) -> list[int]:
    if padding == "valid":
        return [0] * 2 * len(kernel)
    totals = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
    return [total // 2 for total in totals] + [total - total // 2 for total in totals]


@importer(
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    doc=f"{NN}.functional.conv_transpose2d",
)
def conv_transpose(
    node: ImportedCall, op: Op, x: Value, weight: Value, bias: Value, *,
    stride: Any, padding: Any, output_padding: Any, groups: int, dilation: Any,
) -> Value:  # fmt: skip
    count = rank(weight) - 2
    attributes = {
        "strides": several(stride, count),
        "pads": several(padding, count) * 2,
        "dilations": several(dilation, count),
        "kernel_shape": [known(weight, axis + 2) for axis in range(count)],
    }
    extra = several(output_padding, count)
    if any(extra):
        attributes["output_padding"] = extra
    return batched(
        op, x, count + 1, lambda x: op.ConvTranspose(x, weight, bias, group=groups, **attributes)
    )


@importer("convolution", "_convolution", doc=f"{NN}.functional.conv2d", unused="cudnn_enabled")
def convolution(
    node: ImportedCall, op: Op, x: Value, weight: Value, bias: Value, *,
    stride: Any, padding: Any, dilation: Any, transposed: bool, output_padding: Any, groups: int,
) -> Value:  # fmt: skip
    said = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if transposed:
        return conv_transpose(node, op, x, weight, bias, output_padding=output_padding, **said)
    return conv(node, op, x, weight, bias, **said)
