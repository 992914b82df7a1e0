"""What may differ between two pieces of a network that are otherwise the same."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import NamedTuple

from mmdnn.frameworks.cntk.codegen.expressions import Expr, Raw, Ref, Target, called, rebuilt
from mmdnn.frameworks.cntk.codegen.weights import Weight
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


def _arguments(expr: ast.Call) -> Iterator[tuple[str, str | None, Expr]]:
    """The arguments of a call, those left out too: name, default, value."""
    function = called(expr)
    positions = _POSITIONS.get(_plain(function), ())
    for place, value in enumerate(expr.args):
        yield (positions[place] if place < len(positions) else "value"), None, value
    defaults = DEFAULTS.get(_plain(function), {})
    given = {str(one.arg): one.value for one in expr.keywords}
    if function.startswith("C."):
        defaults = {**defaults, "name": NAMELESS}
    for name, default in defaults.items():
        yield name, default, given.pop(name, Raw(default))
    for name, value in sorted(given.items()):
        yield name, None, value


def holes(expr: ast.AST, label: str = "value", default: str | None = None) -> Iterator[Hole]:
    """The literals of an expression, in order."""
    if isinstance(expr, Raw):
        yield Hole(expr.id, label, default)
    elif isinstance(expr, ast.Call):
        if not isinstance(expr.func, Raw):
            yield from holes(expr.func)
        for name, absent, value in _arguments(expr):
            yield from holes(value, name, absent)
    else:
        for one in ast.iter_child_nodes(expr):
            yield from holes(one)


def shape(expr: Expr, place: Callable[[Target], str]) -> str:
    """An expression's text without its literals; variables as `place` says."""

    def written(part: ast.AST) -> Expr | None:
        match part:
            case Raw():
                return Raw("?")
            case Ref(target=target):
                index = target.index if isinstance(target, Variable) else 0
                return Raw(f"{place(target)}.{index}")
            case Weight(name=name):
                return Raw(f"w{name or ''}")
            case ast.Call(func=function):
                inner = function.id if isinstance(function, Raw) else shape(function, place)
                given = (f"{name}={shape(one, place)}" for name, _, one in _arguments(part))
                return Raw(f"{inner}({', '.join(given)})")
        return None

    return ast.unparse(rebuilt(expr, written))


def fill(expr: Expr, fillings: Mapping[int, Expr], targets: Mapping[Target, Expr]) -> Expr:
    """An expression with other things in some of its holes, and for some variables."""
    numbers = count()

    def of(part: ast.AST) -> Expr | None:
        match part:
            case Raw():
                return fillings.get(next(numbers), part)
            case Ref(target=Variable(owner=Function() as owner)) if owner in targets:
                return targets[owner]
            case Ref(target=target):
                return targets.get(target, part)
            case Weight():
                return part
            case ast.Call():
                return _filled(part, lambda one: rebuilt(one, of))
        return None

    found: Expr = rebuilt(expr, of)
    return found


def _filled(expr: ast.Call, of: Callable[[Expr], Expr]) -> ast.Call:
    function = expr.func if isinstance(expr.func, Raw) else of(expr.func)
    filled = [(name, absent, of(value)) for name, absent, value in _arguments(expr)]
    args = [value for _, _, value in filled[: len(expr.args)]]
    rest = {
        name: value
        for name, absent, value in filled[len(expr.args) :]
        if absent is None or not isinstance(value, Raw) or value.id != absent
    }
    given = [str(one.arg) for one in expr.keywords]
    order = sorted(rest, key=lambda name: _rank(name, given))
    keywords = [ast.keyword(arg=name, value=rest[name]) for name in order]
    return ast.Call(func=function, args=args, keywords=keywords)


def _rank(name: str, given: list[str]) -> tuple[int, int]:
    """Where an argument stands: as it did, or where layers have it."""
    if name in _ORDER:
        return _ORDER.index(name) - len(_ORDER), 0
    return (0, given.index(name)) if name in given and name != "name" else (1, name == "name")
