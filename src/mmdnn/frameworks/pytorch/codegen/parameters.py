"""The parameters of a class for what repeats: where its pieces' members differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mmdnn.frameworks.pytorch.graph import Member
from mmdnn.names import take
from mmdnn.python.literals import Raw, literal

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


class Parameters:
    """What differs between the pieces, each distinct column of values once.

    Args:
        final: The column that is to be called `out_channels`.
    """

    def __init__(self, final: list[Any]) -> None:
        self.final = final
        self.columns: list[tuple[str, list[Any]]] = []
        self.names = {"self", "x"}

    def value(self, values: list[Any], wanted: str) -> Any:
        """The value itself where all are equal, else the name of the parameter that carries it."""
        if all(literal(v) == literal(values[0]) for v in values):
            return values[0]
        for name, column in self.columns:
            same = list(map(literal, column)) == list(map(literal, values))
            if same and _alike(name, wanted):
                return Raw(name)
        if wanted == "out_channels" and values != self.final:
            wanted = "channels"
        self.columns.append((take(wanted, self.names, 2), values))
        return Raw(self.columns[-1][0])

    def optional(self, values: list[Any], wanted: str) -> Any:
        """The same for what only some pieces have (None elsewhere): a parameter that fits is preferred."""
        present = [i for i, value in enumerate(values) if value is not None]
        for name, column in self.columns:
            same = all(literal(column[i]) == literal(values[i]) for i in present)
            if same and _alike(name, wanted):
                return Raw(name)
        filled = [values[present[0]] if value is None else value for value in values]
        return self.value(filled, wanted)

    def declare(self) -> list[str]:
        """The parameters of `__init__`; those with a torch default come last."""
        plain = [name for name, _ in self.columns if not self._default(name)]
        keyed = [f"{n}={literal(DEFAULTS[n])}" for n, _ in self.columns if self._default(n)]
        flags = [f"{name}=False" for name, _ in self.columns if name == PROJECTION]
        return [*(n for n in plain if n != PROJECTION), *keyed, *flags]

    def arguments(self, index: int) -> tuple[list[Any], dict[str, Any]]:
        """The arguments for one piece."""
        args = [
            values[index]
            for name, values in self.columns
            if not self._default(name) and name != PROJECTION
        ]
        kwargs = {
            name: values[index]
            for name, values in self.columns
            if (self._default(name) and values[index] != DEFAULTS[name])
            or (name == PROJECTION and values[index])
        }
        return args, kwargs

    @staticmethod
    def _default(name: str) -> bool:
        return name in DEFAULTS


def _alike(name: str, wanted: str) -> bool:
    """Whether a parameter of the one name may stand for the other: both count channels, or are the same."""
    plain = name.rstrip("_0123456789")
    return plain == wanted or {plain, wanted} <= CHANNELS


def generic(column: list[Member | None], parameters: Parameters) -> Member:
    """The member as the class makes it, for those of all pieces; None where a piece has none."""
    first = next(m for m in column if m is not None)
    choose = parameters.optional if None in column else parameters.value
    names = next((n for begin, n in POSITIONS.items() if first.type.startswith(begin)), ())
    args = [
        choose([m and m.args[i] for m in column], names[i] if i < len(names) else "channels")
        for i in range(len(first.args))
    ]
    kwargs = {}
    for key in _keys(m.kwargs for m in column if m is not None):
        value = choose([m and m.kwargs.get(key, DEFAULTS.get(key)) for m in column], key)
        if isinstance(value, Raw) or value != DEFAULTS.get(key):
            kwargs[key] = value
    return Member("", first.type, tuple(args), kwargs, dict(first.tensors), first.layer)


def _keys(mappings: Iterable[dict[str, Any]]) -> list[str]:
    """Every key: torch's documented order first, then by appearance."""
    keys = list(dict.fromkeys(key for mapping in mappings for key in mapping))
    return sorted(keys, key=lambda key: ORDER.index(key) if key in ORDER else len(ORDER))
