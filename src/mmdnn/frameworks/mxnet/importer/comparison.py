"""Comparisons, truth values, and choosing by them (src/operator/tensor, control_flow_op.h).

They give numbers of the input's type, 0 or 1; NumPy's give booleans.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array, cast, choose
from mmdnn.frameworks.mxnet.importer.elementwise import Binary, Unary, plain, register_binary
from mmdnn.frameworks.mxnet.importer.table import NN, NP, ImportedNode, existing, importer
from mmdnn.ir.builder import Op, rank


def truth(op: Op, x: Any) -> Any:
    """Whether numbers are not 0; a number stays one."""
    if isinstance(x, ir.Value):
        return x if x.dtype == ir.DataType.BOOL else op.Not(op.Equal(x, array(0, x)))
    return np.asarray(x).astype(bool)


def _logic(name: str) -> Binary:
    return lambda op, a, b: op[name](truth(op, a), truth(op, b))


LOGIC: dict[str, Binary] = {
    "equal": plain("Equal"),
    "not_equal": lambda op, a, b: op.Not(op.Equal(a, b)),
    "greater": plain("Greater"),
    "greater_equal": plain("GreaterOrEqual"),
    "lesser": plain("Less"),
    "lesser_equal": plain("LessOrEqual"),
    "logical_and": _logic("And"),
    "logical_or": _logic("Or"),
    "logical_xor": _logic("Xor"),
}


for _name, _operation in LOGIC.items():
    register_binary(_name, _operation, logic=True)


def _not(op: Op, x: ir.Value) -> ir.Value:
    return op.Equal(x, array(0, x))


_LOGICAL_UNARY: dict[str, Unary] = {
    "logical_not": _not,
    "isnan": lambda op, x: op.IsNaN(x),
    "isinf": lambda op, x: op.IsInf(x),
    "isfinite": lambda op, x: op.Not(op.Or(op.IsNaN(x), op.IsInf(x))),
    "isposinf": lambda op, x: op.IsInf(x, detect_negative=0),
    "isneginf": lambda op, x: op.IsInf(x, detect_positive=0),
}


def _register_logical_unary(name: str, function: Unary) -> None:
    types = existing(name, f"_npi_{name}")

    @importer(*types, doc=f"{NN}.{name}")
    def unary(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
        y = function(op, x)
        return y if node.numpy else cast(op, y, x.dtype)


for _name, _function in _LOGICAL_UNARY.items():
    _register_logical_unary(_name, _function)


@importer("where", "_npi_where", doc=f"{NN}.where")
def where(node: ImportedNode, op: Op, condition: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
    """A condition with one axis chooses rows."""
    chosen = truth(op, condition)
    if rank(condition) == 1 and rank(a) > 1 and node.type == "where":
        chosen = op.Unsqueeze(chosen, list(range(1, rank(a))))
    return choose(op, chosen, a, b)


@importer("_npi_where_lscalar", "_npi_where_rscalar", doc=f"{NN}.where")
def where_scalar(node: ImportedNode, op: Op, condition: ir.Value, x: ir.Value) -> ir.Value:
    number = array(node.p.scalar, x)
    both = (number, x) if node.type.endswith("lscalar") else (x, number)
    return choose(op, truth(op, condition), *both)


@importer("_npi_where_scalar2", doc=f"{NP}.where.html")
def where_scalars(node: ImportedNode, op: Op, condition: ir.Value) -> ir.Value:
    return choose(op, truth(op, condition), np.float32(node.p.x), np.float32(node.p.y))


@importer("all_finite", doc=f"{NN}.all_finite", unused="init_output")
def all_finite(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """1 where no number is infinite or not one, [1]."""
    wrong = op.Cast(op.Or(op.IsNaN(x), op.IsInf(x)), to=ir.DataType.FLOAT)
    return op.Reshape(op.Sub(np.float32(1), op.ReduceMax(wrong, keepdims=0)), [1])
