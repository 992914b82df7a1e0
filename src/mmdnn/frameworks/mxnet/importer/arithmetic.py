"""Operators on the elements of two arrays, or of one and a number (src/operator/tensor/elemwise_binary_*.cc).

Comparisons and logic give numbers of the input's type, 0 or 1; NumPy's give booleans.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import NN
from mmdnn.frameworks.mxnet.importer.dtypes import array, cast, choose
from mmdnn.frameworks.mxnet.importer.table import Importing, existing, importer

Binary = Callable[[Any, Any, Any], Any]


def modulo(op: Any, a: Any, b: Any) -> ir.Value:
    """The remainder with the sign of the divisor; 0 where that is 0."""
    like = a if isinstance(a, ir.Value) else b
    zero = array(0, like)
    nothing = op.Equal(b, zero)
    b = choose(op, nothing, array(1, like), b)
    left = op.Mod(a, b, fmod=1)
    other = op.And(op.Not(op.Equal(left, zero)), op.Xor(op.Less(left, zero), op.Less(b, zero)))
    return choose(op, nothing, zero, choose(op, other, op.Add(left, b), left))


def _true(op: Any, x: Any) -> Any:
    if isinstance(x, ir.Value):
        return x if x.dtype == ir.DataType.BOOL else op.Not(op.Equal(x, array(0, x)))
    return np.asarray(x).astype(bool)


def _logic(name: str) -> Binary:
    return lambda op, a, b: getattr(op, name)(_true(op, a), _true(op, b))


def _binary(name: str) -> Binary:
    return lambda op, a, b: getattr(op, name)(a, b)


ARITHMETIC: dict[str, Binary] = {
    "add": _binary("Add"),
    "sub": _binary("Sub"),
    "mul": _binary("Mul"),
    "div": _binary("Div"),
    "mod": modulo,
    "power": _binary("Pow"),
    "maximum": _binary("Max"),
    "minimum": _binary("Min"),
    "hypot": lambda op, a, b: op.Sqrt(op.Add(op.Mul(a, a), op.Mul(b, b))),
    "arctan2": lambda op, a, b: arctan2(op, a, b),
    "copysign": lambda op, a, b: op.Mul(op.Abs(a), _signs(op, b)),
    "ldexp": lambda op, a, b: op.Mul(a, op.Pow(array(2, b), b)),
}
LOGIC: dict[str, Binary] = {
    "equal": _binary("Equal"),
    "not_equal": lambda op, a, b: op.Not(op.Equal(a, b)),
    "greater": _binary("Greater"),
    "greater_equal": _binary("GreaterOrEqual"),
    "lesser": _binary("Less"),
    "lesser_equal": _binary("LessOrEqual"),
    "logical_and": _logic("And"),
    "logical_or": _logic("Or"),
    "logical_xor": _logic("Xor"),
}


def _signs(op: Any, x: Any) -> Any:
    return choose(op, op.Less(x, array(0, x)), array(-1, x), array(1, x))


def arctan2(op: Any, y: Any, x: Any) -> ir.Value:
    """The angle of (x, y)."""
    like = y if isinstance(y, ir.Value) else x
    zero, pi = array(0, like), array(math.pi, like)
    upright = op.Equal(x, zero)
    angle = op.Atan(op.Div(y, choose(op, upright, array(1, like), x)))
    sign = choose(op, op.Less(y, zero), array(-1, like), array(1, like))
    behind = choose(op, op.Less(x, zero), op.Mul(sign, pi), zero)
    vertical = op.Mul(op.Sign(y), op.Div(pi, array(2, like)))
    return choose(op, upright, vertical, op.Add(angle, behind))


_SPELLINGS: dict[str, tuple[str, ...]] = {
    "add": ("elemwise_add", "broadcast_add", "_npi_add", "_grad_add", "_scatter_elemwise_add"),
    "sub": ("elemwise_sub", "broadcast_sub", "_npi_subtract"),
    "mul": ("elemwise_mul", "broadcast_mul", "_npi_multiply"),
    "div": ("elemwise_div", "broadcast_div", "_npi_true_divide", "_scatter_elemwise_div"),
    "lesser": ("_lesser", "broadcast_lesser", "_npi_less"),
    "lesser_equal": ("_lesser_equal", "broadcast_lesser_equal", "_npi_less_equal"),
}
_SCALARS: dict[str, tuple[str, ...]] = {
    "add": ("_plus_scalar", "_npi_add_scalar", "_scatter_plus_scalar"),
    "sub": ("_minus_scalar", "_npi_subtract_scalar", "_scatter_minus_scalar"),
    "mul": ("_mul_scalar", "_npi_multiply_scalar"),
    "div": ("_div_scalar", "_npi_true_divide_scalar"),
    "lesser": ("_lesser_scalar", "_npi_less_scalar"),
    "lesser_equal": ("_lesser_equal_scalar", "_npi_less_equal_scalar"),
}
_REVERSED: dict[str, tuple[str, ...]] = {
    "sub": ("_rminus_scalar", "_npi_rsubtract_scalar"),
    "div": ("_rdiv_scalar", "_npi_rtrue_divide_scalar"),
    "mod": ("_rmod_scalar", "_npi_rmod_scalar"),
    "power": ("_rpower_scalar", "_npi_rpower_scalar"),
    "arctan2": ("_npi_rarctan2_scalar",),
    "copysign": ("_npi_rcopysign_scalar",),
}


def _together(op: Any, a: ir.Value, b: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Two values in one type: NumPy's operators mix them."""
    types = [value.dtype for value in (a, b) if value.dtype is not None]
    wider = max(types, key=lambda kind: (kind.is_floating_point(), kind.itemsize), default=None)
    return cast(op, a, wider), cast(op, b, wider)


def _register_binary(name: str, function: Binary, *, logic: bool) -> None:
    usual = (f"_{name}", f"broadcast_{name}", f"_npi_{name}")
    doc = f"{NN}.broadcast_{name}"

    @importer(*existing(*_SPELLINGS.get(name, usual)), doc=doc)
    def binary(node: Importing, op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
        one, other = _together(op, a, b)
        if (
            node.type == "_npi_true_divide"
            and not (one.dtype or ir.DataType.FLOAT).is_floating_point()
        ):
            one, other = (op.Cast(v, to=ir.DataType.FLOAT) for v in (one, other))
        y = function(op, one, other)
        return cast(op, y, a.dtype) if logic and not node.numpy else y

    scalars = (f"_{name}_scalar", f"_npi_{name}_scalar")
    _register_scalar(_SCALARS.get(name, scalars), function, doc, logic=logic, reverse=False)
    _register_scalar(_REVERSED.get(name, ()), function, doc, logic=logic, reverse=True)


def _register_scalar(
    types: tuple[str, ...], function: Binary, doc: str, *, logic: bool, reverse: bool
) -> None:
    known_ = existing(*types)
    if not known_:
        return

    @importer(*known_, doc=doc)
    def scalar(node: Importing, op: Any, x: ir.Value) -> ir.Value:
        kept = x.dtype or ir.DataType.FLOAT
        wider = _widened(node, kept)
        if not kept.is_floating_point():
            x = cast(op, x, wider)
        constant = op.builder.constant(array(node.p.scalar, x))
        y = function(op, constant, x) if reverse else function(op, x, constant)
        return cast(op, y, kept) if logic and not node.numpy else y


def _widened(node: Importing, dtype: ir.DataType) -> ir.DataType:
    """What integers become when they meet a number (NumpyBinaryScalarType)."""
    schema = node.node.schema
    whole = node.p.is_int if schema and "is_int" in schema.params else True
    if "true_divide" in node.type:
        return ir.DataType.FLOAT
    if not whole:
        return ir.DataType.DOUBLE
    return ir.DataType.INT64 if dtype == ir.DataType.BOOL else dtype


for _name, _operation in ARITHMETIC.items():
    _register_binary(_name, _operation, logic=False)


for _name, _operation in LOGIC.items():
    _register_binary(_name, _operation, logic=True)


@importer("add_n", doc=f"{NN}.add_n")
def add_n(_node: Importing, op: Any, *inputs: ir.Value) -> ir.Value:
    return op.Sum(*inputs) if len(inputs) != 2 else op.Add(*inputs)
