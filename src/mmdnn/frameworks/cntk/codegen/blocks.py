"""Blocks that CNTK's functions make, as calls of these functions.

What is inside them is Source/CNTKv2LibraryDll/Function.cpp's of CNTK 2.7; what is inside is what
counts, so a block of that name with something else inside is written out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, Infix, Raw, literal
from mmdnn.frameworks.cntk.codegen.patterns import Bound, Catalogue, Known, number
from mmdnn.frameworks.cntk.codegen.table import Node, python_axis
from mmdnn.frameworks.cntk.graph import ALL_STATIC, Axis, Function, Variable

Make = Callable[..., "Expr | None"]
CATALOGUE: Catalogue[Make] = Catalogue()
known = CATALOGUE.add


LIFTED = {
    "GatherPacked": ("Sequence::Slice", "Sequence::Gather"),
    "ScatterPacked": ("Sequence::Scatter",),
}
"""Operators that Python has within blocks only: without one they are known by what they read."""


def find(function: Function) -> tuple[Known[Make], Bound] | None:
    """What is known of a function, and what its names stand for."""
    if function.block is not None:
        return CATALOGUE.find(function)
    types = LIFTED.get(function.op, ()) if not function.name else ()
    found = (CATALOGUE.match(type_, [function.output()]) for type_ in types)
    return next(filter(None, found), None)


def reads(function: Function) -> list[Variable]:
    """What a function is made of, once it is written as what it is known as."""
    match = None if function.block is not None else find(function)
    if match is None:
        return function.inputs
    return [one for one in match[1].values() if isinstance(one, Variable)]


def expression(function: Function, operand: Callable[[Variable], Expr]) -> Expr | None:
    """A function as the call that makes it; None where it is none of these.

    Args:
        function: A block, or one of `LIFTED`.
        operand: What stands for a variable outside that is read.
    """
    match = find(function)
    if match is None:
        return None
    known_, bound = match
    outer = function.block.arguments if function.block is not None else {}

    def written(value: Any) -> Any:
        if not isinstance(value, Variable):
            return value
        scalar = number(value)
        return operand(outer.get(value, value)) if scalar is None else literal(np.float32(scalar))

    given = {name: written(bound.get(name)) for name in signature(known_.make)}
    return known_.make(**given | {"node": Node(function)})


@cache
def signature(make: Callable[..., Any]) -> tuple[str, ...]:
    """The names of what a function is given."""
    return tuple(inspect.signature(make).parameters)


def shape_of(node: Node, place: int = 0) -> tuple[int, ...] | None:
    """The shape of one of a block's operands, where the model says it."""
    assert node.function.block is not None
    return list(node.function.block.arguments)[place].shape


@known("ElementDivide", "x * Reciprocal(y)")
def _divide(node: Node, x: Expr, y: Expr) -> Expr:
    if node.function.name or _numbers(x, y):
        return node.call("C.element_divide", x, y)
    return Infix("/", x, y)


def _numbers(*operands: Expr) -> bool:
    return all(isinstance(one, Raw) for one in operands)


def _pairwise(type_: str, function: str, pattern: str) -> None:
    @known(type_, pattern)
    def make(node: Node, x: Expr, y: Expr) -> Call:
        return node.call(function, x, y)


_pairwise("ElementMax", "C.element_max", "Select(Greater(x, y), x, y)")
_pairwise("ElementMin", "C.element_min", "Select(Less(x, y), x, y)")
_pairwise("And", "C.element_and", "Greater(Greater(x, 0) * Greater(y, 0), 0)")
_pairwise("Or", "C.element_or", "Greater(Greater(x, 0) + Greater(y, 0), 0)")
_pairwise("Xor", "C.element_xor", "NotEqual(Greater(x, 0), Greater(y, 0))")
_pairwise(
    "SquaredError",
    "C.squared_error",
    "ReduceElements((d := x - y) * d, axis=everything, reductionOpName='Sum',"
    " reductionKeepDimensions=False)",
)
_pairwise(
    "BinaryCrossEntropy",
    "C.binary_cross_entropy",
    "-(y * Log(1e-6 + x) + (1 - y) * Log(1.000001 - x))",
)
_pairwise("Sequence::BroadcastAs", "C.sequence.broadcast_as", "ReconcileDynamicAxis(x, y)")


def _unary(type_: str, function: str, pattern: str) -> None:
    @known(type_, pattern)
    def make(node: Node, x: Expr) -> Call:
        return node.call(function, x)


_unary("Not", "C.element_not", "-Greater(x, 0) + 1")
_unary("Softplus", "C.softplus", "LogPlus(x, 0)")
_unary("Softsign", "C.softsign", "x / (Abs(x) + 1)")
_FLAG = "ReconcileDynamicAxis(0, x)"
_unary("Sequence::IsFirst", "C.sequence.is_first", f"PastValue({_FLAG}, 1, offset=1)")
_unary("Sequence::IsLast", "C.sequence.is_last", f"FutureValue({_FLAG}, 1, offset=1)")


@known("softplus", "Softplus(steepness * x) / steepness_again")
def _steep_softplus(node: Node, x: Expr, steepness: Raw, steepness_again: Raw) -> Call | None:
    if steepness != steepness_again or steepness == Raw("1.0"):
        return None
    return node.call("C.softplus", x, steepness=steepness)


@known("LeakyReLU", "Select(Less(x, 0), alpha * x, x)")
def _leaky_relu(node: Node, x: Expr, alpha: Raw) -> Call:
    return node.call("C.leaky_relu", x, alpha)


@known("PReLU", "Select(Less(x, 0), alpha * x, x)")
def _prelu(node: Node, x: Expr, alpha: Expr) -> Call | None:
    return None if isinstance(alpha, Raw) else node.call("C.param_relu", alpha, x)


@known("ELU", "Select(Less(x, 0), alpha * ELU(x, name='_ELU'), x)")
def _elu(node: Node, x: Expr, alpha: Raw) -> Call:
    return node.call("C.elu", x, alpha=None if alpha == Raw("1.0") else alpha)


@known("SELU", "scale * Select(Less(x, 0), alpha * ELU(x), x)")
def _selu(node: Node, x: Expr, scale: Raw, alpha: Raw) -> Call:
    usual = (scale, alpha) == (Raw("1.050701"), Raw("1.6732632"))
    given: dict[str, Expr] = {} if usual else {"scale": scale, "alpha": alpha}
    return node.call("C.selu", x, **given)


@known(
    "HardSigmoid",
    "Select(Greater((b := Select(Less((a := x * alpha + beta), 1), a, 1)), 0), b, 0)",
)
def _hard_sigmoid(node: Node, x: Expr, alpha: Raw, beta: Raw) -> Call:
    return node.call("C.hard_sigmoid", x, alpha, beta)


@known("Gemm", "c * beta + Times(b * alpha, a, outputRank=1, inferInputRankToMap=-1)")
def _gemm(node: Node, a: Expr, b: Expr, c: Expr) -> Call | None:
    """Its factors are matrices of one number, which stand in its attributes too (columns first)."""
    if node.take("transA", True) or node.take("transB", True):
        return None
    alpha, beta = literal(node.take("alpha")), literal(node.take("beta"))
    flat = literal(False)
    return node.internal("gemm", b, a, c, alpha, beta, flat, flat)


_LOGSUM = "ReduceElements(x, axis=axis, reductionOpName='LogSum', reductionKeepDimensions=True)"
_SUM = "ReduceElements({}, axis=axis, reductionOpName='Sum', reductionKeepDimensions=True)"
_DOT = "TransposeTimes(y, {}, outputRank=1)"


@known("CrossEntropyWithSoftmax", f"{_LOGSUM} - {_DOT.format('x')}")
def _cross_entropy(node: Node, x: Expr, y: Expr, axis: Axis) -> Call | None:
    return None if axis.index else node.call("C.cross_entropy_with_softmax", x, y)


@known("CrossEntropyWithSoftmax", f"{_LOGSUM} - {_SUM.format('y * x')}")
def _cross_entropy_along(node: Node, x: Expr, y: Expr, axis: Axis) -> Call:
    return node.call("C.cross_entropy_with_softmax", x, y, axis=python_axis(axis, node))


@known("ClassificationError", f"1 - {_DOT.format('Hardmax(x)')}")
def _classification_error(node: Node, x: Expr, y: Expr) -> Call:
    return node.call("C.classification_error", x, y)


_LARGEST = "ReduceElements(x, axis=axis, reductionOpName='Max', reductionKeepDimensions=True)"
_WRONG = _SUM.format(f"NotEqual(y, Equal(x, {_LARGEST}))")


@known(
    "ClassificationError",
    f"ReduceElements(GreaterEqual({_WRONG}, 1), axis=every, reductionOpName='Mean',"
    " reductionKeepDimensions=False)",
)
def _classification_error_along(
    node: Node, x: Expr, y: Expr, axis: Axis, every: Axis
) -> Call | None:
    if every.index != ALL_STATIC:
        return None
    return node.call("C.classification_error", x, y, axis=python_axis(axis, node))


@known("PerDimMeanVarianceNormalize", "(x - mean) * inverse")
def _per_dim(node: Node, x: Expr, mean: Expr, inverse: Expr) -> Call:
    return node.call("C.per_dim_mean_variance_normalize", x, mean, inverse)


@known("MatMul", "Times(b, a, outputRank=1, inferInputRankToMap=-1)")
def _mat_mul(node: Node, a: Expr, b: Expr) -> Call:
    return node.internal("mat_mul", a, b)
