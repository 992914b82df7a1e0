"""Operators of sequences as calls of CNTK's Python functions."""

from __future__ import annotations

from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, Raw, literal
from mmdnn.frameworks.cntk.codegen.table import Node, printer

_SCALED = ("newSequenceAxisLengthScalingFactor", "newSequenceAxisLengthAdditiveFactor")


@printer("PastValue", "FutureValue")
def _delay(node: Node, x: Expr, initial: Expr) -> Call:
    function = "C.sequence.past_value" if node.op == "PastValue" else "C.sequence.future_value"
    zero = initial == Raw("0.0")
    step = node.optional("offset", 1)
    return node.call(function, x, initial_state=None if zero else initial, time_step=step)


@printer("UnpackSequence")
def _unpack(node: Node, x: Expr) -> Call:
    padding = literal(node.take("sequenceUnpackPaddingValue"))
    mask = node.optional("sequenceUnpackSuppressMaskOutput", default=False, absent=False)
    return node.call("C.sequence.unpack", x, padding, no_mask_output=mask)


@printer("ToSequence")
def _to_sequence(node: Node, x: Expr, lengths: Expr | None = None) -> Call:
    node.drop("newDynamicAxes")
    prefix = node.optional("sequenceAxis", "toSequence_", absent="toSequence_")
    given = (x,) if lengths is None else (x, lengths)
    return node.call("C.to_sequence", *given, sequence_axis_name_prefix=prefix)


@printer("Where")
def _where(node: Node, condition: Expr) -> Call:
    axes = node.take("newDynamicAxes", [])
    gone = axes and not any(axis.ordered for axis in axes)
    if gone or any(name in node.function.attributes for name in _SCALED):
        node.refuse("CNTK's Python has it within slices and gathers of sequences only")
    return node.call("C.sequence.where", condition)


@printer("PackedIndex", "GatherPacked", "ScatterPacked")
def _packed(node: Node, *inputs: Expr) -> Call:
    """Only C++ has these by themselves."""
    names = {
        "PackedIndex": "packed_index",
        "GatherPacked": "gather_packed",
        "ScatterPacked": "scatter_packed",
    }
    return node.internal(names[node.op], *inputs)
