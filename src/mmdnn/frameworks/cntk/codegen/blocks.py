"""Blocks that CNTK's functions make, as calls of these functions.

What is inside them is Source/CNTKv2LibraryDll/Function.cpp's of CNTK 2.7; what is inside is what
counts, so a block of that name with something else inside is written out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from itertools import product
from math import prod
from typing import Any

import numpy as np

from mmdnn.frameworks.cntk._blocks import PICKED, TYPED
from mmdnn.frameworks.cntk._catalogue import Catalogue, Known
from mmdnn.frameworks.cntk._matching import Bound, number
from mmdnn.frameworks.cntk.codegen.operators import REDUCTIONS
from mmdnn.frameworks.cntk.codegen.table import Node, is_whole, reduction_axes
from mmdnn.frameworks.cntk.codegen.weights import inline
from mmdnn.frameworks.cntk.graph import Axis, Function, Variable
from mmdnn.python.expressions import Operand, is_plain
from mmdnn.python.literals import native
from mmdnn.python.templates import Template
from mmdnn.tensors import references

Make = Callable[..., Operand] | Template
CATALOGUE: Catalogue[Make] = Catalogue()
known = CATALOGUE.add

LIFTED = {
    "GatherPacked": ("Sequence::Slice", "Sequence::Gather"),
    "ScatterPacked": ("Sequence::Scatter",),
}
"""Operators that Python has within blocks only: without one they are known by what they read."""

_ROWS = {
    "x / y": "ElementDivide",
    "element_max(x, y)": "ElementMax",
    "element_min(x, y)": "ElementMin",
    "element_and(x, y)": "And",
    "element_or(x, y)": "Or",
    "element_xor(x, y)": "Xor",
    "element_not(x)": "Not",
    "softplus(x)": "Softplus",
    "softsign(x)": "Softsign",
    "leaky_relu(x, alpha)": "LeakyReLU",
    "elu(x, alpha=alpha or 1.0)": "ELU",
    "selu(x, scale=gamma or 1.050701, alpha=alpha or 1.6732632)": "SELU",
    "hard_sigmoid(x, alpha, beta)": "HardSigmoid",
    "squared_error(x, y)": "SquaredError",
    "binary_cross_entropy(x, y)": "BinaryCrossEntropy",
    "cross_entropy_with_softmax(x, y)": "CrossEntropyWithSoftmax",
    "cross_entropy_with_softmax(x, y, axis=axis)": "CrossEntropyWithSoftmax.along",
    "classification_error(x, y)": "ClassificationError",
    "classification_error(x, y, axis=axis)": "ClassificationError.along",
    "per_dim_mean_variance_normalize(x, mean, inverse)": "PerDimMeanVarianceNormalize",
    "cntk_py.mat_mul(a, b)": "MatMul",
    "cntk_py.gemm(b, a, c, own.alpha, own.beta, False, False)": "Gemm(transA=False, transB=False)",
    "softmax(x, axis=axis)": "Softmax",
    "log_softmax(x, axis=axis or -1)": "LogSoftmax",
    "expand_dims(x, begin)": "ExpandDims",
    "reduce_l1(x, axis=axes(inner))": "ReduceL1",
    "reduce_sum_square(x, axis=axes(inner))": "ReduceSumSquare",
    "reduce_l2(x, axis=axes(inner))": "ReduceL2",
    "depth_to_space(x, own.blockSize)": "DepthToSpace",
    "space_to_depth(x, own.blockSize)": "SpaceToDepth",
    "sequence.broadcast_as(x, y)": "Sequence__BroadcastAs",
    "sequence.is_first(x)": "Sequence__IsFirst",
    "sequence.is_last(x)": "Sequence__IsLast",
    "sequence.softmax(x)": "Sequence__Softmax",
}  # fmt: skip
for _text, _row in _ROWS.items():
    known(_row)(Template(_text))


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


def expression(function: Function, operand: Callable[[Variable], Operand]) -> Operand:
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
    node = Node(function)

    def written(value: Any) -> Any:
        if not isinstance(value, Variable):
            return as_said(node, value)
        scalar = number(value)
        return operand(outer.get(value, value)) if scalar is None else native(np.float32(scalar))

    if isinstance(known_.make, Template):
        return node.filled(known_.make, lambda name: written(bound[name]))
    given = {name: written(bound.get(name)) for name in signature(known_.make)}
    return known_.make(**given | {"node": node} | ({"bound": bound} if "bound" in given else {}))


@cache
def signature(make: Callable[..., Any]) -> tuple[str, ...]:
    """The names of what a function is given."""
    return tuple(inspect.signature(make).parameters)


def shape_of(node: Node, place: int = 0) -> tuple[int, ...] | None:
    """The shape of one of a block's operands, where the model says it."""
    assert node.function.block is not None
    return list(node.function.block.arguments)[place].shape


def as_said(node: Node, inner: Any) -> Any:
    """An axis as the block has it, or several, if they mean those inside, else as they are inside."""
    many = isinstance(inner, list)
    outer: Any = node.function.attributes.get("axisVec" if many else "axis")
    axes = inner if many else [inner]
    said = outer if isinstance(outer, list) else [outer]
    if node.function.block is None or not all(isinstance(one, Axis) for one in [*axes, *said]):
        return inner
    rank = len(shape_of(node) or ())
    counted = [one.index + rank if one.index < 0 else one.index for one in said]
    return outer if counted == [one.index for one in axes] else inner


@known("softplus")
def _steep_softplus(node: Node, x: Operand, steepness: float) -> Operand:
    return None if steepness == 1 else node.call("softplus", x, steepness=steepness)


@known("PReLU")
def _prelu(node: Node, x: Operand, alpha: Operand) -> Operand:
    return None if is_plain(alpha) else node.call("param_relu", alpha, x)


@known("Flatten")
def _flatten(node: Node, x: Operand, end: Axis, shape: tuple[int, ...]) -> Operand:
    given, axis = shape_of(node), node.take("axis", None)
    if given is None or axis is None or end.index != len(given):
        return None
    place = len(given) - axis.index
    if not 0 <= place <= len(given) or shape != (prod(given[:place]), prod(given[place:])):
        return None
    return node.call("flatten", x, axis=place or None)


known("MultiAxisReduce")(lambda node: None)  # seen within reductions only


@known("ReduceElements")
@known("ReduceElements.dropping")
def _reduction(
    node: Node, x: Operand, inner: list[Axis], kind: str, end: Axis | None, shape: Any
) -> Operand:
    given = shape_of(node)
    if kind not in REDUCTIONS or kind.startswith("Arg"):
        return None
    if end is not None:
        if given is None or end.index != len(given):
            return None
        gone = {axis.index % len(given) for axis in inner}
        left = [dim for place, dim in enumerate(given) if len(given) - 1 - place not in gone]
        if list(shape) != left:
            return None
    drops = None if end is None else False
    return node.call(REDUCTIONS[kind], x, axis=reduction_axes(inner), keepdims=drops)


@known("ReduceElements.whole")
def _whole_reduction(node: Node, x: Operand, inner: list[Axis], kind: str) -> Operand:
    usual = kind in REDUCTIONS and not kind.startswith("Arg") and is_whole(inner)
    return node.call(REDUCTIONS[kind], x, axis=reduction_axes(inner)) if usual else None


@known("GatherOp")
def _gather(node: Node, indices: Operand, reference: Operand, bound: Bound) -> Operand:
    last, inner, outer_last, outer = (
        bound[name].index for name in ("last", "inner", "outer_last", "outer")
    )
    axis, shape = node.take("axis", None), shape_of(node, 1)
    if axis is None or (shape is not None and last != len(shape) - 1):
        return None
    fits = inner == outer == axis.index if axis.index >= 0 else True
    if not fits or (axis.index < 0 and {inner - last, outer - outer_last} != {axis.index + 1}):
        return None
    return node.call("gather", reference, indices, axis=axis)


@known("MeanVarianceNormalization(doVarianceScaling=False)")
@known("MeanVarianceNormalization.scaled(doVarianceScaling=True)")
def _normalization(node: Node, x: Operand, inner: list[Axis]) -> Operand:
    """The epsilon inside is that of the attributes, as a constant with a name."""
    shape, across = shape_of(node), node.take("useStatsAcrossChannels", None)
    if shape is None or across is None:
        return None
    epsilon, scaled = node.take("epsilon", None), node.take("doVarianceScaling")
    if [axis.index for axis in inner] != list(range(len(shape) - (not across))):
        return None
    stored = [inline(one) for one in node.function.inputs if one.name == "mvn_epsilon"]
    if scaled and [one is not None and float(one) for one in stored] != [np.float32(epsilon)]:
        return None
    return node.call(
        "mean_variance_normalization",
        x,
        epsilon=None if epsilon == 1e-5 else epsilon,
        use_stats_across_channels=across or None,
        do_variance_scaling=None if scaled else False,
    )


@known("LocalResponseNormalization")
def _local_response(
    node: Node, x: Operand, bias: float, beta: float, window: tuple[int, ...]
) -> Operand:
    """The kernel holds alpha over the width of the window, and is no wider than there are channels."""
    names = ("depthRadius", "bias", "alpha", "beta")
    given = radius, *_, alpha, _ = [node.take(name, None) for name in names]
    if None in given or (bias, beta) != tuple(native(np.float32(given[i])) for i in (1, 3)):
        return None
    channels = (shape_of(node) or (0,))[0]
    if window != (1, min(channels, 2 * radius + 1), 1, 1):
        return None
    kernels = [one for one in node.function.inputs if one.shape == window]
    values = [references.read(one.value) for one in kernels if one.value is not None]
    expected = np.float32(alpha / (2 * radius + 1))
    if len(values) != 1 or not (np.abs(values[0] - expected) <= np.spacing(expected)).all():
        return None
    return node.call("local_response_normalization", x, *given)


_FLAG = "ReconcileDynamicAxis(0, x)"
for _type in ("Gather", "Scatter"):
    _call = f"sequence.{_type.lower()}(x, condition, new_sequence_axis_typeinfo=(scale, more))"
    known(f"Sequence__{_type}.typed")(Template(_call))
known("Sequence__Scatter")(Template("sequence.scatter(x, condition)"))

_BEGINS = {
    "": 0,
    f"(1 - PastValue({_FLAG}, 1, offset=begin))": 1,
    f"FutureValue({_FLAG}, 1, offset=begin)": -1,
}
"""What says that a frame is not before the first one wanted, and the sign of that one's number."""
_ENDS = {
    "": 0,
    f"PastValue({_FLAG}, 1, offset=end)": 1,
    f"(1 - FutureValue({_FLAG}, 1, offset=end))": -1,
}


def _slicing(flags: str, begins: int, ends: int) -> None:
    @known(
        "Sequence__Slice",
        *(PICKED.format(flags, where) for where in ("newDynamicAxes=axes", TYPED)),
    )
    def make(node: Node, x: Operand, axes: list[Axis], bound: Bound) -> Operand:
        scale, begin, end = (bound.get(name) for name in ("scale", "begin", "end"))
        first, last = (begin or 0) * begins, (end or 0) * ends
        fixed = (first >= 0 and last > 0) or (first < 0 and last <= 0)
        if scale is not None and (scale, bound["more"]) != (0 if fixed else 1, last - first):
            return None
        if (fixed and last - first == 1) == any(axis.ordered for axis in axes):
            return None
        short = {(0, 1): "first", (-1, 0): "last"}.get((first, last))
        if short is not None:
            return node.call(f"sequence.{short}", x)
        return node.call("sequence.slice", x, first, last)


for (_begin, _first), (_end, _last) in product(_BEGINS.items(), _ENDS.items()):
    if _flags := " * ".join(filter(None, (_begin, _end))):
        _slicing(_flags, _first, _last)


@known("Sequence__Gather")
def _sequence_gather(node: Node, x: Operand, condition: Operand, axes: list[Axis]) -> Operand:
    ordered = any(axis.ordered for axis in axes)
    return node.call("sequence.gather", x, condition) if ordered else None


@known("Sequence__ReduceElements")
def _sequence_reduction(node: Node, x: Operand, padding: float, axis: Axis, kind: str) -> Operand:
    shape = shape_of(node)
    if padding != {"Sum": 0.0, "Max": float("-inf")}.get(kind):
        return None
    if shape is None or axis.index != len(shape):
        return None
    return node.call(f"sequence.{REDUCTIONS[kind]}", x)
