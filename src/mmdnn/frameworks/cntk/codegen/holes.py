"""What may differ between two pieces of a network that are otherwise the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import NamedTuple

from mmdnn.frameworks.cntk.codegen.expressions import Target, call, called, owner
from mmdnn.frameworks.cntk.codegen.weights import Weight
from mmdnn.frameworks.cntk.graph import Variable
from mmdnn.python.expressions import Call, Code, Operand, is_plain
from mmdnn.python.literals import Raw, literal

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


def _arguments(x: Call) -> Iterator[tuple[str, str | None, Operand]]:
    """The arguments of a call, those left out too: name, default, value."""
    positions = _POSITIONS.get(_plain(x.function), ())
    for place, value in enumerate(x.args):
        yield (positions[place] if place < len(positions) else "value"), None, value
    defaults = DEFAULTS.get(_plain(x.function), {})
    given = dict(x.kwargs)
    if x.function.startswith("C."):
        defaults = {**defaults, "name": NAMELESS}
    for name, default in defaults.items():
        yield name, default, given.pop(name, Raw(default))
    for name, value in sorted(given.items()):
        yield name, None, value


def _parts(x: Operand) -> list[tuple[str, str | None, Operand]]:
    """What an expression is made of; see `_arguments`."""
    if isinstance(x, Call):
        return [*(("value", None, one) for one in called(x)), *_arguments(x)]
    return [("value", None, one) for one in x.operands] if isinstance(x, Code) else []


def holes(x: Operand, label: str = "value", default: str | None = None) -> Iterator[Hole]:
    """The literals of an expression, in order."""
    if is_plain(x):
        yield Hole(literal(x), label, default)
    for name, absent, value in _parts(x):
        yield from holes(value, name, absent)


def shape(x: Operand, place: Callable[[Target], str]) -> str:
    """An expression's text without its literals; variables as `place` says."""
    if is_plain(x):
        return "?"
    if isinstance(x, Weight):
        return f"w{x.name or ''}"
    if isinstance(x, Call):
        function = x.function.format(*(shape(one, place) for one in called(x)))
        given = (f"{name}={shape(value, place)}" for name, _, value in _arguments(x))
        return f"{function}({', '.join(given)})"
    if isinstance(x, Code):
        return f"({x.text.format(*(shape(one, place) for one in x.operands))})"
    return f"{place(x)}.{x.index if isinstance(x, Variable) else 0}"


def fill(x: Operand, fillings: Mapping[int, Operand], targets: Mapping[Target, Operand]) -> Operand:
    """An expression with other things in some of its holes, and for some variables."""
    numbers = count()

    def of(x: Operand) -> Operand:
        if is_plain(x):
            return fillings.get(next(numbers), x)
        if isinstance(x, Call):
            return filled(x)
        if isinstance(x, Code):
            return replace(x, operands=tuple(map(of, x.operands)))
        return x if isinstance(x, Weight) else targets.get(owner(x), x)

    def filled(x: Call) -> Call:
        function = [of(one) for one in called(x)]
        given = [(name, absent, of(value)) for name, absent, value in _arguments(x)]
        args = [value for _, _, value in given[: len(x.args)]]
        rest = {
            name: value
            for name, absent, value in given[len(x.args) :]
            if absent is None or not is_plain(value) or literal(value) != absent
        }
        order = sorted(rest, key=lambda name: _rank(name, x.keys))
        named = {name: rest[name] for name in order}
        return call(function[0] if function else x.function, *args, **named)

    return of(x)


def _rank(name: str, given: Sequence[str]) -> tuple[int, int]:
    """Where an argument stands: as it did, or where layers have it."""
    if name in _ORDER:
        return _ORDER.index(name) - len(_ORDER), 0
    return (0, given.index(name)) if name in given and name != "name" else (1, name == "name")
