"""Activations (Source/ComputationNetworkLib/NonlinearityNodes.h, Source/Math/TensorOps.h of CNTK 2.7)."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from mmdnn.frameworks.cntk.graph import Axis
from mmdnn.frameworks.cntk.importer.operand import Operand, align
from mmdnn.frameworks.cntk.importer.patterns import Bound
from mmdnn.frameworks.cntk.importer.table import API, Importing, block, importer
from mmdnn.ir.builder import Op

UNARY = {"ReLU": "Relu", "Tanh": "Tanh", "Sigmoid": "Sigmoid", "StableSigmoid": "Sigmoid"}


@importer(*UNARY, doc=f"{API}/cntk.ops#relu")
def unary(f: Importing, op: Op, x: Operand) -> ir.Value:
    return op[UNARY[f.function.op]](x.value)


@importer("ELU", doc=f"{API}/cntk.ops#elu")
def elu(f: Importing, op: Op, x: Operand) -> ir.Value:
    return op.Elu(x.value)


@block(
    "LeakyReLU",
    "Select(Less(x, zero), ElementTimes(alpha, x), x)",
    f"{API}/cntk.ops#leaky_relu",
    lambda bound: bound.is_number(zero=0, alpha=None),
)
def leaky_relu(f: Importing, op: Op, x: Operand, zero: Operand, alpha: Operand) -> ir.Value:
    return op.LeakyRelu(x.value, alpha=f.bound.number("alpha"))


@block(
    "PReLU",
    "Select(Less(x, zero), ElementTimes(alpha, x), x)",
    f"{API}/cntk.ops#param_relu",
    lambda bound: bound.is_number(zero=0) and bound.variables["alpha"].value is not None,
)
def param_relu(f: Importing, op: Op, x: Operand, zero: Operand, alpha: Operand) -> Operand:
    """The slope broadcasts to the input; ONNX's may have no more axes than that."""
    axes, (value, slope) = align(op, [x, alpha])
    if x.rank < alpha.rank or axes != x.axes:
        f.refuse("its slope has more axes than its input")
    return Operand(op.PRelu(value, slope), axes)


@block(
    "SELU",
    "ElementTimes(gamma, Select(Less(x, zero), ElementTimes(alpha, ELU(x)), x))",
    f"{API}/cntk.ops#selu",
    lambda bound: bound.is_number(zero=0, alpha=None, gamma=None),
)
def selu(
    f: Importing, op: Op, gamma: Operand, x: Operand, zero: Operand, alpha: Operand
) -> ir.Value:
    return op.Selu(x.value, gamma=f.bound.number("gamma"), alpha=f.bound.number("alpha"))


_LINE = "Plus(ElementTimes(x, alpha), beta)"

_BELOW = f"Select(Less({_LINE}, one), {_LINE}, one)"


@block(
    "HardSigmoid",
    f"Select(Greater({_BELOW}, zero), {_BELOW}, zero)",
    f"{API}/cntk.ops#hard_sigmoid",
    lambda bound: bound.is_number(zero=0, one=1, alpha=None, beta=None),
)
def hard_sigmoid(
    f: Importing, op: Op, x: Operand, alpha: Operand, beta: Operand, one: Operand, zero: Operand
) -> ir.Value:
    numbers = {name: f.bound.number(name) for name in ("alpha", "beta")}
    return op.HardSigmoid(x.value, **numbers)


@block("Softplus", "LogPlus(x, zero)", f"{API}/cntk.ops#softplus", lambda b: b.is_number(zero=0))
def softplus(f: Importing, op: Op, x: Operand, zero: Operand) -> ir.Value:
    return op.Softplus(x.value)


@block(
    "Softsign",
    "ElementTimes(x, Reciprocal(Plus(Abs(x), one)))",
    f"{API}/cntk.ops#softsign",
    lambda b: b.is_number(one=1),
)
@block(
    "Softsign",
    "ElementDivide(x, Plus(Abs(x), one))",
    f"{API}/cntk.ops#softsign",
    lambda b: b.is_number(one=1),
)
def softsign(f: Importing, op: Op, x: Operand, one: Operand) -> ir.Value:
    return op.Softsign(x.value)


def over_static(op: Op, x: Operand, function: Callable[[ir.Value, int], ir.Value]) -> ir.Value:
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
    return op.Reshape(made, start)


@importer("Softmax", "Hardmax", doc=f"{API}/cntk.ops#softmax")
def normalized(f: Importing, op: Op, x: Operand) -> ir.Value:
    """Without an axis it takes all static axes together."""
    name = f.function.op
    return over_static(op, x, lambda value, axis: op[name](value, axis=axis))


@importer("LogSoftmax", doc=f"{API}/cntk.ops#log_softmax")
def log_softmax(f: Importing, op: Op, x: Operand) -> ir.Value:
    return over_static(op, x, lambda value, axis: op.LogSoftmax(value, axis=axis))


_SHIFTED = "Minus(x, (top := ReduceElements(x)))"

_REDUCED = {"top": "Max", "total": "Sum"}


def _is_along_one(bound: Bound) -> bool:
    """Whether the reductions inside are what they should be, of one and the same axis."""
    axes = set()
    for name, function in bound.functions.items():
        axis = function.attributes.get("axis")
        if function.attributes.get("reductionOpName") != _REDUCED[name] or axis is None:
            return False
        axes.add(str(axis))
    return len(axes) == 1


def _axis(f: Importing, x: Operand) -> int:
    return x.position(Importing(f.bound.functions["top"], f.lowering).get("axis", Axis))


@block(
    "Softmax",
    f"ElementDivide(Exp({_SHIFTED}), (total := ReduceElements(Exp({_SHIFTED}))))",
    f"{API}/cntk.ops#softmax",
    _is_along_one,
)
def softmax(f: Importing, op: Op, x: Operand) -> ir.Value:
    return op.Softmax(x.value, axis=_axis(f, x))


@block(
    "LogSoftmax",
    f"Minus({_SHIFTED}, Log((total := ReduceElements(Exp({_SHIFTED})))))",
    f"{API}/cntk.ops#log_softmax",
    _is_along_one,
)
def log_softmax_along(f: Importing, op: Op, x: Operand) -> ir.Value:
    return op.LogSoftmax(x.value, axis=_axis(f, x))
