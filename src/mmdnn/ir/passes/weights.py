"""Weights that a graph makes of its constants by cutting and joining them.

Frameworks hold a recurrent layer's weights otherwise than ONNX's operator takes them, so their exporters
put Slice, Concat, Unsqueeze and the like before it. What these give is a constant, computed when it is
written.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.ir.passes.folding import TABLE
from mmdnn.tensors import references

MOVES = frozenset(
    {
        "Concat",
        "Gather",
        "Identity",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
)
"""Operators that move elements and leave them as they are."""

MADE = MOVES | {"ConstantOfShape"}

MOST = 256
"""Operators between a weight and its constants, at most."""

WEIGHTS = (1, 2, 3, 7)
"""A recurrent operator's inputs that are weights: W, R, B and P."""


def settle(graph: ir.Graph, node: ir.Node) -> None:
    """Make constants of a recurrent operator's weights, where they depend on constants alone."""
    for place in WEIGHTS:
        value = node.inputs[place] if place < len(node.inputs) else None
        tensor = rearranged(value) if value is not None and value.producer() else None
        if value is None or tensor is None:
            continue
        made = graph.initializers.get(str(tensor.name))
        if made is None:
            made = ir.Value(name=tensor.name, const_value=tensor, type=value.type)
            made.shape = ir.Shape(tensor.shape.numpy())
            graph.register_initializer(made)
        node.replace_input_with(place, made)


def rearranged(value: ir.Value) -> ir.TensorProtocol | None:
    """The tensor that a value is; None where it depends on more than constants and their places."""
    nodes = _makers(value)
    if nodes is None or value.shape is None or not value.shape.is_static() or value.dtype is None:
        return None
    kind, name = value.dtype, f"{value.name}_settled"
    steps = [(node, node.inputs) for node in nodes]  # those of nodes that go are lost

    def compute() -> ir.TensorProtocol:
        found: dict[ir.Value, np.ndarray] = {}
        for node, inputs in steps:
            given = [_read(each, found) for each in inputs]
            made = _split(node, *given) if node.op_type == "Split" else [_moved(node, given)]
            found.update(zip(node.outputs, made, strict=True))
        return ir.Tensor(np.ascontiguousarray(found[value]), dtype=kind, name=name)

    return ir.LazyTensor(compute, kind, value.shape, name=name)


def _makers(value: ir.Value) -> list[ir.Node] | None:
    """The nodes that make a value, in order; None where they are others than those of `MADE`."""
    order: dict[ir.Node, None] = {}
    todo: list[tuple[ir.Value | None, bool]] = [(value, False)]
    while todo:
        each, done = todo.pop()
        if each is None or (each.const_value is not None and not each.is_graph_input()):
            continue
        node = each.producer()
        if node is None or node.domain or node.op_type not in MADE or len(order) > MOST:
            return None
        if done:
            order[node] = None
        elif node not in order:
            todo += [(each, True), *((x, False) for x in node.inputs)]
    return list(order)


def _read(value: ir.Value | None, found: dict[ir.Value, np.ndarray]) -> Any:
    if value is None or value in found:
        return None if value is None else found[value]
    assert value.const_value is not None
    return references.read(value.const_value)


def _moved(node: ir.Node, given: list[Any]) -> np.ndarray:
    if node.op_type == "ConstantOfShape":
        value = node.attributes.get("value")
        return np.full(given[0], value.as_tensor().numpy()[0] if value else np.float32(0))
    array: np.ndarray = (
        given[0] if node.op_type == "Identity" else TABLE[node.op_type](node, *given)
    )
    return array


def _split(node: ir.Node, x: np.ndarray, sizes: Any = None) -> list[np.ndarray]:
    axis = node.attributes["axis"].as_int()
    count = len(node.outputs)
    step = -(-x.shape[axis] // count)
    edges = np.cumsum(sizes)[:-1] if sizes is not None else [step * i for i in range(1, count)]
    return np.split(x, edges, axis)
