"""Quantised numbers: integers with a scale and a zero point."""

from __future__ import annotations

from functools import partial
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.convolution import check, flat_pads
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

RANGES = {
    "INT8": (-128, 127), "UINT8": (0, 255), "INT16": (-32768, 32767), "UINT16": (0, 65535),
}  # fmt: skip
FLOAT8 = {
    "FLOAT8E4M3FN": 448.0, "FLOAT8E5M2": 57344.0, "FLOAT8E4M3FNUZ": 240.0, "FLOAT8E5M2FNUZ": 57344.0,
}  # fmt: skip
"""The largest numbers of the 8-bit floats."""


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
    name = kind.name if kind is not None else "?"
    spread = partial(_spread, node, torch, x, axis=axis, block=block_size)
    divided = torch.binary("/", x, spread(scale))
    if name in FLOAT8:
        if not saturate:
            node.refuse("it does not saturate")
        if zero is not None:
            divided = torch.binary("+", divided, torch.method(spread(zero), "float"))
        clamped = torch.method(divided, "clamp", -FLOAT8[name], FLOAT8[name])
        return torch.method(clamped, "to", torch_type(node, kind))
    if name not in RANGES:
        node.refuse(f"torch has no tensors of {name}")
    rounded: Any = torch.let("rounded", torch.method(divided, "round"))
    if zero is not None and not _is_zero(torch, zero):
        rounded = torch.binary("+", rounded, torch.method(spread(zero), "int"))
    clamped = torch.method(rounded, "clamp", *RANGES[name])
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
    float8 = x.dtype is not None and x.dtype.name in FLOAT8
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
    rows: Any = a_zero
    if a_zero is not None and a_zero.rank == 1 and a_zero.shape != (1,):
        rows = torch.method(a_zero, "unsqueeze", 1)
    left = _centred(torch, a, rows, _is_zero(torch, a_zero))
    right = _centred(torch, b, b_zero, _is_zero(torch, b_zero))
    return torch.binary("@", left, right)


@exporter("QLinearMatMul", doc="QLinearMatMul")
def qlinear_matmul(
    node: ExportedNode, torch: Writer, a: Variable, a_scale: Variable, *others: Variable
) -> Code:
    a_zero, b, b_scale, b_zero, y_scale, y_zero = others
    rows: Any = a_scale
    if a_scale.rank == 1 and a_scale.shape != (1,):
        rows = torch.method(a_scale, "unsqueeze", 1)
    product = _product(torch, a, b, a_zero, b_zero)
    return _requantized(node, torch, product, rows, b_scale, y_scale, y_zero)


def _requantized(
    node: ExportedNode, torch: Writer, sums: Code, a: Any, b: Any, y: Any, zero: Variable
) -> Code:
    """Sums of products as quantised numbers of another scale."""
    name = zero.dtype.name if zero.dtype is not None else "?"
    if name not in RANGES:
        node.refuse(f"its result is of {name}")
    scale = torch.binary("/", torch.binary("*", a, b), y)
    product = torch.binary("*", torch.let("sums", sums), torch.let("scale", scale))
    rounded: Any = torch.let("rounded", torch.method(product, "round"))
    if not _is_zero(torch, zero):
        rounded = torch.binary("+", rounded, torch.method(zero, "int"))
    clamped = torch.method(rounded, "clamp", *RANGES[name])
    return torch.method(clamped, "to", torch_type(node, zero.dtype))


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
    columns: Any = w_zero
    if w_zero is not None and w_zero.rank == 1 and w_zero.shape != (1,):
        columns = torch.method(w_zero, "reshape", -1, *[1] * (count + 1))
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
    trailing = [1] * (node.rank(x) - 2)
    for each in bias:
        sums = torch.binary("+", sums, torch.method(each, "reshape", -1, *trailing))
    columns: Any = w_scale
    if w_scale.rank == 1 and w_scale.shape != (1,):
        columns = torch.method(w_scale, "reshape", -1, *trailing)
    return _requantized(node, torch, torch.method(sums, "float"), x_scale, columns, y_scale, y_zero)
