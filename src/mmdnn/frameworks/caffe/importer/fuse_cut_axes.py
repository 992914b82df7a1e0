"""Axes moved by cutting: a Slice into parts of size 1, joined along another axis, is a transposition.

Caffe itself moves no axes, so that is how a transposition is written for it (`exporter.cuts`).
"""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.ir import LAYER, TYPE
from mmdnn.ir.passes.defaults import integer

Dims = list[int | ir.SymbolicDim]


def join_cut_axes(graph: ir.Graph) -> None:
    """Make such layers, between two Reshapes, one node with the name of the last of them.

    Args:
        graph: As the layers were imported; changed.
    """
    for node in list(graph):
        if node.op_type == "Concat" and not node.domain:
            _join(graph, node)


def _join(graph: ir.Graph, concat: ir.Node) -> None:
    split = _split_of(concat)
    opening, closing = _before(split), _after(concat)
    if split is None or opening is None or closing is None or opening.inputs[0] is None:
        return
    x, view, result = opening.inputs[0], _dims(split.inputs[0]), closing.outputs[0]
    cut = integer(split, "axis") % len(view)
    to = integer(concat, "axis") % len(view)
    if cut == to or view[to] != 1:
        return
    blocks = _blocks(_dims(x), view)
    if not blocks:
        return
    moved = [cut if axis == to else to if axis == cut else axis for axis in range(len(view))]
    order = [axis for place in moved for axis in blocks[place]]
    if [_dims(x)[axis] for axis in order] != _dims(result):
        return
    said = {key: closing.metadata_props[key] for key in (LAYER, TYPE)}
    turned = ir.node("Transpose", [x], {"perm": order}, name=closing.name, metadata_props=said)
    turned.outputs[0].shape, turned.outputs[0].type = result.shape, result.type
    graph.insert_before(closing, turned)
    name = result.name
    result.replace_all_uses_with(turned.outputs[0], replace_graph_outputs=True)
    graph.remove([closing, concat, split, opening], safe=True)
    turned.outputs[0].name = name


def _split_of(concat: ir.Node) -> ir.Node | None:
    """The Split into parts of size 1 whose outputs, all in order, are joined, and read by nothing else."""
    first = concat.inputs[0].producer() if concat.inputs[0] is not None else None
    if first is None or first.op_type != "Split" or list(first.outputs) != list(concat.inputs):
        return None
    axis = integer(first, "axis")
    alone = all(map(only_reader, first.outputs))
    ones = all(_dims(each) and _dims(each)[axis] == 1 for each in first.outputs)
    return first if alone and ones else None


def _before(node: ir.Node | None) -> ir.Node | None:
    """The Reshape before a node, if it is for that alone."""
    value = node.inputs[0] if node is not None else None
    made = value.producer() if value is not None and only_reader(value) else None
    return made if made is not None and made.op_type == "Reshape" else None


def _after(node: ir.Node) -> ir.Node | None:
    """The Reshape after a node, if nothing else reads what it makes."""
    reader = only_reader(node.outputs[0])
    return reader if reader is not None and reader.op_type == "Reshape" else None


def only_reader(value: ir.Value) -> ir.Node | None:
    """The node that a value is for alone."""
    readers = [use.node for use in value.uses()]
    return readers[0] if len(readers) == 1 and not value.is_graph_output() else None


def _dims(value: ir.Value | None) -> Dims:
    return list(value.shape) if value is not None and value.shape is not None else []


def _blocks(dims: Dims, view: Dims) -> list[list[int]]:
    """By axis of the view, the axes in a row that it stands for, none for one put in; empty if unfit."""
    found: list[list[int]] = []
    axis = 0
    for size in view:
        block: list[int] = []
        while axis < len(dims) and _product(dims, block) != size:
            block.append(axis)
            axis += 1
        if _product(dims, block) != size:
            return []
        found.append(block)
    return found if axis == len(dims) else []


def _product(dims: Dims, block: list[int]) -> int | ir.SymbolicDim | None:
    """The number of elements of axes together; of one open axis, that."""
    if len(block) == 1:
        return dims[block[0]]
    total = 1
    for axis in block:
        size = dims[axis]
        if not isinstance(size, int):
            return None
        total *= size
    return total
