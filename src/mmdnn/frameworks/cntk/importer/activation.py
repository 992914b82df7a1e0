"""Activations (Source/ComputationNetworkLib/NonlinearityNodes.h, Source/Math/TensorOps.h of CNTK 2.7)."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from mmdnn.frameworks.cntk._blocks import INSIDES, SAME
from mmdnn.frameworks.cntk._matching import Pattern
from mmdnn.frameworks.cntk.importer.operand import Operand, align
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, block, importer
from mmdnn.ir.builder import Op

UNARY = {"ReLU": "Relu", "Tanh": "Tanh", "Sigmoid": "Sigmoid", "StableSigmoid": "Sigmoid"}


@importer(*UNARY, doc=f"{API}/cntk.ops#relu")
def unary(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    return op[UNARY[f.function.op]](x.value)


@importer("ELU", doc=f"{API}/cntk.ops#elu")
def elu(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    return op.Elu(x.value)


def _same(type_: str, name: str, function: str) -> None:
    operands = Pattern(INSIDES[type_]).operands
    numbers = [operand for operand in operands if operand != "x"]

    @block(type_, doc=f"{API}/cntk.ops#{function}", check=lambda bound: bound.are_numbers(*numbers))
    def same(f: ImportedFunction, op: Op, *values: Operand) -> ir.Value:
        attributes = {number: f.bound.number(number) for number in numbers}
        return op[name](values[operands.index("x")].value, **attributes)


for _type, _names in SAME.items():
    _same(_type, *_names)


@block(
    "PReLU", doc=f"{API}/cntk.ops#param_relu", check=lambda bound: bound["alpha"].value is not None
)
def param_relu(f: ImportedFunction, op: Op, x: Operand, alpha: Operand) -> Operand:
    """The slope broadcasts to the input; ONNX's may have no more axes than that."""
    axes, (value, slope) = align(op, [x, alpha])
    if x.rank < alpha.rank or axes != x.axes:
        f.refuse("its slope has more axes than its input")
    return Operand(op.PRelu(value, slope), axes)


def over_static(op: Op, x: Operand, function: Callable[[ir.Value, int], ir.Value]) -> ir.Value:
    """A function, of a value and an axis, over all static axes together."""
    if x.rank == 1:
        return function(x.value, x.leading)
    flat = op.Reshape(x.value, [*[0] * x.leading, -1])
    made = function(flat, x.leading)
    start = op.Shape(x.value)
    return op.Reshape(made, start)


@importer("Softmax", "Hardmax", doc=f"{API}/cntk.ops#softmax")
def normalized(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    """Without an axis it takes all static axes together."""
    name = f.function.op
    return over_static(op, x, lambda value, axis: op[name](value, axis=axis))


@importer("LogSoftmax", doc=f"{API}/cntk.ops#log_softmax")
def log_softmax(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    return over_static(op, x, lambda value, axis: op.LogSoftmax(value, axis=axis))


@block("Softmax", "LogSoftmax", doc=f"{API}/cntk.ops#softmax")
def softmax_along(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    return op[f.function.type](x.value, axis=x.position(f.bound["axis"]))
