"""What a model is fed, and which of its values become outputs: not what it was trained and judged by."""

from __future__ import annotations

from mmdnn.errors import ShapeError, UnsupportedError, UsageError
from mmdnn.frameworks.cntk import _cntk
from mmdnn.frameworks.cntk.graph import (
    BATCH,
    FREE,
    INFERRED,
    SEQUENCE,
    Axis,
    Function,
    Kind,
    Model,
    Shape,
    Variable,
    reachable,
)
from mmdnn.frameworks.cntk.importer.flat import Flat
from mmdnn.frameworks.cntk.importer.names import Names
from mmdnn.ir.builder import Dimension
from mmdnn.shapes import Given


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


def dimensions_of(variable: Variable, name: str, given: Given | None) -> list[Dimension]:
    """An input's shape, [*dynamic, *static]; open sizes have names, or are as the user gives them.

    Raises:
        UnsupportedError: The file does not say what it is.
        ShapeError: The user's shape is not one it can have.
    """
    axes, shape = axes_of(variable), variable.shape
    if shape is None and variable.kind == Kind.PLACEHOLDER and given is not None:
        own = given[1:] if len(given) > 1 else given
        shape = Shape(size if isinstance(size, int) else FREE for size in own)
    if axes is None or shape is None:
        raise UnsupportedError(
            "the file does not say what it is",
            layer=name,
            hint=f"It is a placeholder that nothing is bound to: say its shape, --inputShape {name}:1,4"
            if variable.kind == Kind.PLACEHOLDER
            else None,
        )
    dims: list[Dimension] = [_dynamic(axis, name) for axis in axes]
    for place, size in enumerate(shape):
        dims.append(f"{name}_{place}" if size in (FREE, INFERRED) else size)
    return dims if given is None else _fitting(dims, len(axes), given, name)


def axes_of(variable: Variable) -> tuple[Axis, ...] | None:
    """A variable's dynamic axes; a placeholder that nothing is bound to is fed by the batch."""
    unbound = variable.axes is None and variable.kind == Kind.PLACEHOLDER
    return (BATCH,) if unbound else variable.axes


def _dynamic(axis: Axis, name: str) -> str:
    if not axis.ordered:
        return "batch"
    return "time" if axis == SEQUENCE else f"{axis.name or name}_time"


def _fitting(dims: list[Dimension], leading: int, given: Given, name: str) -> list[Dimension]:
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
        if place >= leading and size is not None:
            dims[place] = size
    return dims


CRITERIA = _cntk.CRITERIA | {"CrossEntropy"}
"""What a model is trained and judged by; left out unless somebody asks for it."""


def chosen_outputs(model: Model, flat: Flat) -> list[Variable]:
    """The outputs that the user named, or the model's own but for criteria that need labels.

    A model that has nothing else gives what these judge, where it is computed; else them.

    Raises:
        UsageError: The model has no value that the user named.
    """
    if model.files.outputs:
        return [_find(model, flat, name) for name in model.files.outputs]
    left = left_out(model)
    kept = [one for one in model.outputs if one not in left]
    if kept:
        return kept
    found = dict.fromkeys(one for each in model.outputs for one in _predictions(_criterion(each)))
    return list(found) or model.outputs


def left_out(model: Model) -> dict[Variable, list[str]]:
    """The outputs that nobody asks for: criteria that need labels, inputs that nothing else reads.

    Returns:
        Each with the names of these.
    """
    if model.files.outputs:
        return {}
    judged = {one: _criterion(one) for one in model.outputs}
    needed = [one for one, criterion in judged.items() if criterion is None]
    needed = needed or [one for each in judged.values() for one in _predictions(each)]
    fed = {one for each in needed for one in _inputs(each)}
    left = {}
    for one, criterion in judged.items():
        labels = [each.name or each.uid for each in _inputs(one) if each not in fed]
        if criterion is not None and labels:
            left[one] = labels
    return left


def _inputs(variable: Variable) -> list[Variable]:
    """The inputs that a variable depends on."""
    functions = reachable([variable.owner]) if variable.owner is not None else []
    read = [variable, *(one for function in functions for one in function.inputs)]
    return [one for one in dict.fromkeys(read) if one.kind == Kind.INPUT]


def _criterion(variable: Variable) -> Function | None:
    """The criterion that a variable depends on."""
    if variable.owner is None:
        return None
    functions = reachable([variable.owner])
    return next((one for one in functions if one.type in CRITERIA), None)


def _predictions(criterion: Function | None) -> list[Variable]:
    """What a criterion reads that is computed."""
    if criterion is None:
        return []
    return [one for one in criterion.inputs if one.owner is not None][:1]


def _find(model: Model, flat: Flat, name: str) -> Variable:
    names = Names(model, flat)
    for function in model.walk():
        for variable in function.results:
            if name in (names.of(variable), variable.uid, function.name, function.uid):
                return variable
    raise UsageError(f"the model has no value '{name}'", file=model.files.network)
