"""Where the numbers of a computed shape come from: sizes of values, and constants."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.ir.values import ints

Size = int | tuple[ir.Value, int]
"""A number, or the size of a value's axis."""


def sizes(value: ir.Value | None) -> list[Size] | None:
    """The elements of a vector of sizes; None where they are anything else."""
    if (known := ints(value)) is not None:
        return [*known]
    node = None if value is None else value.producer()
    if node is None or node.domain:
        return None
    if node.op_type == "Shape":
        return _of_shape(node)
    if node.op_type in {"Squeeze", "Unsqueeze", "Cast", "Identity", "Reshape"}:
        return sizes(node.inputs[0])
    if node.op_type == "Concat":
        parts = [sizes(each) for each in node.inputs]
        return None if None in parts else [size for part in parts for size in part or ()]
    if node.op_type == "Gather":
        whole, places = sizes(node.inputs[0]), sizes(node.inputs[1])
        if whole is not None and places is not None and all(isinstance(p, int) for p in places):
            return [whole[p] for p in places if isinstance(p, int)]
    return None


def _of_shape(node: ir.Node) -> list[Size] | None:
    x = node.inputs[0]
    if x is None or x.shape is None:
        return None
    places = range(len(x.shape))[node.attributes.get_int("start") : node.attributes.get_int("end")]
    return [dim if isinstance(dim := x.shape[axis], int) else (x, axis) for axis in places]


def whole_shape(value: ir.Value | None) -> ir.Value | None:
    """The value whose shape this is, as it stands."""
    found = sizes(value)
    for size in found or ():
        if isinstance(size, tuple) and _is_shape_of(size[0], found or []):
            return size[0]
    return None


def _is_shape_of(x: ir.Value, found: list[Size]) -> bool:
    if x.shape is None or len(x.shape) != len(found):
        return False
    each = enumerate(zip(x.shape, found, strict=True))
    return all(size == (dim if isinstance(dim, int) else (x, axis)) for axis, (dim, size) in each)


def names(found: list[Size]) -> list[int | None]:
    """The numbers, None for sizes that are open."""
    return [size if isinstance(size, int) else None for size in found]


def dimension(size: Size) -> int | str | None:
    """It as a dimension: a number, a name, or None."""
    if isinstance(size, int):
        return size
    value, axis = size
    dim = value.shape[axis] if value.shape is not None else None
    return dim if isinstance(dim, int) else dim.value if dim is not None else None
