"""What may differ between two pieces of a network that are otherwise the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from mmdnn.frameworks.cntk.codegen.expressions import (
    Call,
    Expr,
    Infix,
    Listed,
    Mapped,
    Member,
    Prefix,
    Raw,
    Ref,
)
from mmdnn.frameworks.cntk.codegen.weights import Group, Weight
from mmdnn.frameworks.cntk.graph import Function, Variable

DEFAULTS = {
    "C.layers.Convolution": {"pad": "False", "strides": "1", "dilation": "1"},
    "C.layers.ConvolutionTranspose": {"pad": "False", "strides": "1"},
    "C.layers.MaxPooling": {"pad": "False", "strides": "1"},
    "C.layers.AveragePooling": {"pad": "False", "strides": "1"},
}
"""Arguments of layers that are often left out; those of 1, 2 and 3 axes have the same."""
NAMELESS = '""'
_POSITIONS = {
    "C.layers.Convolution": ("size", "filters"),
    "C.layers.ConvolutionTranspose": ("size", "filters"),
    "C.layers.Dense": ("size",),
    "C.layers.MaxPooling": ("window",),
    "C.layers.AveragePooling": ("window",),
    "C.layers.Dropout": ("rate",),
}
"""What arguments without a keyword are called."""


_ORDER = ("activation", "pad", "strides", "bias", "output_shape", "reduction_rank", "dilation")
"""The order in which layers have their arguments."""


class Hole(NamedTuple):
    """A place for a literal.

    Attributes:
        value: What stands there.
        label: What it is.
        default: What it is where it is left out; None where it never is.
    """

    value: str
    label: str
    default: str | None = None


def _plain(function: str) -> str:
    """A layer's name without the number of its axes."""
    return function[:-2] if function.endswith(("1D", "2D", "3D")) else function


def _arguments(expr: Call) -> Iterator[tuple[str, str | None, Expr]]:
    """The arguments of a call, those left out too: name, default, value."""
    function = expr.function if isinstance(expr.function, str) else ""
    positions = _POSITIONS.get(_plain(function), ())
    for place, value in enumerate(expr.args):
        yield (positions[place] if place < len(positions) else "value"), None, value
    defaults = DEFAULTS.get(_plain(function), {})
    given = dict(expr.kwargs)
    if function.startswith("C."):
        defaults = {**defaults, "name": NAMELESS}
    for name, default in defaults.items():
        yield name, default, given.pop(name, Raw(default))
    for name, value in sorted(given.items()):
        yield name, None, value


def _others(expr: Expr) -> list[Expr]:
    """What an expression other than a call is made of."""
    match expr:
        case Infix(_, left, right):
            return [left, right]
        case Prefix(_, operand):
            return [operand]
        case Listed(items):
            return list(items)
        case Mapped(pairs):
            return [one for pair in pairs for one in pair]
        case Member(value, _):
            return [value]
    return []


def holes(expr: Expr, label: str = "value", default: str | None = None) -> Iterator[Hole]:
    """The literals of an expression, in order."""
    if isinstance(expr, Raw):
        yield Hole(expr.text, label, default)
    elif isinstance(expr, Call):
        if isinstance(expr.function, Call):
            yield from holes(expr.function)
        for name, absent, value in _arguments(expr):
            yield from holes(value, name, absent)
    else:
        for one in _others(expr):
            yield from holes(one)


def shape(expr: Expr, place: Callable[[Variable | Function], str]) -> str:
    """An expression's text without its literals; variables as `place` says."""
    match expr:
        case Raw():
            return "?"
        case Ref(target):
            index = target.index if isinstance(target, Variable) else 0
            return f"{place(target)}.{index}"
        case Weight(_, name):
            return f"w{name or ''}"
        case Call(function, _, _):
            inner = shape(function, place) if isinstance(function, Call) else str(function)
            parts = [f"{name}={shape(value, place)}" for name, _, value in _arguments(expr)]
            return f"{inner}({', '.join(parts)})"
    head = getattr(expr, "symbol", None) or getattr(expr, "name", "")
    return f"{type(expr).__name__}{head}[{', '.join(shape(one, place) for one in _others(expr))}]"


def weights_of(expr: Expr) -> Iterator[Group]:
    """The groups of arrays that an expression names, in order."""
    if isinstance(expr, Weight):
        yield expr.group
    elif isinstance(expr, Call):
        if isinstance(expr.function, Call):
            yield from weights_of(expr.function)
        for _, _, value in _arguments(expr):
            yield from weights_of(value)
    else:
        for one in _others(expr):
            yield from weights_of(one)


def fill(
    expr: Expr, fillings: Mapping[int, Expr], targets: Mapping[Variable | Function, Expr]
) -> Expr:
    """An expression with other things in some of its holes, and for some variables."""
    return _Filling(fillings, targets).of(expr)


class _Filling:
    def __init__(
        self, fillings: Mapping[int, Expr], targets: Mapping[Variable | Function, Expr]
    ) -> None:
        self.fillings = fillings
        self.targets = targets
        self.count = 0

    def of(self, expr: Expr) -> Expr:
        match expr:
            case Raw():
                self.count += 1
                return self.fillings.get(self.count - 1, expr)
            case Ref(Variable() as variable) if variable.owner in self.targets:
                return self.targets[variable.owner]  # type: ignore[index]
            case Ref(target):
                return self.targets.get(target, expr)
            case Call():
                return self.call(expr)
            case Infix(_, left, right):
                return replace(expr, left=self.of(left), right=self.of(right))
            case Prefix(_, operand):
                return replace(expr, operand=self.of(operand))
            case Listed(items):
                return Listed(tuple(map(self.of, items)))
            case Mapped(pairs):
                return Mapped(tuple((self.of(key), self.of(value)) for key, value in pairs))
            case Member(value, _):
                return replace(expr, value=self.of(value))
        return expr

    def call(self, expr: Call) -> Call:
        function = self.of(expr.function) if isinstance(expr.function, Call) else expr.function
        filled = [(name, absent, self.of(value)) for name, absent, value in _arguments(expr)]
        args = tuple(value for _, _, value in filled[: len(expr.args)])
        rest = {
            name: value
            for name, absent, value in filled[len(expr.args) :]
            if absent is None or value != Raw(absent)
        }
        given = [name for name, _ in expr.kwargs]
        order = sorted(rest, key=lambda name: _rank(name, given))
        return Call(function, args, tuple((name, rest[name]) for name in order))


def _rank(name: str, given: list[str]) -> tuple[int, int]:
    """Where an argument stands: as it did, or where layers have it."""
    if name in _ORDER:
        return _ORDER.index(name) - len(_ORDER), 0
    return (0, given.index(name)) if name in given and name != "name" else (1, name == "name")
