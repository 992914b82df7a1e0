"""What nodes and values of two graphs are, as they are compared: sizes, numbers, attributes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import onnx
import onnx_ir as ir

from mmdnn.ir import COMPUTED, OPSET
from mmdnn.ir.builder import dimensions
from mmdnn.tensors import references


def sizes(value: ir.Value) -> tuple[int, ...]:
    """The sizes, an open one as 0."""
    return tuple(dim if isinstance(dim, int) else 0 for dim in dimensions(value))


def stored(value: ir.Value) -> tuple[int, ...]:
    assert value.const_value is not None
    return tuple(int(dim) for dim in value.const_value.shape.numpy())


def rank(value: ir.Value) -> int:
    return len(dimensions(value))


def small(value: ir.Value | None) -> np.ndarray | None:
    """The numbers of a constant that is small and at hand."""
    tensor = value.const_value if value is not None else None
    if value is None or tensor is None or tensor.size > 1 << 16:
        return None
    if isinstance(tensor, ir.ExternalTensor):
        return references.read(tensor) if COMPUTED in value.metadata_props else None
    return tensor.numpy()


def behind(value: ir.Value, types: frozenset[str]) -> ir.Value:
    """What a row of such nodes reads."""
    node = value.producer()
    while node is not None and node.op_type in types and node.inputs[0] is not None:
        value = node.inputs[0]
        node = value.producer()
    return value


def inputs_of(node: ir.Node) -> list[ir.Value | None]:
    """A node's inputs; without axes, where they are all axes."""
    axes = node.inputs[1] if node.op_type.startswith("Reduce") and len(node.inputs) > 1 else None
    said = small(axes)
    x = node.inputs[0]
    every = said is not None and x is not None and x.shape is not None and said.size == rank(x)
    return [x] if every else list(node.inputs)


def same_attributes(one: ir.Node, other: ir.Node) -> bool:
    known = defaults(one.op_type) if not one.domain else {}
    mine, others = ({**known, **node.attributes} for node in (one, other))
    if mine.keys() != others.keys():
        return False
    for name, attribute in mine.items():
        ours, theirs = attribute.value, others[name].value
        if attribute.type == ir.AttributeType.TENSOR:
            if not np.array_equal(ours.numpy(), theirs.numpy(), equal_nan=True):
                return False
        elif attribute.type == ir.AttributeType.FLOAT:
            if np.float32(ours) != np.float32(theirs):
                return False
        elif attribute.type == ir.AttributeType.GRAPH or ours != theirs:
            return False
    return True


@cache
def defaults(op: str) -> Mapping[str, ir.Attr]:
    """The attributes that an operator has where a node does not say them."""
    schema = onnx.defs.get_schema(op, OPSET, "")
    said = {name: each.default_value for name, each in schema.attributes.items()}
    found = {name: ir.from_proto(value) for name, value in said.items() if value.name}
    return {name: each for name, each in found.items() if isinstance(each, ir.Attr)}
