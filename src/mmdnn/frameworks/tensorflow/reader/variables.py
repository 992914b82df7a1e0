"""Which key of a checkpoint each variable has: what the graph's own restore operators say.

`save/RestoreV2` gives the tensors of the keys that it is told, each goes to the Assign of a variable; in
TensorFlow 2 this stands in a function. Where nothing restores a variable, its key is its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import onnx_ir as ir

from mmdnn.errors import FormatError
from mmdnn.frameworks.tensorflow.graph import Call, Graph, Ref
from mmdnn.tensors import references

VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp", "AutoReloadVariable"})
ASSIGNS = frozenset({"Assign", "AssignVariableOp"})
_PASSING = frozenset({"Identity", "Cast", "Reshape"})
_RESTORES = frozenset({"RestoreV2", "Restore", "RestoreSlice"})


class Key(NamedTuple):
    """What a variable is restored from: a tensor of the checkpoint, or a part of one (`8 3 0,3:-`)."""

    name: str
    part: str = ""

    def of(self, stored: Mapping[str, ir.TensorProtocol]) -> ir.TensorProtocol:
        """The variable's numbers.

        Raises:
            FormatError: The part is none.
        """
        whole = stored[self.name]
        if not self.part:
            return whole
        *sizes, extents = self.part.split(" ")
        try:
            pairs = [e.split(",") if e != "-" else None for e in extents.split(":")]
            begins = [0 if pair is None else int(pair[0]) for pair in pairs]
            lengths = [
                int(size) if pair is None else int(pair[1])
                for size, pair in zip(sizes, pairs, strict=True)
            ]
            bounds = zip(begins, lengths, whole.shape.numpy(), strict=True)
            inside = all(b >= 0 and n >= 0 and b + n <= size for b, n, size in bounds)
        except (ValueError, IndexError):
            inside = False
        if not inside:
            raise FormatError(f"the part '{self.part}' of '{self.name}' is none")
        place = tuple(slice(b, b + n) for b, n in zip(begins, lengths, strict=True))
        return references.lazy(whole, lambda array: array[place], shape=lengths)


def load(
    graph: Graph,
    functions: Mapping[str, Graph],
    stored: Mapping[str, ir.TensorProtocol],
) -> dict[str, ir.TensorProtocol]:
    """The numbers of a graph's variables, by their nodes; those that no key has are left out."""
    keys = dict(_restored(graph, functions))
    found = {}
    for node in graph.nodes.values():
        if node.op in VARIABLES:
            names = [node.name, str(node.attributes.get("shared_name") or "")]
            known = [keys[node.name]] if node.name in keys else [Key(name) for name in names]
            key = next((key for key in known if key.name in stored), None)
            if key is not None:
                found[node.name] = key.of(stored)
    return found


def _restored(graph: Graph, functions: Mapping[str, Graph]) -> Iterator[tuple[str, Key]]:
    """Names of variables, and what they are restored from."""
    for node in graph.nodes.values():
        if node.op in ASSIGNS and len(node.inputs) > 1:
            key = _key(graph, node.inputs[1])
            if key is not None:
                yield node.inputs[0].node, key
        elif node.op in {"StatefulPartitionedCall", "PartitionedCall"}:
            call = node.attributes.get("f")
            body = functions.get(call.function) if isinstance(call, Call) else None
            if body is None or len(body.arguments) > len(node.inputs):
                continue
            places = {
                name: ref.node for name, ref in zip(body.arguments, node.inputs, strict=False)
            }
            for argument, key in _restored(body, {}):
                if argument in places:
                    yield places[argument], key


def _key(graph: Graph, ref: Ref) -> Key | None:
    """What a value is restored from."""
    node = graph.nodes[ref.node]
    while node.op in _PASSING and node.inputs:
        ref = node.inputs[0]
        node = graph.nodes[ref.node]
    if node.op not in _RESTORES or len(node.inputs) < 2:
        return None
    names = _texts(graph, node.inputs[1])
    parts = _texts(graph, node.inputs[2]) if len(node.inputs) > 2 else []
    if ref.output >= len(names):
        return None
    return Key(names[ref.output], parts[ref.output] if ref.output < len(parts) else "")


def _texts(graph: Graph, ref: Ref) -> list[str]:
    node = graph.nodes[ref.node]
    value = node.attributes.get("value")
    if node.op != "Const" or not isinstance(value, ir.StringTensor):
        return []
    return [bytes(text).decode("utf-8", "surrogateescape") for text in value.string_data()]
