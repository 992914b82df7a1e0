"""The table of primitive operators, and what the function that prints one is given.

    @printer("Clip")
    def clip(node, x, low, high):
        return node.call("C.clip", x, low, high)

A function gets the node and an expression for each input. Attributes that nobody takes are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, Raw, call, literal
from mmdnn.frameworks.cntk.graph import Axis, Function

Printer = Callable[..., Expr]
PRINTERS: dict[str, Printer] = {}

DTYPES = {
    ir.DataType.FLOAT: "np.float32",
    ir.DataType.DOUBLE: "np.float64",
    ir.DataType.FLOAT16: "np.float16",
    ir.DataType.INT8: "np.int8",
    ir.DataType.INT16: "np.int16",
}
"""CNTK's types of numbers, as its Python functions take them."""
CODES = {1: "np.float32", 2: "np.float64", 4: "np.float16", 5: "np.int8", 6: "np.int16"}
"""The same, by the numbers that attributes hold."""

_MISSING: Any = object()
_AXES = {
    graph.ALL_STATIC: "C.Axis.all_static_axes()",
    graph.END_STATIC: "C.Axis.new_leading_axis()",
    graph.ALL: "C.Axis.all_axes()",
}


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

    def take(self, name: str, default: Any = _MISSING) -> Any:
        """One of its attributes.

        Raises:
            FormatError: It has no such one, and there is no default.
        """
        if name in self._left or default is _MISSING:
            found = self.function.attribute(name)
            self._left.pop(name, None)
            return found
        return default

    def drop(self, *names: str) -> None:
        """Attributes that CNTK works out again."""
        for name in names:
            self._left.pop(name, None)

    def only(self, **expected: Any) -> None:
        """Attributes that no argument sets: they must be what CNTK makes them.

        Raises:
            UnsupportedError: One is something else.
        """
        for name, value in expected.items():
            if self.take(name, value) != value:
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

    def call(self, function: str, *args: Expr, **kwargs: Expr | None) -> Call:
        """A call with the function's name, where it has one."""
        name = literal(self.function.name) if self.function.name else None
        return call(function, *args, **kwargs, name=name)

    def internal(self, function: str, *args: Expr) -> Call:
        """A call of what CNTK's Python has in its C++ part alone; its last argument is the name."""
        return call(Raw(f"C.typemap(C.cntk_py.{function})"), *args, literal(self.function.name))

    def optional(self, name: str, default: Any, *, absent: Any = _MISSING) -> Raw | None:
        """An attribute as an argument; None where it is the default of CNTK's Python function."""
        value = self.take(name, absent)
        return None if value == default else literal(plain(value))

    def axis(self, name: str = "axis") -> Raw:
        """An attribute that is an axis, as Python counts it."""
        return python_axis(self.take(name), self)


def plain(value: Any) -> Any:
    """A value without classes of its own: a shape as a tuple."""
    return tuple(value) if isinstance(value, tuple) else value


def python_axis(axis: Axis, node: Node) -> Raw:
    """An axis as CNTK's Python functions count it: from the front, or from the back where negative."""
    if axis.is_dynamic:
        if axis == graph.BATCH:
            return Raw("C.Axis.default_batch_axis()")
        return Raw(dynamic_axis(axis))
    if axis.index in _AXES:
        return Raw(_AXES[axis.index])
    if axis.index == graph.UNKNOWN:
        node.refuse("its axis is not known")
    return Raw(str(-axis.index - 1))


def dynamic_axis(axis: Axis) -> str:
    """A dynamic axis as source."""
    if axis == graph.BATCH:
        return "C.Axis.default_batch_axis()"
    if axis == graph.SEQUENCE:
        return "C.Axis.default_dynamic_axis()"
    name = literal(axis.name).text
    return f"C.Axis({name})" if axis.ordered else f"C.Axis({name}, False)"


def dtype_of(code: object, node: Node) -> Raw:
    """A type of numbers, by CNTK's number for it."""
    found: Mapping[Any, str] = CODES
    if code not in found:
        node.refuse(f"CNTK's Python has no type {code}")
    return Raw(found[code])
