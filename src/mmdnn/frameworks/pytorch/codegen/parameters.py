"""The parameters of a class for what repeats: where its pieces' members differ."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mmdnn.frameworks.pytorch.graph import Member
from mmdnn.python.expressions import Call, call
from mmdnn.python.pieces import Piece, Step
from mmdnn.python.repeats import Hole, Parameter, Signatures, parameters

Column = Sequence[Member | None]
"""The members of all pieces at one place; None where a piece has none."""

_CONV = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True}

SIGNATURES = Signatures(
    positions={
        **dict.fromkeys(("nn.Conv", "nn.ConvTranspose"), ("in_channels", "out_channels")),
        "nn.Linear": ("in_features", "out_features"),
    },
    defaults={
        "nn.Conv": _CONV,
        "nn.ConvTranspose": _CONV | {"output_padding": 0},
        "nn.Linear": {"bias": True},
        "nn.BatchNorm": {"eps": 1e-5, "momentum": 0.1, "affine": True},
        "nn.InstanceNorm": {"eps": 1e-5, "affine": False},
    },
    order=("kernel_size", "stride", "padding", "output_padding", "dilation", "groups", "bias"),
    plain=lambda name: re.sub(r"\dd$", "", name),
)
"""What torch calls its arguments, and assumes where they are not given."""

CHANNELS = {"in_channels", "out_channels", "in_features", "out_features", "groups", "channels"}
"""Arguments that count channels, so that one may stand for another; those without a name do."""

PROJECTION = "projection"
"""The parameter that says whether a block's residual path has modules."""


def made_by(member: Member) -> Call:
    """The call that makes a member."""
    return call(member.type, *member.args, **member.kwargs)


def generic(
    columns: Sequence[Column], final: list[Any], projected: list[bool]
) -> tuple[list[Member], list[Parameter]]:
    """The members as the class makes them, and the parameters that it takes.

    Args:
        columns: The members that each of them stands for.
        final: Of each piece, what is to be called `out_channels`, as text.
        projected: Of each piece, whether its residual path has modules.
    """
    rows: list[list[Hole]] = [[] for _ in projected]
    firsts = [next(m for m in column if m is not None) for column in columns]
    for first, column in zip(firsts, columns, strict=True):
        found = [SIGNATURES.holes(_piece(m or first)) for m in column]
        last = [hole.value for holes in found for hole in holes if hole.label == "out_channels"]
        for row, member, holes in zip(rows, column, found, strict=True):
            row += [_renamed(hole, member is not None, last == final) for hole in holes]
    for row, flag in zip(rows, projected, strict=True):
        row.append(Hole(str(flag), PROJECTION, "False"))
    given = parameters(rows, ("self", "x"), lambda name: "" if name in CHANNELS else name)
    assert given is not None
    members = [
        Member("", m.type, one.args, one.kwargs, dict(m.tensors), m.layer)
        for m, one in zip(firsts, SIGNATURES.filled(_piece(*firsts), given, {}), strict=True)
        if isinstance(one, Call)
    ]
    return members, given


def _piece(*members: Member) -> Piece:
    return Piece(0, [Step(m, made_by(m), []) for m in members], None)


def _renamed(hole: Hole, there: bool, is_last: bool) -> Hole:
    """A hole by what its parameter would be called."""
    plain = hole.label == "value" or (hole.label == "out_channels" and not is_last)
    value = hole.value if there else None
    return hole._replace(value=value, label="channels" if plain else hole.label)
