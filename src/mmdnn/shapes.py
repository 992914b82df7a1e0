"""The shapes that users give for a model's inputs, with or without their batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import onnx_ir as ir

from mmdnn.errors import ShapeError, UsageError

Shape: TypeAlias = tuple[int, ...]
OpenShape: TypeAlias = tuple[int | None, ...]
Known: TypeAlias = Mapping[str, OpenShape | None]
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


def resolved(wanted: Mapping[str, Shape], known: Known) -> dict[str, Shape]:
    """What the user said as whole shapes by input name.

    A shape one dimension short of the input's own gets the input's batch, or 1. Where the input's
    rank is not known, three dimensions are a picture without batch.

    Args:
        wanted: Input name to shape; the name "" is the first input, "1" the second, ...
        known: The model's inputs.

    Raises:
        UsageError: There is no such input.
        ShapeError: The shape has too many dimensions, or too few.
    """
    names = list(known)
    found: dict[str, Shape] = {}
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


def _whole(name: str, shape: Shape, own: OpenShape | None) -> Shape:
    if own is None:
        return (1, *shape) if len(shape) == PICTURE else shape
    if len(shape) == len(own):
        return shape
    if len(shape) == len(own) - 1:
        return (own[0] or 1, *shape)
    text = "x".join("?" if dim is None else str(dim) for dim in own) or "a scalar"
    raise ShapeError(
        f"--inputShape: input '{name}' is {text}, which {','.join(map(str, shape))} does not fit",
        hint=f"Give {len(own) - 1} sizes, without the batch, or {len(own)}, with it."
        if own
        else None,
    )
