"""What a model is fed, and the shapes of it."""

from __future__ import annotations

from mmdnn.errors import ShapeError, UnsupportedError
from mmdnn.frameworks.cntk.graph import (
    FREE,
    INFERRED,
    SEQUENCE,
    Axis,
    Function,
    Kind,
    Model,
    Variable,
)
from mmdnn.frameworks.cntk.importer.flattening import Flat
from mmdnn.ir.builder import Dimension


def fed(
    model: Model, flat: Flat, functions: list[Function], outputs: list[Variable]
) -> list[Variable]:
    """The inputs, and unbound placeholders, that functions and outputs read."""
    read = {one for function in functions for one in flat.reads(function)}
    read.update(map(flat.resolve, outputs))
    fed = (Kind.INPUT, Kind.PLACEHOLDER)
    return [
        one
        for one in model.variables.values()
        if one.kind in fed and one in read and one not in flat.aliases
    ]


def dimensions_of(variable: Variable, name: str, given: tuple[int, ...] | None) -> list[Dimension]:
    """An input's shape, [*dynamic, *static]; open sizes have names, or are as the user gives them.

    Raises:
        UnsupportedError: The file does not say what it is.
        ShapeError: The user's shape is not one it can have.
    """
    axes, shape = variable.axes, variable.shape
    if axes is None or shape is None:
        raise UnsupportedError("the file does not say what it is", layer=name)
    dims: list[Dimension] = [_dynamic(axis, name) for axis in axes]
    for place, size in enumerate(shape):
        dims.append(f"{name}_{place}" if size in (FREE, INFERRED) else size)
    return dims if given is None else _fitting(dims, len(axes), given, name)


def _dynamic(axis: Axis, name: str) -> str:
    if not axis.ordered:
        return "batch"
    return "time" if axis == SEQUENCE else f"{axis.name or name}_time"


def _fitting(
    dims: list[Dimension], leading: int, given: tuple[int, ...], name: str
) -> list[Dimension]:
    """Open sizes as the user gives them: the static shape, with or without the dynamic axes.

    Raises:
        ShapeError: The user's shape is not one the input can have.
    """
    start = leading if len(given) == len(dims) - leading else 0
    if len(given) != len(dims) - start:
        raise ShapeError(f"the input '{name}' has not {len(given)} axes")
    for place, size in enumerate(given, start):
        if isinstance(dims[place], int) and dims[place] != size:
            raise ShapeError(f"the input '{name}' has {dims[place]}, not {size}, at axis {place}")
        if place >= leading:
            dims[place] = size
    return dims
