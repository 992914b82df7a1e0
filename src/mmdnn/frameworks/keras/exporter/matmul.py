"""Products of matrices: a dense layer where one is a constant."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.keras.exporter.table import Array, ExportedNode, Inputs, exporter
from mmdnn.frameworks.keras.exporter.writer import Writer
from mmdnn.tensors import references


@exporter("MatMul", doc="MatMul")
def matmul(node: ExportedNode, keras: Writer, a: Array, b: Array) -> Array:
    weight = b.constant
    is_float = weight is not None and weight.dtype.is_floating_point()
    if (
        weight is None
        or not is_float
        or len(weight.shape) != 2
        or (a.rank or 0) < 2
        or not a.tensor
    ):
        return keras.ops.Matmul(a, b)
    units = int(weight.shape.numpy()[1])
    return keras.layer("Dense", a, weights={"kernel": weight}, units=units, use_bias=False)


@exporter("Gemm", doc="Gemm")
def gemm(
    node: ExportedNode,
    keras: Writer,
    a: Array,
    b: Array,
    c: Inputs = None,
    *,
    alpha: float,
    beta: float,
    transA: int,
    transB: int,
) -> Array:
    if transA:
        a = keras.ops.Transpose(a)
    weight = b.constant
    if weight is None or not a.tensor or not weight.dtype.is_floating_point():
        product = keras.ops.Matmul(a, keras.ops.Transpose(b) if transB else b)
        return _added(keras, _times(keras, product, alpha), c, beta)
    kernel = references.transposed(weight) if transB else weight
    if alpha != 1:
        kernel = references.lazy(kernel, lambda array: array * array.dtype.type(alpha))
    units = int(kernel.shape.numpy()[1])
    bias = None if c is None else c.constant
    if bias is None or beta != 1 or list(bias.shape.numpy()) not in ([units], [1, units]):
        made = keras.layer("Dense", a, weights={"kernel": kernel}, units=units, use_bias=False)
        return _added(keras, made, c, beta)
    flat = bias if len(bias.shape) == 1 else references.reshaped(bias, [units], str(bias.name))
    return keras.layer("Dense", a, weights={"kernel": kernel, "bias": flat}, units=units)


def _times(keras: Writer, x: Array, factor: float) -> Array:
    return x if factor == 1 else keras.ops.Multiply(x, factor)


def _added(keras: Writer, x: Array, c: Inputs, beta: float) -> Array:
    if c is None or beta == 0:
        return x
    if beta == 1:
        return keras.ops.Add(x, c)
    if c.tensor is None:
        numbers = c.numbers()
        assert numbers is not None
        return keras.ops.Add(x, numbers * numbers.dtype.type(beta))
    return keras.ops.Add(x, keras.ops.Multiply(c, beta))


@exporter("Einsum", doc="Einsum")
def einsum(node: ExportedNode, keras: Writer, *xs: Array, equation: str) -> Array:
    return keras.ops.Einsum(*xs, subscripts=equation.replace(" ", ""))


@exporter("Det", doc="Det")
def det(node: ExportedNode, keras: Writer, x: Array) -> Array:
    return keras.ops.Det(x)


@exporter("Trilu", doc="Trilu")
def trilu(node: ExportedNode, keras: Writer, x: Array, k: Inputs = None, *, upper: int) -> Array:
    offset = 0 if k is None else node.ints(k, "diagonal")[0]
    if x.dtype == ir.DataType.BOOL:
        whole = keras.ops.Cast(x, dtype="int32")
        part = keras.ops["Triu" if upper else "Tril"](whole, k=offset)
        return keras.ops.Cast(part, dtype="bool")
    return keras.ops["Triu" if upper else "Tril"](x, k=offset)
