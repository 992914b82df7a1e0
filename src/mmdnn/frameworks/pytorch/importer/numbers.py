"""Numbers that a program computes with: Python's, where they are known, else values of rank 0."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch.importer.aliases import Tensor
from mmdnn.frameworks.pytorch.importer.table import GraphImporter
from mmdnn.ir.builder import Op
from mmdnn.ir.values import number

INT, FLOAT, BOOL = ir.DataType.INT64, ir.DataType.FLOAT, ir.DataType.BOOL
DOUBLE = ir.DataType.DOUBLE


def _floor_divide(op: Op, a: Any, b: Any) -> ir.Value:
    """Rounded down; sizes are not negative, and what they are divided by is positive."""
    quotient = op.Div(a, b)
    if isinstance(b, np.integer) and b > 0:
        return op.Div(op.Sub(a, op.Mod(a, b)), b)
    return quotient


_ONNX: dict[str, str] = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "lt": "Less", "gt": "Greater", "le": "LessOrEqual",
    "ge": "GreaterOrEqual", "eq": "Equal", "sym_min": "Min", "sym_max": "Max", "mod": "Mod",
}  # fmt: skip
_PYTHON: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "lt": operator.lt,
    "gt": operator.gt, "le": operator.le, "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
    "floordiv": operator.floordiv, "truediv": operator.truediv, "neg": operator.neg,
    "pow": operator.pow, "mod": operator.mod, "and_": operator.and_, "or_": operator.or_,
    "getitem": operator.getitem, "sym_float": float, "sym_int": int, "sym_min": min,
    "sym_max": max, "sym_not": operator.not_, "sym_ite": lambda c, a, b: a if c else b,
    "_sym_sqrt": math.sqrt, "trunc": math.trunc, "ceil": math.ceil, "floor": math.floor,
}  # fmt: skip


def call(graph: GraphImporter, target: str, args: Sequence[Any]) -> Any:
    """What Python's operator gives for numbers.

    Raises:
        UnsupportedError: It is not known here.
    """
    name = target.rpartition(".")[2]
    if name not in _PYTHON:
        raise UnsupportedError(f"{target} is not read from PyTorch", file=graph.file)
    if not any(isinstance(each, ir.Value) for each in args):
        return _PYTHON[name](*args)
    return symbolic(graph.builder.op, name, args)


def symbolic(op: Op, name: str, args: Sequence[Any]) -> Any:
    """Arithmetic of numbers that are known when the model runs."""
    floats = name == "truediv" or any(isinstance(x, float) or _is_float(x) for x in args)
    kind = DOUBLE if floats else INT
    a, *rest = [operand(op, each, kind) for each in args]
    if name in _ONNX:
        return op[_ONNX[name]](a, *rest)
    if name == "ne":
        return op.Not(op.Equal(a, *rest))
    if name == "floordiv" and not floats:
        return _floor_divide(op, a, *rest)
    if name in {"floordiv", "truediv"}:
        found = op.Div(a, *rest)
        return op.Floor(found) if name == "floordiv" else found
    if name in {"and_", "or_"}:
        return op[{"and_": "And", "or_": "Or"}[name]](*args)
    return _unary(op, name, a)


def _unary(op: Op, name: str, a: Any) -> Any:
    if name == "neg":
        return op.Neg(a)
    if name == "sym_float":
        return op.Cast(a, to=DOUBLE)
    if name == "_sym_sqrt":
        return op.Sqrt(op.Cast(a, to=DOUBLE))
    if name == "sym_not":
        return op.Not(a)
    rounding = {"trunc": None, "sym_int": None, "ceil": "Ceil", "floor": "Floor"}
    if name not in rounding:
        raise UnsupportedError(f"{name} of sizes that are left open is not read from PyTorch")
    how = rounding[name]
    floats = _is_float(a)
    return op.Cast(op[how](a) if how and floats else a, to=INT)


def _is_float(value: Any) -> bool:
    return (
        isinstance(value, ir.Value) and value.dtype is not None and value.dtype.is_floating_point()
    )


def operand(op: Op, value: Any, kind: ir.DataType) -> Any:
    """A number as an operand of this type."""
    if isinstance(value, ir.Value):
        if value.dtype == BOOL or value.dtype == kind:
            return value
        return op.Cast(value, to=kind)
    return kind.numpy().type(value)


def of_tensor(op: Op, tensor: Tensor, kind: type) -> Any:
    """The number in a tensor of one element: Python's where it is known."""
    value = tensor.read(op)
    found = number(value)
    if found is not None:
        return kind(found)
    target = {int: INT, float: DOUBLE, bool: BOOL}[kind]
    flat = (
        op.Reshape(value, np.zeros(0, np.int64))
        if value.shape is None or len(value.shape)
        else value
    )
    return flat if flat.dtype == target else op.Cast(flat, to=target)
