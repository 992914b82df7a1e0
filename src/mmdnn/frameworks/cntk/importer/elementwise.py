"""Operators on each element (Source/Math/TensorOps.h of CNTK 2.7).

Its arithmetic is guarded: 1/0 is 0, the logarithm of what is below 1e-37 is -85.1, the root of a
negative number 0. Where it is plain to see that a guard has nothing to do, there is none.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk._operators import BY_DATA_TYPE, ELEMENTS
from mmdnn.frameworks.cntk.importer.operand import Operand, align
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, block, importer
from mmdnn.ir.builder import Op
from mmdnn.ir.values import least

UNARY = {cntk: onnx for onnx, cntk in ELEMENTS.items()} | {
    "NoOp": "Identity",
    "Pass": "Identity",
    "StopGradient": "Identity",
}

BINARY = {"Plus": "Add", "Minus": "Sub", "ElementTimes": "Mul"}

BLOCKS = {"ElementMax": "Max", "ElementMin": "Min"}

SMALLEST_LOGGED = 1e-37

LOG_OF_SMALLEST = -85.1


def dtype_of(value: ir.Value) -> ir.DataType:
    """A value's type."""
    return value.dtype or ir.DataType.FLOAT


def number(like: ir.Value, value: float) -> np.ndarray:
    """A scalar of another value's type."""
    return np.asarray(value, dtype_of(like).numpy())


@importer(*UNARY, doc=f"{API}/cntk.ops#exp")
def unary(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    return op[UNARY[f.function.op]](x.value)


@importer(*BINARY, doc=f"{API}/cntk.ops#plus")
@block(*BLOCKS, doc=f"{API}/cntk.ops#element_max")
def binary(f: ImportedFunction, op: Op, x: Operand, y: Operand) -> Operand:
    axes, values = align(op, [x, y])
    return Operand(op[(BINARY | BLOCKS)[f.function.type]](*values), axes)


@importer("Pow", doc=f"{API}/cntk.ops#pow")
def power(f: ImportedFunction, op: Op, x: Operand, y: Operand) -> Operand:
    """A negative power of 0 is 0."""
    axes, (base, exponent) = align(op, [x, y])
    made = op.Pow(base, exponent)
    array = f.constant(y)
    if array is not None and (array >= 0).all():
        return Operand(made, axes)
    zero = number(base, 0)
    broken = op.And(op.Equal(base, zero), op.Less(exponent, zero))
    return Operand(op.Where(broken, zero, made), axes)


def _is_nonzero(f: ImportedFunction, x: Operand) -> bool:
    array = f.constant(x)
    if array is not None:
        return bool(np.all(array != 0))
    return least(x.value) >= SMALLEST_LOGGED


def inverse(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    """1 / x, and 0 where x is 0."""
    made = op.Reciprocal(x.value)
    if _is_nonzero(f, x):
        return made
    zero = number(x.value, 0)
    return op.Where(op.Equal(x.value, zero), zero, made)


@importer("Reciprocal", doc=f"{API}/cntk.ops#reciprocal")
def reciprocal(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    return inverse(f, op, x)


@block("ElementDivide", doc=f"{API}/cntk.ops#element_divide")
def element_divide(f: ImportedFunction, op: Op, x: Operand, y: Operand) -> Operand:
    if _is_nonzero(f, y):
        axes, values = align(op, [x, y])
        return Operand(op.Div(*values), axes)
    divisor = Operand(inverse(f, op, y), y.axes)
    axes, values = align(op, [x, divisor])
    return Operand(op.Mul(*values), axes)


@importer("Log", doc=f"{API}/cntk.ops#log")
def log(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    if least(x.value) >= SMALLEST_LOGGED:
        return op.Log(x.value)
    low = op.Less(x.value, number(x.value, SMALLEST_LOGGED))
    return op.Where(low, number(x.value, LOG_OF_SMALLEST), op.Log(x.value))


@importer("Sqrt", doc=f"{API}/cntk.ops#sqrt")
def sqrt(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    return op.Sqrt(x.value if least(x.value) >= 0 else op.Relu(x.value))


@importer("LogPlus", doc=f"{API}/cntk.ops#log_add_exp")
def log_plus(f: ImportedFunction, op: Op, x: Operand, y: Operand) -> Operand:
    """log(exp(x) + exp(y)), the larger one taken out."""
    axes, (one, other) = align(op, [x, y])
    rest = op.Softplus(op.Neg(op.Abs(op.Sub(one, other))))
    return Operand(op.Add(op.Max(one, other), rest), axes)


@importer("StraightThrough", doc=f"{API}/cntk.ops#straight_through_impl")
def straight_through(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    """1 above 0, else -1."""
    above = op.Greater(x.value, number(x.value, 0))
    return op.Where(above, number(x.value, 1), number(x.value, -1))


@importer("Cast", doc=f"{API}/cntk.ops#cast")
def cast(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    kind = f.get("newDataType", int)
    if kind not in BY_DATA_TYPE:
        f.refuse(f"the type {kind} is not known")
    return op.Cast(x.value, to=BY_DATA_TYPE[kind])


@importer("Dropout", doc=f"{API}/cntk.ops#dropout")
def dropout(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    """Drops while CNTK trains, and then only."""
    return op.Dropout(x.value, np.float32(f.get("dropoutRate", float)))


@importer("Clip", doc=f"{API}/cntk.ops#clip")
def clip(f: ImportedFunction, op: Op, x: Operand, low: Operand, high: Operand) -> Operand:
    """Bounds of any shape that broadcasts; the lower one goes first where it is above the other."""
    least, most = f.constant(low), f.constant(high)
    ordered = least is not None and most is not None and bool(np.all(least <= most))
    if ordered and _is_scalar(least) and _is_scalar(most) and max(low.rank, high.rank) <= x.rank:
        dtype = (x.value.dtype or ir.DataType.FLOAT).numpy()
        bounds = [np.asarray(one, dtype).reshape(()) for one in (least, most)]
        return Operand(op.Clip(x.value, *bounds), x.axes)
    axes, (value, start, end) = align(op, [x, low, high])
    if ordered:
        return Operand(op.Min(op.Max(value, start), end), axes)
    above = op.Where(op.Greater(value, end), end, value)
    return Operand(op.Where(op.Less(value, start), start, above), axes)


def _is_scalar(array: np.ndarray | None) -> bool:
    return array is not None and array.size == 1
