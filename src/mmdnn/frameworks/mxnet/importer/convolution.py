"""Convolutions (src/operator/nn/convolution.cc, deconvolution.cc) and dense layers.

Weights are (filters, channels, ...), those of a Deconvolution (channels, filters, ...).
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.shapes import flat, known, rank, transpose
from mmdnn.frameworks.mxnet.importer.table import API, Importing, importer
from mmdnn.ir.builder import dimensions
from mmdnn.tensors import references

NN = f"{API}/symbol/symbol.html#mxnet.symbol"


def per_axis(node: Importing, name: str, count: int, default: int) -> list[int]:
    """A parameter with one number an axis; none given means the default for all."""
    given = list(getattr(node.p, name))
    if not given:
        return [default] * count
    if len(given) != count:
        node.unfit(f"{name} {given} does not fit {count} axes")
    return given


def channels_last(node: Importing) -> bool:
    """Whether the layout is NWC, NHWC or NDHWC."""
    layout = node.p.layout
    return layout is not None and layout[1] != "C"


def to_first(op: Any, x: ir.Value) -> ir.Value:
    """Channels from the last place to the second."""
    return transpose(op, x, [0, rank(x) - 1, *range(1, rank(x) - 1)])


def to_last(op: Any, x: ir.Value) -> ir.Value:
    """Channels from the second place to the last."""
    return transpose(op, x, [0, *range(2, rank(x)), 1])


def _check_filters(node: Importing, weight: ir.Value, axis: int, count: int) -> None:
    stored = dimensions(weight)[axis]
    if isinstance(stored, int) and stored != count:
        node.unfit(f"its weight has {stored} filters, and it should have {count}")


@importer("Convolution", "Convolution_v1", doc=f"{NN}.Convolution")
def convolution(
    node: Importing, op: Any, x: ir.Value, weight: ir.Value, *bias: ir.Value
) -> ir.Value:
    p, kernel, last = node.p, list(node.p.kernel), channels_last(node)
    if p.no_bias != (not bias):
        node.unfit(f"no_bias is {p.no_bias} and it has {2 + len(bias)} inputs")
    _check_filters(node, weight, 0, p.num_filter)
    if last:
        x, weight = to_first(op, x), to_first(op, weight)
    pads = per_axis(node, "pad", len(kernel), 0)
    y = op.Conv(
        x,
        weight,
        *bias,
        kernel_shape=kernel,
        strides=per_axis(node, "stride", len(kernel), 1),
        dilations=per_axis(node, "dilate", len(kernel), 1),
        pads=pads * 2,
        group=p.num_group,
    )
    return to_last(op, y) if last else y


@importer("Deconvolution", doc=f"{NN}.Deconvolution")
def deconvolution(
    node: Importing, op: Any, x: ir.Value, weight: ir.Value, *bias: ir.Value
) -> ir.Value:
    """`adj` is output padding; `target_shape` is met by padding, more of it before."""
    p, kernel = node.p, list(node.p.kernel)
    _check_filters(node, weight, 1, p.num_filter // p.num_group)
    if channels_last(node):
        node.refuse(f"layout {p.layout}")
    count = len(kernel)
    strides, dilations = per_axis(node, "stride", count, 1), per_axis(node, "dilate", count, 1)
    pads, adj = per_axis(node, "pad", count, 0), per_axis(node, "adj", count, 0)
    target = list(p.target_shape)
    if any(target):
        excess = [
            stride * (known(x, axis) - 1) + dilation * (k - 1) + 1 - size
            for axis, (stride, dilation, k, size) in enumerate(
                zip(strides, dilations, kernel, target, strict=True), 2
            )
        ]
        if min(excess) < 0:
            node.unfit(f"target_shape {target} is too large")
        pads, adj = [(e + 1) // 2 for e in excess], [e % 2 for e in excess]
    return op.ConvTranspose(
        x,
        weight,
        *(bias if not p.no_bias else ()),
        kernel_shape=kernel,
        strides=strides,
        dilations=dilations,
        pads=pads * 2,
        output_padding=adj if any(adj) else None,
        group=p.num_group,
    )


@importer("FullyConnected", doc=f"{NN}.FullyConnected")
def fully_connected(
    node: Importing, op: Any, x: ir.Value, weight: ir.Value, *bias: ir.Value
) -> ir.Value:
    """Over all axes but the first, or with `flatten` off over the last one."""
    p = node.p
    _check_filters(node, weight, 0, p.num_hidden)
    bias = () if p.no_bias else bias
    return dense(node, op, x, weight, *bias, flatten=p.flatten)


def dense(
    node: Importing, op: Any, x: ir.Value, weight: ir.Value, *bias: ir.Value, flatten: bool
) -> ir.Value:
    """X Wᵀ + b."""
    if flatten or rank(x) == 2:
        return op.Gemm(
            flat(op, x) if rank(x) > 1 else op.Unsqueeze(x, [1]), weight, *bias, transB=1
        )
    turned = transposed(node, op, weight)
    y = op.MatMul(x, turned)
    return op.Add(y, *bias) if bias else y


def transposed(node: Importing, op: Any, weight: ir.Value) -> ir.Value:
    """A matrix with its axes exchanged, as a parameter where it is one."""
    if weight.const_value is None:
        return op.Transpose(weight, perm=[1, 0])
    shape = (known(weight, 1), known(weight, 0))
    made = node.changed(weight, "T", references.transpose, shape)
    assert made is not None
    return made
