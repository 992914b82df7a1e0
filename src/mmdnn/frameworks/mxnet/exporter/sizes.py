"""Where the numbers of a computed shape come from: sizes of values, and constants."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from mmdnn.ir.sizes import Dim, trace

Size = int | Dim
"""A number, or the size of a value's axis."""


def sizes(value: ir.Value | None) -> list[Size] | None:
    """The elements of a vector of sizes; None where they are anything else, or computed of sizes."""
    found = trace(value)
    known = [size for size in found or () if isinstance(size, (int, Dim))]
    return known if found is not None and len(known) == len(found) else None


def whole_shape(value: ir.Value | None) -> ir.Value | None:
    """The value whose shape this is, as it stands."""
    found = sizes(value)
    for size in found or ():
        if isinstance(size, Dim) and begins(size.value, found or [], whole=True):
            return size.value
    return None


def begins(x: ir.Value, found: Sequence[Size], *, whole: bool = False) -> bool:
    """Whether these are the sizes of the first axes of a value, or of all."""
    if x.shape is None or len(x.shape) < len(found) or (whole and len(x.shape) > len(found)):
        return False
    dims = enumerate(zip(x.shape, found, strict=False))
    return all(size == (dim if isinstance(dim, int) else (x, axis)) for axis, (dim, size) in dims)


def dimension(size: Size) -> int | str | None:
    """It as a dimension: a number, a name, or None."""
    if isinstance(size, int):
        return size
    value, axis = size
    dim = value.shape[axis] if value.shape is not None else None
    return dim if isinstance(dim, int) else dim.value if dim is not None else None
