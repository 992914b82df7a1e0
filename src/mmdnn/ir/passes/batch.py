"""An open batch closed, for a framework that wants a number for it."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from mmdnn.errors import ShapeError
from mmdnn.ir import SAID


def opened(model: ir.Model) -> set[str]:
    """The inputs whose first size is left open."""
    inputs = model.graph.inputs
    return {str(v.name) for v in inputs if v.shape and not isinstance(v.shape[0], int)}


def close(model: ir.Model, framework: str, times: int = 1) -> None:
    """Give the open first axis of inputs the size that the files say, else 1, and what is made of them.

    Where inputs differ in that, other values stay open until they are worked out.

    Args:
        model: What is changed.
        framework: What needs the number, as in messages.
        times: How many times that size it is to be.

    Raises:
        ShapeError: An input has an open size beside its batch.
    """
    sizes: dict[str | None, int] = {}
    for value in model.graph.inputs:
        said = int(value.metadata_props.get(SAID, 1))
        for axis, dim in enumerate(value.shape or ()):
            if not isinstance(dim, int) and axis == 0:
                sizes.setdefault(dim.value, said * times)
            elif not isinstance(dim, int) and dim.value not in sizes:
                raise ShapeError(
                    f"the size of axis {axis} of input '{value.name}' is open, "
                    f"and {framework} needs a number",
                    hint=f"Give it with --inputShape {value.name}:1,3,224,224 (or whatever it is).",
                )
    for value in model.graph.inputs:
        value.shape = value.shape and ir.Shape([_closed(dim, sizes, 1) for dim in value.shape])
    known = sizes if len(set(sizes.values())) == 1 else {}
    for node in model.graph:
        for value in node.outputs:
            value.shape = value.shape and ir.Shape([_closed(d, known, None) for d in value.shape])


def _closed(
    dim: int | ir.SymbolicDim, sizes: Mapping[str | None, int], unknown: int | None
) -> int | None:
    """A dimension's size; an open one without a name is that of an input alone."""
    if isinstance(dim, int):
        return dim
    return sizes.get(dim.value, unknown) if dim.value or unknown else None
