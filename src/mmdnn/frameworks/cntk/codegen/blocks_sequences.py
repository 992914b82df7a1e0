"""Blocks that CNTK's functions of sequences make (see `blocks`)."""

from __future__ import annotations

from mmdnn.frameworks.cntk.codegen.blocks import known, shape_of
from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, literal
from mmdnn.frameworks.cntk.codegen.table import Node
from mmdnn.frameworks.cntk.graph import Axis

_FLAG = "ReconcileDynamicAxis(0, x)"
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
_SCALED = "newSequenceAxisLengthScalingFactor=scale, newSequenceAxisLengthAdditiveFactor=more"
_WHERE = ("newDynamicAxes=axes", f"newDynamicAxes=axes, {_SCALED}")
"""What a Where says of its axes; files of CNTK 1 say less."""
_PICKED = "GatherPacked(x, PackedIndex(x, Where({}, {})))"


def _slicing(flags: str, begins: int, ends: int) -> None:
    @known("Sequence::Slice", *(_PICKED.format(flags, where) for where in _WHERE))
    def make(
        node: Node,
        x: Expr,
        axes: list[Axis],
        scale: int | None,
        more: int | None,
        begin: int | None,
        end: int | None,
    ) -> Call | None:
        first, last = (begin or 0) * begins, (end or 0) * ends
        fixed = (first >= 0 and last > 0) or (first < 0 and last <= 0)
        if scale is not None and (scale, more) != (0 if fixed else 1, last - first):
            return None
        if (fixed and last - first == 1) == any(axis.ordered for axis in axes):
            return None
        if (first, last) == (0, 1):
            return node.call("C.sequence.first", x)
        if (first, last) == (-1, 0):
            return node.call("C.sequence.last", x)
        return node.call("C.sequence.slice", x, literal(first), literal(last))


for _begin, _first in _BEGINS.items():
    for _end, _last in _ENDS.items():
        if _flags := " * ".join(filter(None, (_begin, _end))):
            _slicing(_flags, _first, _last)


@known("Sequence::Gather", *(_PICKED.format("condition", where) for where in _WHERE))
def _gather(
    node: Node, x: Expr, condition: Expr, axes: list[Axis], scale: int | None, more: int | None
) -> Call | None:
    info = None if scale is None else literal((scale, more))
    if info is None and not any(axis.ordered for axis in axes):
        return None
    return node.call("C.sequence.gather", x, condition, new_sequence_axis_typeinfo=info)


@known(
    "Sequence::Scatter",
    *(
        f"ScatterPacked(x, PackedIndex(condition, Where(condition, {where})), condition)"
        for where in _WHERE
    ),
)
def _scatter(
    node: Node, x: Expr, condition: Expr, scale: int | None, more: int | None
) -> Call | None:
    info = None if scale is None else literal((scale, more))
    return node.call("C.sequence.scatter", x, condition, new_sequence_axis_typeinfo=info)


_REDUCTIONS = {
    ("Sum", 0.0): "C.sequence.reduce_sum",
    ("Max", float("-inf")): "C.sequence.reduce_max",
}


@known(
    "Sequence::ReduceElements",
    "ReduceElements(UnpackSequence(x, sequenceUnpackPaddingValue=padding,"
    " sequenceUnpackSuppressMaskOutput=True), axis=axis, reductionOpName=kind,"
    " reductionKeepDimensions=False)",
)
def _reduction(node: Node, x: Expr, padding: float, axis: Axis, kind: str) -> Call | None:
    shape, function = shape_of(node), _REDUCTIONS.get((kind, padding))
    if function is None or shape is None or axis.index != len(shape):
        return None
    return node.call(function, x)


def _over_time(x: str, kind: str, padding: str) -> str:
    reduced = f"Sequence__ReduceElements({x}, padding={padding}, axis=axis, kind='{kind}')"
    return f"Sequence__BroadcastAs({reduced}, x)"


@known(
    "Sequence::Softmax",
    f"(e := Exp(x - {_over_time('x', 'Max', 'low')})) / {_over_time('e', 'Sum', '0.0')}",
)
def _softmax(node: Node, x: Expr, low: float) -> Call | None:
    return node.call("C.sequence.softmax", x) if low == float("-inf") else None
