"""A builder that computes what is known while a graph is being made: shapes, and the numbers made of them.

For importers whose files compute shapes, axes and sizes in the graph. A value that is known has a
`const_value` though a node makes it; `prune` makes such values initializers, in the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.ir import values
from mmdnn.ir.builder import Builder, Op, rank
from mmdnn.ir.passes import folding
from mmdnn.ir.passes.inference import infer_named
from mmdnn.ir.sizes import Dim, Size, Term, trace

_SIZED = {"Reshape": 1, "Expand": 1, "ConstantOfShape": 0}
"""Where the operators that make a value of a shape read that."""


class FoldingBuilder(Builder):
    """A builder that computes what is known."""

    def node(
        self,
        op_type: str,
        inputs: Sequence[Any],
        attributes: Mapping[str, Any],
        *,
        domain: str = "",
        outputs: int = 1,
    ) -> tuple[ir.Value, ...]:
        """Append a node; what it gives is a constant as well where that is known."""
        made = super().node(op_type, inputs, attributes, domain=domain, outputs=outputs)
        node = made[0].producer()
        if domain or node is None:
            return made
        found = folding.fold(node)
        if found is None:
            found = folding.fold_sizes(node)
        if found is not None:
            tensor = found if not isinstance(found, np.ndarray) else ir.tensor(found)
            made[0].const_value = tensor
            made[0].shape = ir.Shape(tensor.shape.numpy())
        if node.op_type == "Reshape" and values.constant(node.inputs[1]):
            infer_named(node)
        _size(node)
        return made


def _size(node: ir.Node) -> None:
    """The dimensions of a value whose shape is computed, as far as they are known."""
    y, place = node.outputs[0], _SIZED.get(node.op_type)
    if place is None or len(node.inputs) <= place:
        return
    sizes = trace(node.inputs[place])
    if sizes is None:
        target = node.inputs[place]
        length = target.shape[0] if target is not None and target.shape is not None else None
        if y.shape is None and isinstance(length, int):
            y.shape = ir.Shape([None] * length)
        return
    dims: list[Any] = [_dim(size) for size in sizes]
    if node.op_type == "Reshape" and not node.attributes.get_int("allowzero", 0):
        dims = [_copied(node, axis) if dim == 0 else dim for axis, dim in enumerate(dims)]
    if node.op_type == "Expand":
        x = node.inputs[0]
        if x is None or x.shape is None or len(x.shape) > len(dims):
            return
        own = [1] * (len(dims) - len(x.shape)) + list(x.shape)
        dims = [b if a == 1 else a for a, b in zip(own, dims, strict=True)]
    if y.shape is None or any(not isinstance(d, int) for d in y.shape):
        before = list(y.shape) if y.shape is not None else [None] * len(dims)
        if len(before) == len(dims):
            y.shape = ir.Shape(
                [b if isinstance(b, int) else d for b, d in zip(before, dims, strict=True)]
            )


def _copied(node: ir.Node, axis: int) -> Any:
    """The dimension that a 0 in the target of a Reshape stands for."""
    x = node.inputs[0]
    return x.shape[axis] if x is not None and x.shape is not None and axis < len(x.shape) else None


def _dim(size: Size) -> Any:
    if isinstance(size, int):
        return size if size >= 0 else None
    if isinstance(size, Dim) and size.value.shape is not None:
        return size.value.shape[size.axis]
    return None


def open_sizes(sizes: Iterable[Size] | None) -> list[str]:
    """The names of the open dimensions that sizes are made of."""
    found: list[str] = []
    for size in sizes or []:
        if isinstance(size, Dim):
            dim = size.value.shape[size.axis] if size.value.shape is not None else None
            found += [dim.value] if isinstance(dim, ir.SymbolicDim) and dim.value else []
        elif isinstance(size, Term):
            found += open_sizes([size.left, size.right])
    return found


def prune(graph: ir.Graph) -> None:
    """Known values become initializers, and what nobody reads goes."""
    for node in reversed(list(graph)):
        for attribute in node.attributes.values():
            if attribute.type == ir.AttributeType.GRAPH:
                prune(attribute.as_graph())
        for value in node.outputs:
            if value.const_value is not None and value.uses() and not value.is_graph_output():
                fresh = ir.Value(name=value.name, type=value.type, shape=value.shape)
                fresh.const_value = value.const_value
                value.name = f"{value.name}~"
                value.replace_all_uses_with(fresh)
                graph.register_initializer(fresh)
        if not any(value.uses() or value.is_graph_output() for value in node.outputs):
            graph.remove(node, safe=True)
    for name, value in list(graph.initializers.items()):
        if not value.uses() and not value.is_graph_output():
            del graph.initializers[name]


def int64(op: Op, x: ir.Value) -> ir.Value | np.ndarray:
    """Integers as ONNX wants them: shapes, axes, indices."""
    known = values.numbers(x) if x.dtype != ir.DataType.INT64 else None
    if known is not None and known.size <= folding.LIMIT:
        return known.astype(np.int64)
    return x if x.dtype == ir.DataType.INT64 else op.Cast(x, to=ir.DataType.INT64)


def vector(op: Op, x: ir.Value) -> ir.Value | np.ndarray:
    """Integers as ONNX wants them, one axis of them."""
    found = int64(op, x)
    if isinstance(found, np.ndarray):
        return found.reshape(-1)
    return found if rank(found) == 1 else op.Reshape(found, [-1])
