"""The parameters of a class for what repeats: where its pieces' members differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

from mmdnn.frameworks.pytorch.graph import Member
from mmdnn.python.literals import Raw, literal
from mmdnn.python.repeats import Hole, Parameter, parameters

Column = Sequence[Member | None]
"""The members of all pieces at one place; None where a piece has none."""

DEFAULTS: dict[str, Any] = {
    "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True, "eps": 1e-5,
    "momentum": 0.1, "affine": True, "output_padding": 0,
}  # fmt: skip
"""What torch assumes where an argument is not given."""

ORDER = ("kernel_size", "stride", "padding", "output_padding", "dilation", "groups", "bias")
"""The order in which torch documents a convolution's arguments."""

CHANNELS = {"in_channels", "out_channels", "channels", "in_features", "out_features", "groups"}
"""Parameters that count channels, so that one may stand for another."""

POSITIONS = {
    "nn.Conv": ("in_channels", "out_channels"),
    "nn.Linear": ("in_features", "out_features"),
}
"""The names of positional arguments, by how the class's name begins."""


PROJECTION = "projection"
"""The parameter that says whether a block's residual path has modules."""


def generic(
    columns: Sequence[Column], final: list[Any], projected: list[bool]
) -> tuple[list[Member], list[Parameter]]:
    """The members as the class makes them, and the parameters that it takes.

    Args:
        columns: The members that each of them stands for.
        final: Of each piece, what is to be called `out_channels`.
        projected: Of each piece, whether its residual path has modules.
    """
    rows = [_holes(column, key, final) for column in columns for key in _arguments(column)]
    rows.append([Hole(str(one), PROJECTION, "False") for one in projected])
    given = parameters([list(row) for row in zip(*rows, strict=True)], ("self", "x"), _kind)
    assert given is not None
    for one in given:
        one.default = one.default if one.name in DEFAULTS or one.name == PROJECTION else None
    written = {place: raw for one in given for place, raw in one.places.items()}
    place = count()
    members = [
        _member(column, {key: written.get(next(place)) for key in _arguments(column)})
        for column in columns
    ]
    return members, sorted(given, key=lambda one: one.default is not None)


def _kind(label: str) -> str:
    """What count channels may stand for one another."""
    return "channels" if label in CHANNELS else label


def _arguments(column: Column) -> list[int | str]:
    """A number for each argument that has no keyword, then the keywords."""
    (first, *rest) = [m for m in column if m is not None]
    return [*range(len(first.args)), *_keys(m.kwargs for m in (first, *rest))]


def _value(member: Member, key: int | str) -> Any:
    if isinstance(key, int):
        return member.args[key]
    return member.kwargs.get(key, DEFAULTS.get(key))


def _holes(column: Column, key: int | str, final: list[Any]) -> list[Hole]:
    """An argument in each piece."""
    first = next(m for m in column if m is not None)
    if isinstance(key, str):
        label = key
    else:
        names = next((n for begin, n in POSITIONS.items() if first.type.startswith(begin)), ())
        label = names[key] if key < len(names) else "channels"
    if label == "out_channels" and [_value(m or first, key) for m in column] != final:
        label = "channels"
    default = literal(DEFAULTS[label]) if label in DEFAULTS else None
    return [Hole(None if m is None else literal(_value(m, key)), label, default) for m in column]


def _member(column: Column, written: dict[int | str, Any]) -> Member:
    """The member, with parameters in the places of its arguments."""
    first = next(m for m in column if m is not None)
    values = {k: _value(first, k) if raw is None else raw for k, raw in written.items()}
    args = tuple(value for key, value in values.items() if isinstance(key, int))
    kwargs = {
        key: value
        for key, value in values.items()
        if isinstance(key, str) and (isinstance(value, Raw) or value != DEFAULTS.get(key))
    }
    return Member("", first.type, args, kwargs, dict(first.tensors), first.layer)


def _keys(mappings: Iterable[dict[str, Any]]) -> list[str]:
    """Every key: torch's documented order first, then by appearance."""
    keys = list(dict.fromkeys(key for mapping in mappings for key in mapping))
    return sorted(keys, key=lambda key: ORDER.index(key) if key in ORDER else len(ORDER))
