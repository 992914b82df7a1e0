"""Matrix products: `nn.Linear` where a weight is known, else operators."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, is_floating
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.ir.values import constant
from mmdnn.python.expressions import ATOM, Code
from mmdnn.tensors import references


@exporter("Gemm", doc="Gemm")
def gemm(
    node: ExportedNode,
    torch: Writer,
    a: Variable,
    b: Variable,
    c: Variable | None = None,
    *,
    alpha: float,
    beta: float,
    transA: int,
    transB: int,
) -> Code:
    left: Any = torch.code("{0}.T", a, needs=(ATOM,)) if transA else a
    if b.constant is not None and is_floating(node, b):
        weight = b.constant if transB else transposed(b)
        return _affine(node, torch, left, _scaled(weight, alpha), c, beta)
    right: Any = torch.code("{0}.T", b, needs=(ATOM,)) if transB else b
    product = torch.binary("@", left, right)
    if alpha != 1:
        product = torch.binary("*", _number(node, a, alpha), product)
    if c is None or beta == 0:
        return product
    return torch.binary(
        "+", product, c if beta == 1 else torch.binary("*", _number(node, a, beta), c)
    )


def _number(node: ExportedNode, x: Variable, factor: float) -> float | int:
    if is_floating(node, x):
        return factor
    if not factor.is_integer():
        node.refuse(f"it multiplies integers by {factor}")
    return int(factor)


def _affine(
    node: ExportedNode,
    torch: Writer,
    x: Any,
    weight: ir.TensorProtocol,
    c: Variable | None,
    beta: float,
) -> Code:
    """`x @ weight.T + beta * c` as a layer, and what of `c` the layer cannot hold."""
    out = int(weight.shape.numpy()[0])
    bias = None
    if c is not None and beta != 0 and c.constant is not None and _is_row(c, out):
        bias = _scaled(c.changed(("row", out), lambda tensor: _row(tensor, out)), beta)
    product = linear(torch, x, weight, bias)
    if c is None or beta == 0 or bias is not None:
        return product
    return torch.binary("+", product, c if beta == 1 else torch.binary("*", beta, c))


def _is_row(c: Variable, out: int) -> bool:
    dims = c.shape
    return dims is not None and (math.prod(dims) == 1 or (dims[-1] == out == math.prod(dims)))  # type: ignore[arg-type]


def transposed(x: Variable) -> ir.TensorProtocol:
    """A constant matrix with its axes exchanged."""
    return x.changed("T", references.transposed)


def _row(tensor: ir.TensorProtocol, size: int) -> ir.TensorProtocol:
    """The elements of one axis, or one element for all of them."""
    if tensor.shape == (size,):
        return tensor
    return references.lazy(tensor, lambda a: np.full(size, a.reshape(-1)), shape=(size,))


def _scaled(tensor: ir.TensorProtocol, factor: float) -> ir.TensorProtocol:
    """Every element times a number."""
    if factor == 1:
        return tensor
    return references.lazy(tensor, lambda array: array * array.dtype.type(factor))


def linear(torch: Writer, x: Any, weight: ir.TensorProtocol, bias: Any) -> Code:
    """`nn.Linear` with a weight of (out, in)."""
    out, inner = (int(dim) for dim in weight.shape.numpy())
    options = {} if bias is not None else {"bias": False}
    layer = torch.module(
        "nn.Linear", inner, out, **options, tensors={"weight": weight, "bias": bias}
    )
    return layer(x)


@exporter("MatMul", doc="MatMul")
def matmul(node: ExportedNode, torch: Writer, a: Variable, b: Variable) -> Code | None:
    if _is_number(a, b) or _is_number(b, a):
        product = torch.binary("*", a, b)
        return (
            torch.method(product, "squeeze", -1 if b.rank == 1 else -2)
            if 1 in (a.rank, b.rank)
            else product
        )
    if not is_weight(b):
        return torch.binary("@", a, b)
    if bias_of(node.node) is not None:
        return None
    return linear(torch, a, transposed(b), None)


def _is_number(x: Variable, other: Variable) -> bool:
    """Whether it is a constant of one element, which is printed as a number: no operand of `@`."""
    fits = x.constant is not None and x.constant.size == 1 and not is_weight(x)
    return fits and 0 < (x.rank or 0) <= (other.rank or 0)


def is_weight(x: Variable) -> bool:
    """Whether it is a constant matrix of floating-point numbers."""
    return x.constant is not None and x.rank == 2 and x.constant.dtype.is_floating_point()


def bias_of(node: ir.Node) -> tuple[ir.Node, ir.Value] | None:
    """The `Add` of a constant row that alone uses this product, and the row."""
    (product,) = node.outputs
    uses = product.uses()
    weight = node.inputs[1]
    if len(uses) != 1 or product.is_graph_output() or weight is None or weight.shape is None:
        return None
    (user,) = (use.node for use in uses)
    if user.op_type != "Add" or user.domain != "" or user.graph is not node.graph:
        return None
    row = next(value for value in user.inputs if value is not product)
    tensor = constant(row)
    if row is None or tensor is None or tuple(tensor.shape.numpy()) != (weight.shape[1],):
        return None
    return user, row


@exporter("Einsum", doc="Einsum")
def einsum(_node: ExportedNode, torch: Writer, *xs: Variable, equation: str) -> Code:
    return torch.call("torch.einsum", equation, *xs)


@exporter("Det", doc="Det")
def det(_node: ExportedNode, torch: Writer, x: Variable) -> Code:
    return torch.call("torch.linalg.det", x)
