"""Quantised numbers: integers with a scale and a zero point."""

from __future__ import annotations

from functools import partial
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.convolution import check, flat_pads
from mmdnn.frameworks.pytorch.exporter.elementwise import FLOAT8
from mmdnn.frameworks.pytorch.exporter.table import (
    ExportedNode,
    Writer,
    exporter,
    torch_type,
    unless,
)
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.ir.windows import Window
from mmdnn.python.expressions import Code

INTEGERS = {ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16, ir.DataType.UINT16}
"""The types of quantised numbers that torch has."""


def _spread(
    node: ExportedNode, torch: Writer, x: Variable, scale: Variable | None, axis: int, block: int
) -> Any:
    """A scale or zero point in a shape that broadcasts against x."""
    if scale is None or scale.rank == 0 or scale.shape == (1,):
        return scale
    if block:
        axis = node.axis(x, axis)
        wide = torch.method(scale, "repeat_interleave", block, dim=axis)
        return torch.let(scale.hint, torch.method(wide, "narrow", axis, 0, torch.size(x, axis)))
    if scale.rank != 1:
        node.refuse("the rank of its scale is not known")
    trailing = node.rank(x) - 1 - node.axis(x, axis)
    return torch.method(scale, "reshape", -1, *[1] * trailing) if trailing else scale


@exporter("QuantizeLinear", doc="QuantizeLinear")
def quantize(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    scale: Variable,
    zero: Variable | None = None,
    *,
    axis: int,
    block_size: int,
    output_dtype: int,
    saturate: int,
    **others: Any,
) -> Code:
    if others.get("precision", 0) not in {0, int(scale.dtype or 0)}:
        node.refuse("its division has a precision other than its scale's")
    kind = zero.dtype if zero is not None else ir.DataType(output_dtype or ir.DataType.UINT8)
    spread = partial(_spread, node, torch, x, axis=axis, block=block_size)
    divided = torch.binary("/", x, spread(scale))
    if kind in FLOAT8:
        if not saturate:
            node.refuse("it does not saturate")
        if zero is not None:
            divided = torch.binary("+", divided, torch.method(spread(zero), "float"))
        clamped = torch.method(divided, "clamp", float(kind.min), float(kind.max))
        return torch.method(clamped, "to", torch_type(node, kind))
    return _rounded(node, torch, divided, kind, None if _is_zero(torch, zero) else spread(zero))


def _rounded(
    node: ExportedNode, torch: Writer, x: Code, kind: ir.DataType | None, zero: Any
) -> Code:
    """The nearest integers of a type, counted from a zero point."""
    if kind not in INTEGERS:
        node.refuse(f"torch has no tensors of {kind.name if kind is not None else '?'}")
    rounded: Any = torch.let("rounded", torch.method(x, "round"))
    if zero is not None:
        rounded = torch.binary("+", rounded, torch.method(zero, "int"))
    clamped = torch.method(rounded, "clamp", int(kind.min), int(kind.max))
    return torch.method(clamped, "to", torch_type(node, kind))


def _is_zero(torch: Writer, zero: Variable | None) -> bool:
    known = torch.static(zero)
    return zero is None or (known is not None and not known.any())


@exporter("DequantizeLinear", doc="DequantizeLinear")
def dequantize(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    scale: Variable,
    zero: Variable | None = None,
    *,
    axis: int,
    block_size: int,
    **others: Any,
) -> Code:
    torch_type(node, x.dtype)
    spread = partial(_spread, node, torch, x, axis=axis, block=block_size)
    float8 = x.dtype in FLOAT8
    wide = "float" if float8 else "int"
    numbers: Any = torch.method(x, wide)
    if not _is_zero(torch, zero):
        numbers = torch.binary("-", numbers, torch.method(spread(zero), wide))
    if float8 and scale.dtype != ir.DataType.FLOAT:
        numbers = torch.method(numbers, "to", torch_type(node, scale.dtype))
    result = torch.binary("*", numbers, spread(scale))
    wanted = others.get("output_dtype", 0)
    if wanted and wanted != scale.dtype:
        return torch.method(result, "to", torch_type(node, wanted))
    return result


def _with_axes(torch: Writer, x: Variable | None, count: int) -> Any:
    """A scale or zero point of rows or channels, with so many axes of size 1 behind."""
    if x is None or x.rank != 1 or x.shape == (1,):
        return x
    return (
        torch.method(x, "unsqueeze", 1)
        if count == 1
        else torch.method(x, "reshape", -1, *[1] * count)
    )


def _centred(torch: Writer, x: Variable, zero: Any, zero_is_zero: bool) -> Code:
    whole = torch.method(x, "int")
    return whole if zero_is_zero else torch.binary("-", whole, zero)


@exporter("MatMulInteger", doc="MatMulInteger")
def matmul_integer(
    _node: ExportedNode,
    torch: Writer,
    a: Variable,
    b: Variable,
    a_zero: Variable | None = None,
    b_zero: Variable | None = None,
) -> Code:
    return _product(torch, a, b, a_zero, b_zero)


def _product(torch: Writer, a: Variable, b: Variable, a_zero: Any, b_zero: Any) -> Code:
    left = _centred(torch, a, _with_axes(torch, a_zero, 1), _is_zero(torch, a_zero))
    right = _centred(torch, b, b_zero, _is_zero(torch, b_zero))
    return torch.binary("@", left, right)


@exporter("QLinearMatMul", doc="QLinearMatMul")
def qlinear_matmul(
    node: ExportedNode, torch: Writer, a: Variable, a_scale: Variable, *others: Variable
) -> Code:
    a_zero, b, b_scale, b_zero, y_scale, y_zero = others
    product = _product(torch, a, b, a_zero, b_zero)
    return _requantized(
        node, torch, product, _with_axes(torch, a_scale, 1), b_scale, y_scale, y_zero
    )


def _requantized(
    node: ExportedNode, torch: Writer, sums: Code, a: Any, b: Any, y: Any, zero: Variable
) -> Code:
    """Sums of products as quantised numbers of another scale."""
    scale = torch.binary("/", torch.binary("*", a, b), y)
    product = torch.binary("*", torch.let("sums", sums), torch.let("scale", scale))
    return _rounded(node, torch, product, zero.dtype, None if _is_zero(torch, zero) else zero)


def _convolved(
    torch: Writer,
    x: Variable,
    w: Variable,
    x_zero: Any,
    w_zero: Any,
    window: Window,
    group: int,
) -> Code:
    """The convolution of integers; double precision holds them exactly."""
    count = len(window)
    columns = _with_axes(torch, w_zero, count + 1)
    image: Any = _centred(torch, x, x_zero, _is_zero(torch, x_zero))
    if any(window.pads):
        image = torch.call("F.pad", image, flat_pads(window.begins, window.ends))
    weight = _centred(torch, w, columns, _is_zero(torch, w_zero))
    ones = (1,) * count
    options = unless(
        stride=(tuple(window.strides), ones),
        dilation=(tuple(window.dilations), ones),
        groups=(group, 1),
    )
    sides = torch.method(image, "double"), torch.method(weight, "double")
    return torch.call(f"F.conv{count}d", *sides, **options)


@exporter("ConvInteger", doc="ConvInteger")
def conv_integer(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    w: Variable,
    x_zero: Variable | None = None,
    w_zero: Variable | None = None,
    *,
    window: Window,
    group: int,
) -> Code:
    check(node, window, w)
    return torch.method(_convolved(torch, x, w, x_zero, w_zero, window, group), "int")


@exporter("QLinearConv", doc="QLinearConv")
def qlinear_conv(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    x_scale: Variable,
    *others: Variable,
    window: Window,
    group: int,
) -> Code:
    x_zero, w, w_scale, w_zero, y_scale, y_zero, *bias = others
    check(node, window, w)
    sums: Any = _convolved(torch, x, w, x_zero, w_zero, window, group)
    trailing = node.rank(x) - 2
    for each in bias:
        sums = torch.binary("+", sums, torch.method(each, "reshape", -1, *[1] * trailing))
    columns = _with_axes(torch, w_scale, trailing)
    return _requantized(node, torch, torch.method(sums, "float"), x_scale, columns, y_scale, y_zero)
