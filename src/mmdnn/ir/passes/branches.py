"""An `If` that always goes the same way."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.names import free


def take_branch(graph: ir.Graph, node: ir.Node) -> bool:
    """Put the branch that an `If` takes in its place, if its condition is constant.

    The branch's nodes stand where the `If` was; values keep the names they had in the branch, outputs
    those of the `If`.

    Returns:
        Whether it was.
    """
    condition = node.inputs[0]
    if condition is None or condition.const_value is None or condition.is_graph_input():
        return False
    taken = bool(condition.const_value.numpy().all())
    branch = node.attributes["then_branch" if taken else "else_branch"].as_graph()
    for value in list(branch.initializers.values()):
        del branch.initializers[str(value.name)]
        value.name = free(str(value.name), graph.initializers, 2)
        graph.register_initializer(value)
    results = list(branch.outputs)
    branch.outputs.clear()
    before = node
    for inner in list(branch):
        branch.remove(inner)
        graph.insert_after(before, inner)
        before = inner
    for output, result in zip(node.outputs, results, strict=True):
        final = result
        if output.is_graph_output() or result.producer() is None:
            made = ir.node("Identity", [result], name=node.name)
            graph.insert_after(before, made)
            final = made.outputs[0]
            final.type, final.shape = result.type, result.shape
        output.replace_all_uses_with(final, replace_graph_outputs=True)
        final.name = output.name
    graph.remove(node, safe=True)
    return True
