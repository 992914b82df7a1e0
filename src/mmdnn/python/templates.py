"""Calls written as Python, with names in the place of values that are known later.

    Template("times(left, right, output_rank=outputRank or 1)").fill(value, functions)

`value` says what a name stands for. What stands behind `or` is a default: an argument that has it is left
out, as is one that is None. `*names` are several arguments, `a if b else c` chooses, `core.size` is a name
as well, and `f(x)` within an argument is one of the given functions.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mmdnn.python.expressions import is_plain
from mmdnn.python.literals import Raw, literal

Value = Callable[[str, Any], Any]
"""What a name stands for, given its default: `MISSING` where it has none."""
MISSING: Any = object()
SYMBOLS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.USub: "-"}


class Filled(NamedTuple):
    """A call: of a function, or of an operator of Python's."""

    function: str
    args: list[Any]
    kwargs: dict[str, Any]


class Template:
    """A call, or an operator between two names."""

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text, mode="eval").body

    def fill(
        self, value: Value, functions: Mapping[str, Callable[..., Any]], written: Callable[..., Any]
    ) -> Filled:
        """The call with values in the place of names.

        Args:
            value: What a name stands for.
            functions: What templates may do with values.
            written: A value as an operand, to tell whether it is a default.
        """
        values = _Values(value, functions, written)
        match self.tree:
            case ast.BinOp(left, op, right):
                return Filled(SYMBOLS[type(op)], [values.of(left), values.of(right)], {})
            case ast.UnaryOp(op, operand):
                return Filled(SYMBOLS[type(op)], [values.of(operand)], {})
            case ast.Call(function, args, keywords):
                named = {str(one.arg): values.keyword(one.value) for one in keywords}
                given = {name: one for name, one in named.items() if one is not None}
                return Filled(ast.unparse(function), values.several(args), given)
        raise ValueError(ast.unparse(self.tree))


class _Values(NamedTuple):
    value: Value
    functions: Mapping[str, Callable[..., Any]]
    written: Callable[..., Any]

    def of(self, tree: ast.expr, default: Any = MISSING) -> Any:
        """What a part stands for."""
        match tree:
            case ast.Constant(value=constant):
                return constant
            case ast.Name() | ast.Attribute():
                return self.value(ast.unparse(tree), default)
            case ast.BoolOp(values=[first, second]):
                return self.of(first, self.of(second))
            case ast.IfExp(test, body, orelse):
                return self.of(body if self.of(test) else orelse)
            case ast.Call(ast.Name(function), args) if function in self.functions:
                return self.functions[function](*self.several(args))
            case ast.Tuple(elts):
                return tuple(map(self.of, elts))
            case ast.UnaryOp():
                return ast.literal_eval(tree)
        return Raw(ast.unparse(tree))

    def several(self, trees: list[ast.expr]) -> list[Any]:
        """Arguments; behind a star there may be any number."""
        found: list[Any] = []
        for tree in trees:
            found += self.of(tree.value) if isinstance(tree, ast.Starred) else [self.of(tree)]
        return found

    def keyword(self, tree: ast.expr) -> Any:
        """An argument; None where it is its default."""
        got = self.of(tree)
        if got is None or not isinstance(tree, ast.BoolOp):
            return got
        got, default = self.written(got), self.written(self.of(tree.values[1]))
        return None if is_plain(got) and literal(got) == literal(default) else got
