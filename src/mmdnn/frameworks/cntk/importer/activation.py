"""Activations (Source/ComputationNetworkLib/NonlinearityNodes.h, Source/Math/TensorOps.h of CNTK 2.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.importer.operand import Operand, align
from mmdnn.frameworks.cntk.importer.table import API, Importing, block, importer

UNARY = {"ReLU": "Relu", "Tanh": "Tanh", "Sigmoid": "Sigmoid", "StableSigmoid": "Sigmoid"}


@importer(*UNARY, doc=f"{API}/cntk.ops#relu")
def unary(f: Importing, op: Any, x: Operand) -> ir.Value:
    made: ir.Value = getattr(op, UNARY[f.function.op])(x.value)
    return made


@importer("ELU", doc=f"{API}/cntk.ops#elu")
def elu(f: Importing, op: Any, x: Operand) -> ir.Value:
    return op.Elu(x.value)  # type: ignore[no-any-return]


def _scalar(f: Importing, x: Operand, *wanted: float) -> float:
    """The one number of a constant, one of those wanted.

    A named block that has another number than it should have is refused.
    """
    array = f.constant(x)
    if array is None or array.size != 1 or (wanted and float(array.reshape(())) not in wanted):
        f.refuse("a constant inside it is not what its name says")
    return float(array.reshape(()))


@block(
    "LeakyReLU", "Select(Less(x, zero), ElementTimes(alpha, x), x)", f"{API}/cntk.ops#leaky_relu"
)
def leaky_relu(f: Importing, op: Any, x: Operand, zero: Operand, alpha: Operand) -> ir.Value:
    _scalar(f, zero, 0)
    return op.LeakyRelu(x.value, alpha=_scalar(f, alpha))  # type: ignore[no-any-return]


@block("PReLU", "Select(Less(x, zero), ElementTimes(alpha, x), x)", f"{API}/cntk.ops#param_relu")
def param_relu(f: Importing, op: Any, x: Operand, zero: Operand, alpha: Operand) -> Operand:
    """The slope broadcasts to the input; ONNX's may have no more axes than that."""
    _scalar(f, zero, 0)
    axes, (value, slope) = align(op, [x, alpha])
    if x.rank < alpha.rank or axes != x.axes:
        f.refuse("its slope has more axes than its input")
    return Operand(op.PRelu(value, slope), axes)


@block(
    "SELU",
    "ElementTimes(gamma, Select(Less(x, zero), ElementTimes(alpha, ELU(x)), x))",
    f"{API}/cntk.ops#selu",
)
def selu(
    f: Importing, op: Any, gamma: Operand, x: Operand, zero: Operand, alpha: Operand
) -> ir.Value:
    _scalar(f, zero, 0)
    return op.Selu(x.value, gamma=_scalar(f, gamma), alpha=_scalar(f, alpha))  # type: ignore[no-any-return]


_LINE = "Plus(ElementTimes(x, alpha), beta)"
_BELOW = f"Select(Less({_LINE}, one), {_LINE}, one)"


@block(
    "HardSigmoid",
    f"Select(Greater({_BELOW}, zero), {_BELOW}, zero)",
    f"{API}/cntk.ops#hard_sigmoid",
)
def hard_sigmoid(
    f: Importing, op: Any, x: Operand, alpha: Operand, beta: Operand, one: Operand, zero: Operand
) -> ir.Value:
    _scalar(f, one, 1)
    _scalar(f, zero, 0)
    return op.HardSigmoid(x.value, alpha=_scalar(f, alpha), beta=_scalar(f, beta))  # type: ignore[no-any-return]


@block("Softplus", "LogPlus(x, zero)", f"{API}/cntk.ops#softplus")
def softplus(f: Importing, op: Any, x: Operand, zero: Operand) -> ir.Value:
    _scalar(f, zero, 0)
    return op.Softplus(x.value)  # type: ignore[no-any-return]


@block("Softsign", "ElementTimes(x, Reciprocal(Plus(Abs(x), one)))", f"{API}/cntk.ops#softsign")
def softsign(f: Importing, op: Any, x: Operand, one: Operand) -> ir.Value:
    _scalar(f, one, 1)
    return op.Softsign(x.value)  # type: ignore[no-any-return]


def over_static(op: Any, x: Operand, function: Callable[[ir.Value, int], ir.Value]) -> ir.Value:
    """A function of one axis over all static axes together.

    Args:
        op: The operators.
        x: The operand.
        function: The function of a value and the axis.
    """
    if x.rank == 1:
        return function(x.value, x.leading)
    flat = op.Reshape(x.value, [*[0] * x.leading, -1])
    made = function(flat, x.leading)
    start = op.Shape(x.value)
    return op.Reshape(made, start)  # type: ignore[no-any-return]


@importer("Softmax", "Hardmax", doc=f"{API}/cntk.ops#softmax")
def normalized(f: Importing, op: Any, x: Operand) -> ir.Value:
    """Without an axis it takes all static axes together."""
    name = f.function.op
    return over_static(op, x, lambda value, axis: getattr(op, name)(value, axis=axis))


@importer("LogSoftmax", doc=f"{API}/cntk.ops#log_softmax")
def log_softmax(f: Importing, op: Any, x: Operand) -> ir.Value:
    return over_static(op, x, lambda value, axis: op.LogSoftmax(value, axis=axis))


_SHIFTED = "Minus(x, (top := ReduceElements(x)))"


def _axis(f: Importing, x: Operand) -> int:
    """The one axis that the functions inside reduce, each as its name says."""
    wanted = {"top": "Max", "total": "Sum"}
    axes = set()
    for name, function in f.bound.items():
        inner = Importing(function, f.lowering)
        if inner.get("reductionOpName", str) != wanted[name]:
            f.refuse("a reduction inside it is not what its name says")
        axes.update(inner.axes())
    if len(axes) != 1:
        f.refuse("it reduces several axes")
    return x.position(axes.pop())


@block(
    "Softmax",
    f"ElementDivide(Exp({_SHIFTED}), (total := ReduceElements(Exp({_SHIFTED}))))",
    f"{API}/cntk.ops#softmax",
)
def softmax(f: Importing, op: Any, x: Operand) -> ir.Value:
    return op.Softmax(x.value, axis=_axis(f, x))  # type: ignore[no-any-return]


@block(
    "LogSoftmax",
    f"Minus({_SHIFTED}, Log((total := ReduceElements(Exp({_SHIFTED})))))",
    f"{API}/cntk.ops#log_softmax",
)
def log_softmax_along(f: Importing, op: Any, x: Operand) -> ir.Value:
    return op.LogSoftmax(x.value, axis=_axis(f, x))  # type: ignore[no-any-return]


@importer("Clip", doc=f"{API}/cntk.ops#clip")
def clip(f: Importing, op: Any, x: Operand, low: Operand, high: Operand) -> Operand:
    """Bounds of any shape that broadcasts; ONNX's Clip has scalars."""
    numbers = [f.constant(one) for one in (low, high)]
    if all(one is not None and one.size == 1 for one in numbers):
        dtype = (x.value.dtype or ir.DataType.FLOAT).numpy()
        bounds = [np.asarray(one, dtype).reshape(()) for one in numbers]
        return Operand(op.Clip(x.value, *bounds), x.axes)
    axes, (value, least, most) = align(op, [x, low, high])
    return Operand(op.Min(op.Max(value, least), most), axes)
