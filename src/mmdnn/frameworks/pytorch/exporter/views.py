"""A recurrent layer's output as torch has it, for what only turns ONNX's axes back.

ONNX has [T, directions, N, H], and with the batch first [N, T, directions, H]; torch has the directions
beside each other, [T, N, directions * H]. Exporters put a Squeeze, or a Transpose and a Reshape, behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.ir.values import ints
from mmdnn.python.expressions import Code


@dataclass(frozen=True)
class View:
    """A value that is torch's output with other axes.

    Attributes:
        flat: torch's output.
        ways: The number of directions.
        size: The length of the state.
        last: Whether the directions are the last axis but one, not the second.
    """

    flat: Variable
    ways: int
    size: int
    last: bool


def turned_back(node: ir.Node, views: dict[ir.Value, View]) -> Variable | Code | None:
    """What a node makes of such a value; None for a node that does something else."""
    value = node.inputs[0] if node.inputs and not node.domain else None
    view = views.get(value) if value is not None else None
    if view is None or value is None:
        return None
    if node.op_type == "Transpose" and not view.last and _ints(node, "perm") == [0, 2, 1, 3]:
        views[node.outputs[0]] = replace(view, last=True)
        text = f"{{0}}.unflatten(2, ({view.ways}, {view.size}))"
        return Code(text, (view.flat,)) if view.ways > 1 else Code("{0}.unsqueeze(2)", (view.flat,))
    axes = ints(node.inputs[1]) if len(node.inputs) > 1 else None
    if node.op_type == "Squeeze" and view.ways == 1 and axes is not None:
        return view.flat if [axis % 4 for axis in axes] == [2 if view.last else 1] else None
    if node.op_type == "Reshape" and view.last and axes is not None:
        return view.flat if _joins(value, view, axes) else None
    return None


def _joins(value: ir.Value, view: View, target: Sequence[int]) -> bool:
    """Whether a target shape merges the last two of four axes."""
    dims = list(value.shape or [None] * 4)
    last = {-1, view.ways * view.size}
    kept = len(target) == 3 and all(target[i] in {0, dims[i]} for i in (0, 1))
    return kept and target[2] in last


def _ints(node: ir.Node, name: str) -> list[int]:
    return list(node.attributes[name].as_ints()) if name in node.attributes else []
