"""Layers with windows, weights or statistics."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.convolution import window_fields
from mmdnn.frameworks.caffe.exporter.lifting import Proposal, proposals
from mmdnn.frameworks.caffe.exporter.pooling import pool_fields
from mmdnn.frameworks.caffe.importer.pooling import windows
from mmdnn.ir.lifting.groups import Group, rank, sizes, small, stored
from mmdnn.tensors import references


@proposals("InnerProduct")
def inner_product(group: Group, proposal: Proposal) -> None:
    weight, *bias = group.weights
    product = group.first("Gemm", "MatMul")
    by_columns = product.op_type == "MatMul" or not product.attributes["transB"].as_int()
    outputs = stored(weight)[1 if by_columns else 0]
    shape = stored(weight)
    if weight.const_value is not None and references.before_transpose(weight.const_value):
        by_columns, shape = not by_columns, shape[::-1]
    proposal.blobs = [(weight, shape), *((b, (outputs,)) for b in bias)]
    axis = 1 if product.op_type == "Gemm" else len(sizes(group.tops[0])) - 1
    proposal.fill(num_output=outputs, bias_term=bool(bias), axis=axis, transpose=by_columns)


@proposals("Embed")
def embed(group: Group, proposal: Proposal) -> None:
    table, *bias = group.weights
    count, size = stored(table)
    proposal.blobs = [(table, (count, size)), *((b, (size,)) for b in bias)]
    proposal.fill(num_output=size, input_dim=count, bias_term=bool(bias))


def _window(node: ir.Node) -> tuple[list[int], list[int], list[int], list[int]]:
    """Kernel, strides, padding of one side, and dilations."""
    kernel = list(node.attributes["kernel_shape"].as_ints())
    ones, zeros = [1] * len(kernel), [0] * len(kernel)
    strides, pads, dilations = (
        list(node.attributes.get_ints(name, usual) or ())
        for name, usual in (("strides", ones), ("pads", zeros * 2), ("dilations", ones))
    )
    return kernel, strides, pads[: len(kernel)], dilations


def _convolution(kind: str) -> None:
    transposed = kind == "Deconvolution"

    @proposals(kind)
    def proposal_of(group: Group, proposal: Proposal) -> None:
        weight, *bias = group.weights
        node = group.first("Conv", "ConvTranspose", "Gemm")
        x = group.bottoms[0]
        flat = node.op_type == "Gemm"
        kernel_axes = 0 if flat else len(stored(weight)) - 2
        unspatial = flat or bool(group.all("Squeeze"))
        group_attribute = node.attributes.get("group")
        groups = group_attribute.as_int() if group_attribute is not None else 1
        rows, columns = stored(weight)[:2]
        outputs = columns * groups if transposed else rows
        axis = rank(x) - 1 - kernel_axes
        proposal.blobs = [(weight, stored(weight)), *((b, (outputs,)) for b in bias)]
        window = {} if unspatial and kernel_axes < 2 else window_fields(*_window(node))
        proposal.fill(num_output=outputs, bias_term=bool(bias), group=groups, axis=axis, **window)


_convolution("Convolution")
_convolution("Deconvolution")


@proposals("Im2col")
def im2col(group: Group, proposal: Proposal) -> None:
    node = group.first("Conv")
    window = _window(node)
    axis = rank(group.bottoms[0]) - 1 - len(window[0])
    proposal.fill(axis=axis, **window_fields(*window))


@proposals("Pooling")
def pooling(group: Group, proposal: Proposal) -> None:
    """Windows that are empty are rows appended; which rounding it was is told by the sizes.

    Rounding down is a layer of its own only where it was one: older Caffe, and OpenCV, cannot.
    """
    node = group.first("MaxPool", "AveragePool")
    kernel, strides, pads, _ = _window(node)
    found = zip(sizes(group.bottoms[0])[2:], kernel, strides, pads, strict=True)
    axes = [windows(*row, True, any(pads)) for row in found]
    rounds_up = tuple(axis.count for axis in axes) == sizes(group.tops[0])[2:]
    if not rounds_up and not group.native:
        group.give_up()
    method = "MAX" if node.op_type == "MaxPool" else "AVE"
    proposal.fill(**pool_fields(method, kernel, strides, pads, rounds_up))


@proposals("SPP")
def spp(group: Group, proposal: Proposal) -> None:
    levels = len(group.all("MaxPool", "AveragePool"))
    method = "MAX" if group.all("MaxPool") else "AVE"
    proposal.fill(pyramid_height=levels, pool=method)


@proposals("LSTMUnit")
def lstm_unit(group: Group, proposal: Proposal) -> None:
    """Bottoms are the cell, the gates (which are split) and cont (which gets an axis)."""
    gates = group.first("Split", "Slice").inputs[0]
    cont = group.first("Unsqueeze").inputs[0]
    (cell,) = (value for value in group.bottoms if value not in {gates, cont})
    proposal.bottoms = [value for value in (cell, gates, cont) if value is not None]


@proposals("MVN")
def mvn(group: Group, proposal: Proposal) -> None:
    axes = small(group.first("ReduceMean").inputs[1])
    proposal.fill(
        across_channels=axes is not None and len(axes) == 3,
        normalize_variance=bool(group.all("Div")),
        eps=group.number("Add", default=1e-9),
    )


@proposals("BatchNorm")
def batch_norm(group: Group, proposal: Proposal) -> None:
    """By the batch's own statistics; the stored ones have an operator of their own."""
    param = {"use_global_stats": False, "eps": group.number("Add", default=1e-5)}
    group.first("Sqrt")
    proposal.fill(**param)


@proposals("Normalize")
def normalize(group: Group, proposal: Proposal) -> None:
    proposal.fork = True
    (weight,) = group.weights
    axes = small(group.first("ReduceSumSquare").inputs[1])
    param = {
        "across_spatial": axes is not None and len(axes) > 1,
        "channel_shared": stored(weight) == (),
        "eps": group.number("Add", default=1e-10),
    }
    size = (1,) if stored(weight) == () else stored(weight)[:1]
    proposal.blobs = [(weight, size)]
    proposal.fill(**param)
