"""Blocks that CNTK's functions of axes make: softmaxes, reductions, shapes (see `blocks`)."""

from __future__ import annotations

from math import prod

from mmdnn.frameworks.cntk.codegen.blocks import known, shape_of
from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, Raw, literal
from mmdnn.frameworks.cntk.codegen.reductions import REDUCTIONS, is_whole, python_axes
from mmdnn.frameworks.cntk.codegen.table import Node, python_axis
from mmdnn.frameworks.cntk.graph import Axis


def _axis(node: Node, inner: Axis) -> Raw:
    """An axis as the block has it, if it means the one inside, else as it is inside."""
    outer = node.take("axis", inner)
    rank = len(shape_of(node) or ())
    if outer.index < 0 and outer.index + rank == inner.index:
        return python_axis(outer, node)
    return python_axis(inner, node)


_STEPS = "axis=axis, reductionKeepDimensions=True, reductionOpName="
_MAX = f"(m := ReduceElements(x, {_STEPS}'Max'))"


@known("Softmax", f"(e := Exp(x - {_MAX})) / ReduceElements(e, {_STEPS}'Sum')")
def _softmax(node: Node, x: Expr, axis: Axis) -> Call:
    return node.call("C.softmax", x, axis=_axis(node, axis))


@known("LogSoftmax", f"(x - {_MAX}) - Log(ReduceElements(Exp(x - m), {_STEPS}'Sum'))")
def _log_softmax(node: Node, x: Expr, axis: Axis) -> Call:
    return node.call("C.log_softmax", x, axis=None if axis.index == 0 else _axis(node, axis))


@known("Flatten", "Reshape(x, beginAxis=begin, endAxis=end, newShape=shape)")
def _flatten(node: Node, x: Expr, begin: Axis, end: Axis, shape: tuple[int, ...]) -> Call | None:
    given, axis = shape_of(node), node.take("axis", None)
    if given is None or axis is None or begin.index or end.index != len(given):
        return None
    place = len(given) - axis.index
    if not 0 <= place <= len(given) or shape != (prod(given[:place]), prod(given[place:])):
        return None
    return node.call("C.flatten", x, axis=literal(place) if place else None)


@known("ExpandDims", "Reshape(x, beginAxis=begin, endAxis=begin, newShape=[1])")
def _expand_dims(node: Node, x: Expr, begin: Axis) -> Call:
    return node.call("C.expand_dims", x, Raw(str(-begin.index - 1)))


_KEPT = "ReduceElements(x, name='_static_axes_subop', axisVec=inner, reductionOpName=kind,"
_KEPT += " reductionKeepDimensions=True)"


@known("MultiAxisReduce", _KEPT)
def _multi_axis(node: Node, x: Expr) -> None:
    """Seen within reductions only."""


_INNER = "MultiAxisReduce(x, inner=inner, kind=kind)"
_FLATTENED = f"Reshape({_INNER}, beginAxis=begin, endAxis=end, newShape=shape)"


@known("ReduceElements", _INNER)
def _reduction(node: Node, x: Expr, inner: list[Axis], kind: str) -> Call | None:
    return _reduced(node, x, inner, kind)


@known("ReduceElements", _FLATTENED)
def _dropping_reduction(
    node: Node,
    x: Expr,
    inner: list[Axis],
    kind: str,
    begin: Axis,
    end: Axis,
    shape: tuple[int, ...],
) -> Call | None:
    given = shape_of(node)
    if given is None or begin.index or end.index != len(given):
        return None
    gone = {axis.position(len(given)) for axis in inner}
    if shape != tuple(dim for place, dim in enumerate(given) if place not in gone):
        return None
    return _reduced(node, x, inner, kind, keepdims=literal(False))


@known(
    "ReduceElements",
    "ReduceElements(x, axisVec=inner, reductionOpName=kind, reductionKeepDimensions=False)",
)
def _whole_reduction(node: Node, x: Expr, inner: list[Axis], kind: str) -> Call | None:
    return _reduced(node, x, inner, kind) if is_whole(inner) else None


def _reduced(
    node: Node, x: Expr, inner: list[Axis], kind: str, keepdims: Expr | None = None
) -> Call | None:
    if kind not in REDUCTIONS or kind.startswith("Arg"):
        return None
    axes, rank = node.take("axisVec", inner), len(shape_of(node) or ())
    if [axis.index % rank if axis.index < 0 < rank else axis.index for axis in axes] != [
        axis.index for axis in inner
    ]:
        axes = inner
    written = python_axes(axes, node)
    return node.call(REDUCTIONS[kind], x, axis=written, keepdims=keepdims)


def _reduction_of(type_: str, function: str, pattern: str) -> None:
    @known(type_, pattern)
    def make(node: Node, x: Expr, inner: list[Axis]) -> Call | None:
        axes, rank = node.take("axisVec", inner), shape_of(node)
        if rank is None or [axis.position(len(rank)) for axis in axes] != [
            axis.position(len(rank)) for axis in inner
        ]:
            return None
        return node.call(function, x, axis=python_axes(axes, node))


_SUMMED = "ReduceElements({}, inner=inner, kind='Sum')"
_reduction_of("ReduceL1", "C.reduce_l1", _SUMMED.format("Abs(x)"))
_reduction_of("ReduceSumSquare", "C.reduce_sum_square", _SUMMED.format("x * x"))
_reduction_of("ReduceL2", "C.reduce_l2", "Sqrt(ReduceSumSquare(x, inner=inner))")


@known(
    "GatherOp",
    "TransposeAxes(Gather(indices, TransposeAxes(reference, axis1=last, axis2=inner), name='_inner'),"
    " axis1=outer_last, axis2=outer)",
)
def _gather(
    node: Node,
    indices: Expr,
    reference: Expr,
    last: Axis,
    inner: Axis,
    outer_last: Axis,
    outer: Axis,
) -> Call | None:
    axis = node.take("axis", None)
    if axis is None:
        return None
    if axis.index >= 0:
        fits = inner == outer == axis
    else:
        gaps = (inner.index - last.index, outer.index - outer_last.index)
        fits = gaps == (axis.index + 1, axis.index + 1)
    shape = shape_of(node, 1)
    if not fits or (shape is not None and last.index != len(shape) - 1):
        return None
    return node.call("C.gather", reference, indices, axis=python_axis(axis, node))


@known(
    "DepthToSpace",
    "Reshape(Reshape(TransposeAxes(Reshape(x, beginAxis=a, endAxis=b, newShape=split),"
    " axisVec=order), beginAxis=c, endAxis=d, newShape=[-1]), beginAxis=e, endAxis=f, newShape=[-1])",
)
def _depth_to_space(
    node: Node,
    x: Expr,
    a: Axis,
    b: Axis,
    c: Axis,
    d: Axis,
    e: Axis,
    f: Axis,
    split: tuple[int, ...],
    order: list[Axis],
) -> Call | None:
    size = node.take("blockSize", 0)
    axes = [axis.index for axis in (a, b, c, d, e, f)]
    usual = axes == [2, 3, 2, 4, 0, 2] and [axis.index for axis in order] == [3, 0, 4, 1, 2]
    if not usual or split != (size, size, -1):
        return None
    return node.call("C.depth_to_space", x, literal(size))


@known(
    "SpaceToDepth",
    "Reshape(TransposeAxes(Reshape(Reshape(x, beginAxis=a, endAxis=b, newShape=wide),"
    " beginAxis=c, endAxis=d, newShape=high), axisVec=order), beginAxis=e, endAxis=f, newShape=[-1])",
)
def _space_to_depth(
    node: Node,
    x: Expr,
    a: Axis,
    b: Axis,
    c: Axis,
    d: Axis,
    e: Axis,
    f: Axis,
    wide: tuple[int, ...],
    high: tuple[int, ...],
    order: list[Axis],
) -> Call | None:
    size = node.take("blockSize", 0)
    axes = [axis.index for axis in (a, b, c, d, e, f)]
    usual = axes == [0, 1, 2, 3, 2, 5] and [axis.index for axis in order] == [1, 3, 4, 0, 2]
    if not usual or wide != (-1, size) or high != (-1, size):
        return None
    return node.call("C.space_to_depth", x, literal(size))
