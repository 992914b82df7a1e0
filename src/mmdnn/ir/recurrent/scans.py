"""What a Scan says, its attributes read and checked (https://onnx.ai/onnx/operators/onnx__Scan.html)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from mmdnn.ir.recurrent.nodes import refuse

ATTRIBUTES = (
    "body",
    "num_scan_inputs",
    "scan_input_axes",
    "scan_input_directions",
    "scan_output_axes",
    "scan_output_directions",
)


@dataclass(frozen=True)
class Scan:
    """A loop over steps.

    Attributes:
        body: What is done in each step, of the states and each sequence's element.
        states: The number of states.
        axes: Of each sequence that is read, the axis of the steps.
        back: Of each, whether it is read from the end.
        out_axes: Of each sequence that is made, the axis of the steps.
        out_back: Of each, whether it is made from the end.
    """

    body: ir.Graph
    states: int
    axes: tuple[int, ...]
    back: tuple[bool, ...]
    out_axes: tuple[int, ...]
    out_back: tuple[bool, ...]


def body_of(node: ir.Node) -> ir.Graph:
    """The body of a Scan or a Loop.

    Raises:
        UnsupportedError: It has none.
    """
    attribute = node.attributes.get("body")
    if attribute is None or attribute.type != ir.AttributeType.GRAPH:
        refuse(node, "it has no body")
    return attribute.as_graph()


def read(node: ir.Node) -> Scan:
    """What the node says.

    Raises:
        UnsupportedError: Its inputs, outputs, body and attributes do not fit each other.
    """
    body, count = body_of(node), node.attributes.get("num_scan_inputs")
    number = count.value if count is not None and count.type == ir.AttributeType.INT else 0
    if not 0 < number <= len(node.inputs):
        refuse(node, f"it has {len(node.inputs)} inputs, of which it scans {number}")
    states = len(node.inputs) - number
    if any(value is None for value in node.inputs):
        refuse(node, "one of its inputs is missing")
    given, made = (len(node.inputs), len(node.outputs)), (len(body.inputs), len(body.outputs))
    if given != made or made[1] < states:
        refuse(node, f"its body has {made[0]} inputs and {made[1]} outputs, and it has {given}")
    sequences, results = node.inputs[states:], body.outputs[states:]
    return Scan(
        body,
        states,
        _axes(node, "scan_input_axes", [_rank(value) for value in sequences]),
        _directions(node, "scan_input_directions", number),
        _axes(node, "scan_output_axes", [_rank(value, 1) for value in results]),
        _directions(node, "scan_output_directions", len(results)),
    )


def _rank(value: ir.Value | None, more: int = 0) -> int | None:
    return None if value is None or value.shape is None else len(value.shape) + more


def _ints(node: ir.Node, name: str, count: int) -> list[int]:
    attribute = node.attributes.get(name)
    if attribute is None:
        return [0] * count
    if attribute.type != ir.AttributeType.INTS or len(attribute.as_ints()) != count:
        refuse(node, f"its {name} are not {count} numbers")
    return list(attribute.as_ints())


def _axes(node: ir.Node, name: str, ranks: Sequence[int | None]) -> tuple[int, ...]:
    """Counted from the front, where the number of axes is known."""
    found = []
    for axis, rank in zip(_ints(node, name, len(ranks)), ranks, strict=True):
        if rank is not None and not -rank <= axis < rank:
            refuse(node, f"its {name} have {axis}, of {rank} axes")
        found.append(axis if rank is None else axis % rank)
    return tuple(found)


def _directions(node: ir.Node, name: str, count: int) -> tuple[bool, ...]:
    found = _ints(node, name, count)
    if not {0, 1}.issuperset(found):
        refuse(node, f"its {name} are {found}")
    return tuple(map(bool, found))
