"""Reshapes that lead back to a shape that there was before."""

from __future__ import annotations

import onnx_ir as ir

RESHAPES = frozenset({"Flatten", "Reshape", "Squeeze", "Unsqueeze"})


def skip_returns(graph: ir.Graph) -> None:
    """Let whoever reads a value that was reshaped, and has its first shape again, read the first one.

    Args:
        graph: Changed; nodes that nothing reads any more are left.
    """
    for node in reversed(graph):
        output = node.outputs[0]
        if node.op_type not in RESHAPES or node.domain or output.is_graph_output():
            continue
        before = _same_before(node)
        if before is not None:
            output.replace_all_uses_with(before)


def _same_before(node: ir.Node) -> ir.Value | None:
    """The first value of this shape in a row of reshapes that ends with a node."""
    wanted, found = node.outputs[0].shape, None
    step: ir.Node | None = node
    while step is not None and step.op_type in RESHAPES and not step.domain:
        value = step.inputs[0]
        if value is None or value.const_value is not None:
            break
        if _are_one(value.shape, wanted):
            found = value
        step = value.producer()
    return found


def _are_one(shape: ir.Shape | None, other: ir.Shape | None) -> bool:
    """Whether two shapes are known, and the same."""
    if shape is None or other is None or shape != other:
        return False
    return all(isinstance(dim, int) or dim.value is not None for dim in shape)
