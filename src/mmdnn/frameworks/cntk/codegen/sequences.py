"""Blocks that CNTK's functions of sequences make, as calls of these functions (see `blocks`)."""

from __future__ import annotations

from itertools import product

from mmdnn.frameworks.cntk._blocks import PICKED, TYPED
from mmdnn.frameworks.cntk._matching import Bound
from mmdnn.frameworks.cntk.codegen.blocks import known, shape_of
from mmdnn.frameworks.cntk.codegen.operators import REDUCTIONS
from mmdnn.frameworks.cntk.codegen.table import Node
from mmdnn.frameworks.cntk.graph import Axis
from mmdnn.python.expressions import Operand
from mmdnn.python.templates import Template

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
