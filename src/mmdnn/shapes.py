"""The shapes that users give for a model's inputs, with or without their batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import onnx_ir as ir

from mmdnn.errors import ShapeError, UsageError

Shape: TypeAlias = tuple[int, ...]
OpenShape: TypeAlias = tuple[int | None, ...]
Known: TypeAlias = Mapping[str, OpenShape | None]
Given: TypeAlias = tuple[int | str | None, ...]
"""A shape as users give it: a size left open is None, or its name."""
CHANNELS = (1, 3, 4)
"""How many channels pictures have."""
PICTURE = 3
"""Dimensions of a shape without batch, as the commands document it: 3,224,224."""


def closed(dims: Iterable[object]) -> Shape | None:
    """Dimensions as sizes, None where one is open."""
    given = tuple(dims)
    sizes = tuple(dim for dim in given if isinstance(dim, int))
    return sizes if len(sizes) == len(given) else None


def of_inputs(native: Any) -> dict[str, OpenShape | None]:
    """The inputs of a native graph: name to shape, None where not even the rank is known.

    A native graph is an `onnx_ir.Model`, or has `inputs` that map names to shapes; a framework whose
    graphs have not tells them by its importer's `input_shapes`.
    """
    if not isinstance(native, ir.Model):
        return dict(native.inputs)
    return {
        str(value.name): None
        if value.shape is None
        else tuple(dim if isinstance(dim, int) else None for dim in value.shape)
        for value in native.graph.inputs
        if value.name not in native.graph.initializers
    }


class Whole(tuple[int | str | None, ...]):
    """A shape that is said to have its batch: [2,3,4]."""

    __slots__ = ()


def resolved(wanted: Mapping[str, Given], known: Known) -> dict[str, Given]:
    """What the user said as whole shapes by input name.

    A shape one dimension short of the input's own gets the input's batch, or 1, unless it is `Whole`.
    Where the input's rank is not known, three dimensions are a picture without batch. Sizes given one
    by one, more of them than there are inputs, are one shape.

    Args:
        wanted: Input name to shape; the name "" is the first input, "1" the second, ...
        known: The model's inputs.

    Returns:
        Input name to sizes; a size left open is None, or its name.

    Raises:
        UsageError: There is no such input.
        ShapeError: The shape has too many dimensions, or too few.
    """
    names = list(known)
    apart = all(len(shape) == 1 for shape in wanted.values()) and all(
        key == (str(place) if place else "") for place, key in enumerate(wanted)
    )
    if apart and len(wanted) > len(names) > 0:
        wanted = {"": tuple(size for shape in wanted.values() for size in shape)}
    found: dict[str, Given] = {}
    for key, shape in wanted.items():
        place = 0 if key == "" else int(key) if key.isdigit() else len(names)
        if key not in known and place >= len(names):
            inputs = ", ".join(names) or "none"
            which = f"named '{key}'" if not key.isdigit() else f"number {place + 1}"
            raise UsageError(
                f"--inputShape: there is no input {which or 'at all'}",
                hint=f"The model's inputs are: {inputs}.",
            )
        name = key if key in known else names[place]
        found[name] = _whole(name, shape, known[name])
    return found


def _whole(name: str, shape: Given, own: OpenShape | None) -> Given:
    if own is None:
        short = len(shape) == PICTURE and not isinstance(shape, Whole)
        return (1, *shape) if short else tuple(shape)
    if len(shape) == len(own):
        return tuple(shape)
    if len(shape) == len(own) - 1 and not isinstance(shape, Whole):
        return (own[0] or 1, *shape)
    hint = f"Give {len(own) - 1} sizes, without the batch, or {len(own)}, with it."
    if isinstance(shape, Whole):
        hint = f"A shape in brackets is whole, with its batch: {len(own)} sizes."
    raise ShapeError(
        f"--inputShape: input '{name}' is {text(own) or 'a scalar'}, which {text(shape, ',')} does "
        "not fit",
        hint=hint if own else None,
    )


def text(shape: Given, between: str = "x") -> str:
    """A shape as users write it: 1x3x?x?."""
    return between.join("?" if size is None else str(size) for size in shape)


def slip(shapes: Mapping[str, Given]) -> str:
    """What may be wrong with the shapes given, for an error that they may have led to."""
    said = " ".join(f"{name}:{text(shape, ',')}" for name, shape in shapes.items())
    for shape in shapes.values():
        *before, last = shape[-PICTURE:]
        if len(before) == PICTURE - 1 and last in CHANNELS and before[0] not in CHANNELS:
            turned = text((*shape[:-PICTURE], last, *before), ",")
            return f"--inputShape says {said}; channels come first: {turned}?"
    return f"--inputShape says {said}; is that what the model was made for?"
