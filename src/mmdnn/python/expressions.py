"""Python expressions, before variables have names: text with holes for operands.

An operand is another expression, a plain Python value (a number, a string, `None`, a list of such, `Raw`
text), or anything else, which has a name when the expression is printed: a variable, a layer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import numpy as np

from mmdnn.python.literals import literal, native

ATOM, UNARY, POWER, PRODUCT, SUM, SHIFT, AND, XOR, OR, COMPARE, ANY = range(20, 9, -1)
"""How tightly an expression binds (https://docs.python.org/3/reference/expressions.html)."""

BINDS = {
    "**": POWER,
    **dict.fromkeys(("*", "/", "//", "%", "@"), PRODUCT),
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("<<", ">>"), SHIFT),
    "&": AND,
    "^": XOR,
    "|": OR,
    **dict.fromkeys(("<", "<=", ">", ">=", "=="), COMPARE),
}

T = TypeVar("T")
Operand: TypeAlias = Any
Names: TypeAlias = "Callable[[Any], str | Code]"
"""What stands for an operand that has a name: that name, or a whole expression."""
Record: TypeAlias = Callable[[Any, str], str]


@dataclass(frozen=True)
class Code:
    """An expression: `text` with `{0}`, `{1}`, ... for its operands.

    Attributes:
        text: The template; literal braces are doubled.
        operands: What goes into the holes.
        binds: How tightly the whole binds.
        needs: How tightly each operand must bind to stand without parentheses.
        variable: What it was assigned to before it was moved into another expression.
    """

    text: str
    operands: tuple[Operand, ...] = ()
    binds: int = ATOM
    needs: tuple[int, ...] = ()
    variable: Any = field(default=None, compare=False)

    def need(self, index: int) -> int:
        """How tightly that operand must bind."""
        return self.needs[index] if index < len(self.needs) else ANY

    def references(self, kind: type[T]) -> Iterator[T]:
        """Every operand that has a name and is of that kind, nested ones too, in order."""
        for operand in self.operands:
            if isinstance(operand, Code):
                yield from operand.references(kind)
            elif not is_plain(operand) and isinstance(operand, kind):
                yield operand


@dataclass(frozen=True)
class Call(Code):
    """A call.

    Attributes:
        function: What is called: `F.relu`, or with the first operand in it, `{0}` or `{0}.clamp`.
        keys: The names of the arguments that have one, which are the last.
    """

    function: str = ""
    keys: tuple[str, ...] = ()

    @property
    def args(self) -> tuple[Operand, ...]:
        """The arguments without a name."""
        return self.operands[self.function.count("{0}") : len(self.operands) - len(self.keys)]

    @property
    def kwargs(self) -> dict[str, Operand]:
        """The arguments that have a name."""
        return dict(
            zip(self.keys, self.operands[len(self.operands) - len(self.keys) :], strict=True)
        )


def is_plain(x: Operand) -> bool:
    """Whether it is a Python value."""
    return x is None or isinstance(x, (str, int, float, complex, list, tuple, dict))


def named(x: Operand) -> Iterator[Any]:
    """What has a name in an operand, each as often as it stands there."""
    if isinstance(x, Code):
        yield from x.references(object)
    elif not is_plain(x):
        yield x


def walk(x: Operand) -> Iterator[Code]:
    """The expressions that an operand is made of, itself included."""
    if isinstance(x, Code):
        yield x
        for one in x.operands:
            yield from walk(one)


def operand(x: Operand) -> Operand:
    """What may stand in an expression: lists, tuples and dicts of operands as code, arrays as numbers."""
    if isinstance(x, (np.generic, np.ndarray)):
        return native(x)
    if isinstance(x, dict):
        if all(is_plain(item) for pair in x.items() for item in pair):
            return x
        pairs = ", ".join(f"{{{2 * i}}}: {{{2 * i + 1}}}" for i in range(len(x)))
        return Code(f"{{{{{pairs}}}}}", tuple(operand(item) for pair in x.items() for item in pair))
    if not isinstance(x, (list, tuple)):
        return x
    items = tuple(map(operand, x))
    if all(map(is_plain, items)):
        return type(x)(items)
    holes = ", ".join(f"{{{i}}}" for i in range(len(items)))
    if isinstance(x, list):
        return Code(f"[{holes}]", items)
    return Code(f"({holes}{',' if len(items) == 1 else ''})", items)


def code(text: str, *operands: Operand, binds: int = ATOM, needs: Sequence[int] = ()) -> Code:
    """Any expression: `{0}`, `{1}`, ... are the operands."""
    return Code(text, tuple(map(operand, operands)), binds, tuple(needs))


def call(function: Operand, *args: Operand, **kwargs: Operand) -> Call:
    """`function(args, name=value)`, of a name or of what an operand stands for."""
    if isinstance(function, str):
        return _call(function, (), args, kwargs)
    return _call("{0}", (function,), args, kwargs)


def method(x: Operand, name: str, *args: Operand, **kwargs: Operand) -> Call:
    """`x.name(args, name=value)`."""
    return _call(f"{{0}}.{name}", (x,), args, kwargs)


def _call(
    function: str, of: tuple[Operand, ...], args: Sequence[Operand], kwargs: dict[str, Operand]
) -> Call:
    operands = (*of, *map(operand, args), *map(operand, kwargs.values()))
    names = [*[""] * len(args), *(f"{key}=" for key in kwargs)]
    parts = [f"{name}{{{len(of) + i}}}" for i, name in enumerate(names)]
    text = f"{function}({', '.join(parts)})"
    return Call(text, operands, needs=(ATOM,) * len(of), function=function, keys=tuple(kwargs))


def member(x: Operand, name: str) -> Code:
    """`x.name`."""
    return Code(f"{{0}}.{name}", (operand(x),), needs=(ATOM,))


def binary(symbol: str, a: Operand, b: Operand) -> Code:
    """`a symbol b`."""
    binds = BINDS[symbol]
    needs = (binds + (binds == COMPARE), binds + 1) if symbol != "**" else (ATOM, UNARY)
    return Code(f"{{0}} {symbol} {{1}}", (operand(a), operand(b)), binds, needs)


def unary(symbol: str, x: Operand) -> Code:
    """`symbol x`."""
    return Code(f"{symbol}{{0}}", (x,), UNARY, (UNARY,))


def text(x: Operand, names: Names, record: Record | None = None) -> str:
    """An operand on one line.

    Args:
        x: It.
        names: See `Names`.
        record: Wraps the text of what was moved into another expression.
    """
    return _text(x, names, record)[0]


def _text(x: Operand, names: Names, record: Record | None) -> tuple[str, int]:
    """An operand on one line, and how tightly it binds."""
    if is_plain(x):
        written = literal(x)
        return written, UNARY if written.startswith("-") else ATOM
    if not isinstance(x, Code):
        name = names(x)
        return (name, ATOM) if isinstance(name, str) else _text(name, names, record)
    parts = []
    for i, inner in enumerate(x.operands):
        written, binds = _text(inner, names, record)
        parts.append(f"({written})" if binds < x.need(i) else written)
    written, binds = x.text.format(*parts), x.binds
    if binds == POWER:
        written = SIMPLE_POWER.sub(r"\1**\2", written)
    if record is not None and x.variable is not None:
        return record(x.variable, written), ATOM
    return written, binds


SIMPLE_POWER = re.compile(r"^([\w.]+) \*\* (-?[\w.]+)$")
"""A power of names and numbers stands without blanks, as formatters have it."""
