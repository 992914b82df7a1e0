"""Which key of a checkpoint each variable has: what the graph's own restore operators say.

`save/RestoreV2` gives the tensors of the keys that it is told, each goes to the Assign of a variable; in
TensorFlow 2 this stands in a function. Where nothing restores a variable, its key is its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import onnx_ir as ir

from mmdnn.frameworks.tensorflow.graph import ARGUMENT, Call, Graph, Node, Ref

VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp", "AutoReloadVariable"})
ASSIGNS = frozenset({"Assign", "AssignVariableOp"})
_PASSING = frozenset({"Identity", "Cast", "Reshape"})
_RESTORES = frozenset({"RestoreV2", "Restore", "RestoreSlice"})


def load(
    graph: Graph,
    functions: Mapping[str, Graph],
    stored: Mapping[str, ir.TensorProtocol],
) -> dict[str, ir.TensorProtocol]:
    """The numbers of a graph's variables, by their nodes; those that no key has are left out."""
    keys = {name: key for graph_ in [graph] for name, key in _restored(graph_, functions)}
    found = {}
    for node in graph.nodes.values():
        if node.op in VARIABLES:
            for key in (keys.get(node.name), node.name, node.attributes.get("shared_name")):
                if key and key in stored:
                    found[node.name] = stored[key]
                    break
    return found


def _restored(graph: Graph, functions: Mapping[str, Graph]) -> Iterator[tuple[str, str]]:
    """Names of variables, and the keys that they are restored from."""
    for node in graph.nodes.values():
        if node.op in ASSIGNS and len(node.inputs) > 1:
            key = _key(graph, node.inputs[1])
            if key is not None:
                yield node.inputs[0].node, key
        elif node.op in {"StatefulPartitionedCall", "PartitionedCall"}:
            call = node.attributes.get("f")
            body = functions.get(call.function) if isinstance(call, Call) else None
            for argument, key in _restored(body, functions) if body is not None else ():
                if argument in body.arguments:  # type: ignore[union-attr]
                    place = body.arguments.index(argument)  # type: ignore[union-attr]
                    if place < len(node.inputs):
                        yield node.inputs[place].node, key


def _key(graph: Graph, ref: Ref) -> str | None:
    """The key that a value is restored from."""
    node = graph.nodes[ref.node]
    while node.op in _PASSING and node.inputs:
        ref = node.inputs[0]
        node = graph.nodes[ref.node]
    if node.op not in _RESTORES or len(node.inputs) < 2:
        return None
    names = graph.nodes[node.inputs[1].node]
    value = names.attributes.get("value")
    if names.op != "Const" or not isinstance(value, ir.StringTensor):
        return None
    texts = [bytes(text).decode("utf-8", "surrogateescape") for text in value.string_data()]
    return texts[ref.output] if ref.output < len(texts) else None


def is_argument(node: Node) -> bool:
    """Whether it is a function's argument."""
    return node.op == ARGUMENT
