"""A model's inputs, and which of them are indices into its own tables."""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from mmdnn.ir.passes.defaults import integer
from mmdnn.shapes import closed


def inputs(model: ir.Model) -> list[ir.Value]:
    """The inputs that must be fed: those that no initializer gives."""
    return [v for v in model.graph.inputs if v.name not in model.graph.initializers]


def index_limits(model: ir.Model) -> dict[str, int]:
    """How large the values of an input may be, where it (cast or reshaped) indexes a table."""
    found: dict[str, int] = {}
    for value in inputs(model):
        sizes = list(_tables(model, value, {value}))
        if sizes:
            found[str(value.name)] = min(sizes)
    return found


def regions(model: ir.Model) -> list[str]:
    """Inputs that are rows of two corners in a picture, its number maybe before them."""
    return [
        str(value.name)
        for value in inputs(model)
        if value.shape is not None
        and len(value.shape) in (2, 3)
        and value.shape[-1] in (4, 5)
        and any(place == 1 and "roi" in node.op_type.lower() for node, place in value.uses())
    ]


def pictures(model: ir.Model) -> dict[str, tuple[int, int]]:
    """Inputs that say of a picture its height, its width and its scale; the sizes that fit."""
    found: dict[str, tuple[int, int]] = {}
    for value in inputs(model):
        for node, place in value.uses():
            function = node.domain and node.op_type.startswith("Proposal")
            cells = node.inputs[0].shape if function and place == 2 and node.inputs[0] else None
            strides = (
                node.attributes.get_int(name, 0) for name in ("feat_stride", "feature_stride")
            )
            stride, sizes = sum(strides), closed(cells or ())
            if sizes is not None and len(sizes) == 4:
                found[str(value.name)] = sizes[2] * stride, sizes[3] * stride
    return found


_PASSING = {"Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Transpose"}
_INDICES = {
    "Gather": 1,
    "GatherElements": 1,
    "GatherND": 1,
    "NegativeLogLikelihoodLoss": 1,
    "RoiAlign": 2,
}
"""Which input of an operator indexes its first."""


def _tables(model: ir.Model, value: ir.Value, seen: set[ir.Value]) -> Iterator[int]:
    """The sizes of the tables that a value indexes, seen through local functions."""
    for node, position in value.uses():
        function = model.functions.get(node.op_identifier())
        if function is not None:
            yield from _tables(model, function.inputs[position], seen)
        elif position == _INDICES.get(node.op_type) or node.op_type == "OneHot":
            yield _table_size(node)
        elif node.op_type in _PASSING and position == 0 and node.outputs[0] not in seen:
            seen.add(node.outputs[0])
            yield from _tables(model, node.outputs[0], seen)


def _table_size(node: ir.Node) -> int:
    """The entries that a lookup can choose from, 1 where the model leaves it open."""
    table = node.inputs[1 if node.op_type == "OneHot" else 0]
    if table is None:
        return 1
    if node.op_type == "OneHot":
        depth = table.const_value
        return int(depth.numpy().reshape(-1)[0]) if depth is not None else 1
    fixed = {"GatherND": 0, "NegativeLogLikelihoodLoss": 1, "RoiAlign": 0}
    axis = fixed[node.op_type] if node.op_type in fixed else integer(node, "axis")
    size = table.shape[axis] if table.shape is not None else 1
    return size if isinstance(size, int) else 1
