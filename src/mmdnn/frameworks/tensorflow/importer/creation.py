"""Constants, variables, and tensors that are made of shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError
from mmdnn.frameworks.tensorflow.importer.table import (
    RAW,
    Complex,
    ImportedNode,
    Value,
    as_type,
    importer,
)
from mmdnn.ir.builder import Op
from mmdnn.ir.folding import int64, vector
from mmdnn.ir.values import numbers


@importer("Const", doc=f"{RAW}/Const")
def const(node: ImportedNode, op: Op, *, value: Any) -> Value | Complex:
    if value is None:
        raise FormatError("it has no value", layer=node.name, operator=node.type)
    if value.dtype in {ir.DataType.COMPLEX64, ir.DataType.COMPLEX128}:
        array = value.numpy()
        return Complex(*(node.builder.constant(part) for part in (array.real, array.imag)))
    return node.graph.once(
        (id(node.node), "const"), lambda: node.graph.root.initializer(node.name, value)
    )


@importer(
    "Variable", "VariableV2", "VarHandleOp", "AutoReloadVariable",
    doc=f"{RAW}/VarHandleOp", unused="shape shared_name container allowed_devices debug_name",
)  # fmt: skip
def variable(node: ImportedNode, op: Op) -> Value:
    tensor = node.graph.model.variables.get(node.node.name)
    if tensor is None:
        raise FormatError(
            "no file holds its numbers",
            layer=node.name,
            operator=node.type,
            hint="Give the checkpoint, too, or freeze the graph.",
        )
    return node.graph.once(
        (id(node.node), "variable"), lambda: node.graph.root.initializer(node.name, tensor)
    )


@importer("ReadVariableOp", doc=f"{RAW}/ReadVariableOp")
def read_variable(node: ImportedNode, op: Op, x: Value) -> Value:
    return x


@importer("Fill", doc=f"{RAW}/Fill")
def fill(node: ImportedNode, op: Op, dims: Value, value: Value) -> Value:
    known = numbers(value)
    if known is not None and value.dtype is not None:
        tensor = ir.tensor(known.reshape(1), dtype=value.dtype)
        return op.ConstantOfShape(vector(op, dims), value=tensor)
    return op.Expand(value, vector(op, dims))


@importer("ZerosLike", doc=f"{RAW}/ZerosLike")
def zeros_like(node: ImportedNode, op: Op, x: Value) -> Value:
    return _like(op, x, 0)


@importer("OnesLike", doc=f"{RAW}/OnesLike")
def ones_like(node: ImportedNode, op: Op, x: Value) -> Value:
    return _like(op, x, 1)


def _like(op: Op, x: Value, number: int) -> Value:
    kind = x.dtype or ir.DataType.FLOAT
    tensor = ir.tensor(np.full(1, number, kind.numpy()), dtype=kind)
    y = op.ConstantOfShape(op.Shape(x), value=tensor)
    y.shape = x.shape
    return y


@importer("Range", doc=f"{RAW}/Range")
def range_(node: ImportedNode, op: Op, start: Value, limit: Value, delta: Value) -> Value:
    return op.Range(start, limit, delta)


@importer("LinSpace", doc=f"{RAW}/LinSpace")
def lin_space(node: ImportedNode, op: Op, start: Value, stop: Value, number: Value) -> Value:
    known = [numbers(each) for each in (start, stop, number)]
    kind = (start.dtype or ir.DataType.FLOAT).numpy()
    if None not in [None if each is None else 1 for each in known]:
        first, last, count = (each.reshape(()) for each in known if each is not None)
        return op.Identity(np.linspace(first, last, int(count)).astype(kind))
    count_ = as_type(op, op.Cast(int64(op, number), to=start.dtype), start.dtype)
    places = op.Range(node.constant(0, start), count_, node.constant(1, start))
    steps = op.Max(op.Sub(count_, node.constant(1, start)), node.constant(1, start))
    return op.Add(start, op.Mul(places, op.Div(op.Sub(stop, start), steps)))
