"""How a function of CNTK's is written in Python: as a row, or by a function.

    "Times(right, left)": "times(left, right, output_rank=outputRank or 1)"

On the left are the operator's operands, and the attributes that must have a value (`...`: any) because no
argument sets them. On the right other names are attributes; what stands behind `or` is the default of
Python's function, with which the argument is left out. Attributes that nobody takes are refused.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk._catalogue import parts
from mmdnn.frameworks.cntk.codegen.statements import call
from mmdnn.frameworks.cntk.graph import Axis, Function
from mmdnn.python.expressions import Operand, binary, is_plain, unary
from mmdnn.python.literals import Raw, literal
from mmdnn.python.templates import MISSING, Template

Printer = Callable[..., Operand]
PRINTERS: dict[str, Printer] = {}

TABLES: dict[str, Mapping[Any, str]] = {
    "types": {1: "np.float32", 2: "np.float64", 4: "np.float16", 5: "np.int8", 6: "np.int16"},
    "poolings": {0: "C.MAX_POOLING", 1: "C.AVG_POOLING"},
    "paddings": {0: "C.ops.CONSTANT_PAD", 1: "C.ops.REFLECT_PAD", 2: "C.ops.SYMMETRIC_PAD"},
}
"""What numbers in attributes stand for."""
LATER = frozenset(
    {
        *("inferInputRankToMap", "sliceStrides", "sliceStridesVec", "rngSeed", "ceilOutDim"),
        *("includePad", "disableRegularization", "maxTempMemSizeInSamples", "groups"),
        *("sequenceUnpackSuppressMaskOutput", "sequenceAxis"),
    }
)
"""Attributes that files of early versions do not have: they are what Python makes them."""

_AXES = {
    graph.ALL_STATIC: "C.Axis.all_static_axes()",
    graph.END_STATIC: "C.Axis.new_leading_axis()",
    graph.ALL: "C.Axis.all_axes()",
}
_INFIX = {"+": "plus", "-": "minus", "*": "element_times", "/": "element_divide"}


def printer(*ops: str) -> Callable[[Printer], Printer]:
    """Register a function `(node, *inputs) -> expression` for primitive operators."""

    def register(function: Printer) -> Printer:
        PRINTERS.update(dict.fromkeys(ops, function))
        return function

    return register


class Node:
    """A function that is printed.

    Attributes:
        function: The function.
        op: Its operator.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self.op = function.op
        self._left = dict(function.attributes)

    def take(self, name: str, default: Any = MISSING) -> Any:
        """One of its attributes.

        Raises:
            FormatError: It has no such one, and there is no default.
        """
        if name in self._left or default is MISSING:
            self._left.pop(name, None)
            if name not in self.function.attributes:
                label, type_ = self.function.label, self.function.type
                raise FormatError(f"it has no attribute {name}", layer=label, operator=type_)
            return self.function.attributes[name]
        return default

    def only(self, **expected: Any) -> None:
        """Attributes that no argument sets: they must be what CNTK makes them; `...` is anything.

        Raises:
            UnsupportedError: One is something else.
        """
        for name, value in expected.items():
            given = self.take(name, value)
            same = all(one == value for one in given) if isinstance(given, tuple) else False
            if value is not ... and given != value and not same:
                self.refuse(f"its {name} cannot be set from Python")

    def done(self) -> None:
        """Raise UnsupportedError where an attribute is left."""
        if self._left:
            self.refuse(f"its attributes {', '.join(sorted(self._left))} are not known")

    def refuse(self, message: str) -> NoReturn:
        """Raise UnsupportedError with the function's name."""
        raise UnsupportedError(
            message, layer=self.function.label, operator=self.function.type
        ) from None

    def call(self, function: str, *args: Any, **kwargs: Any) -> Operand:
        """A call of a function of CNTK's, with this one's name where it has one.

        Args:
            function: Without "C."; "cntk_py.…" is in its C++ part alone, and has the name last.
            args: Expressions, or values of attributes.
            kwargs: The same; None is left out.
        """
        given = [self.argument(one) for one in args]
        named = {key: self.argument(one) for key, one in kwargs.items() if one is not None}
        if function.startswith("cntk_py."):
            return call(f"C.typemap(C.{function})", *given, self.function.name, **named)
        return call(f"C.{function}", *given, **named, name=self.function.name or None)

    def filled(self, template: Template, value: Callable[[str], Any]) -> Operand:
        """The expression that a row says.

        Args:
            template: The row's right side.
            value: What a name stands for; it raises KeyError for attributes.
        """

        def known(name: str, default: Any) -> Any:
            if name.startswith("C."):
                return Raw(name)
            of, _, attribute = name.rpartition(".")
            if not of:
                with suppress(KeyError):
                    return value(name)
            node = self if of in ("", "own") else value(of)
            return node.take(attribute, default if attribute in LATER else MISSING)

        tables = {name: partial(self.choice, name) for name in TABLES}
        try:
            function, args, kwargs = template.fill(known, FUNCTIONS | tables, self.argument)
        except ValueError as error:
            self.refuse(str(error))
        if function not in _INFIX:
            return self.call(function, *args, **kwargs)
        args = [self.argument(one) for one in args]
        if self.function.name or (len(args) == 2 and all(map(is_plain, args))):
            return self.call(_INFIX[function] if len(args) == 2 else "negate", *args)
        return binary(function, *args) if len(args) == 2 else unary(function, *args)

    def argument(self, value: Any) -> Operand:
        """A value as an operand; an axis as Python counts it."""
        if isinstance(value, Axis):
            return Raw(self.axis(value))
        if isinstance(value, list) and value and isinstance(value[0], Axis):
            return Raw(f"[{', '.join(map(self.axis, value))}]")
        return tuple(value) if isinstance(value, tuple) else value

    def choice(self, table: str, key: Any) -> Raw:
        """What a number in an attribute stands for."""
        if key not in TABLES[table]:
            self.refuse(f"CNTK's Python has no {key} among its {table}")
        return Raw(TABLES[table][key])

    def axis(self, axis: Axis) -> str:
        """An axis as CNTK's Python functions count it: negative from the front, else from the back."""
        if axis.is_dynamic:
            return dynamic_axis(axis)
        if axis.index == graph.UNKNOWN:
            self.refuse("its axis is not known")
        return _AXES.get(axis.index, str(-axis.index - 1))


def dynamic_axis(axis: Axis) -> str:
    """A dynamic axis as source."""
    if axis == graph.BATCH:
        return "C.Axis.default_batch_axis()"
    if axis == graph.SEQUENCE:
        return "C.Axis.default_dynamic_axis()"
    name = literal(axis.name)
    return f"C.Axis({name})" if axis.ordered else f"C.Axis({name}, False)"


def flags(value: Any) -> list[bool]:
    """`autoPadding` as Python has it: channels first."""
    return list(reversed(value))


def each(values: Any) -> Any:
    """One value for all axes where they are the same."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def steps(values: Any) -> tuple[int, ...] | None:
    """Strides or dilations, unless they are all 1."""
    return None if set(values) == {1} else tuple(values)


def is_whole(axes: list[Axis]) -> bool:
    """Whether the axes of a reduction are all, so that Python's functions keep none."""
    return len(axes) == 1 and axes[0].index in (graph.ALL_STATIC, graph.ALL)


def reduction_axes(axes: list[Axis]) -> Axis | list[Axis] | None:
    """Axes of a reduction as an argument; None where they are all static ones."""
    if len(axes) == 1:
        return None if axes[0].index == graph.ALL_STATIC else axes[0]
    return axes


def _whole(value: Any) -> int:
    """A number that Python's function takes as an integer."""
    if not isinstance(value, (int, float)) or not float(value).is_integer():
        raise ValueError("a number that must be whole is none")
    return int(value)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "int": lambda *value: _whole(*value) if value else None,
    "flags": lambda value: flags(value) if any(value) else None,
    "each": lambda value: None if value is None else each(value),
    "steps": steps,
    "axes": reduction_axes,
    "pairs": lambda one, other: list(zip(one, other, strict=True))[::-1],
}
"""What rows may do with values."""


def rows(table: Mapping[str, str]) -> None:
    """Register rows: how operators are written, by the operator with its operands."""
    for head, text in table.items():
        tree = ast.parse(head, mode="eval").body
        name, args, fixed = parts(tree)
        known = {str(key): ast.literal_eval(value) for key, value in fixed.items()}
        spread = isinstance(tree, ast.Name)
        printer(name)(_row([] if spread else args, known, text, spread=spread))


def _row(args: list[ast.expr], fixed: Mapping[str, Any], text: str, *, spread: bool) -> Printer:
    names = [ast.unparse(one) for one in args]
    template = Template(f"{text}(*inputs)" if spread else text)
    names = ["*inputs"] if spread else names
    count = sum(not name.startswith("*") for name in names)

    def make(node: Node, *inputs: Operand) -> Operand:
        if len(inputs) < count or (len(names) == count < len(inputs)):
            node.refuse(f"it has {len(inputs)} operands, not {count}: it is of another version")
        given: dict[str, Any] = dict(zip(names, inputs, strict=False))
        if len(names) > count:
            given[names[-1].lstrip("*")] = inputs[count:]
        node.only(**fixed)
        return node.filled(template, given.__getitem__)

    return make
