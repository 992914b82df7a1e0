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

        def of(tree: ast.expr, default: Any = MISSING) -> Any:
            match tree:
                case ast.Constant(value=constant):
                    return constant
                case ast.Name() | ast.Attribute():
                    return value(ast.unparse(tree), default)
                case ast.BoolOp(values=[first, second]):
                    return of(first, of(second))
                case ast.IfExp(test, body, orelse):
                    return of(body if of(test) else orelse)
                case ast.Call(ast.Name(function), args) if function in functions:
                    return functions[function](*several(args))
                case ast.Tuple(elts):
                    return tuple(map(of, elts))
                case ast.UnaryOp():
                    return ast.literal_eval(tree)
            return Raw(ast.unparse(tree))

        def several(trees: list[ast.expr]) -> list[Any]:
            whole = (
                (tree, of(tree.value if isinstance(tree, ast.Starred) else tree)) for tree in trees
            )
            return [
                x for tree, got in whole for x in (got if isinstance(tree, ast.Starred) else [got])
            ]

        def keyword(tree: ast.expr) -> Any:
            got = of(tree)
            if got is None or not isinstance(tree, ast.BoolOp):
                return got
            got, default = written(got), written(of(tree.values[1]))
            return None if is_plain(got) and literal(got) == literal(default) else got

        match self.tree:
            case ast.BinOp(left, op, right):
                return Filled(SYMBOLS[type(op)], [of(left), of(right)], {})
            case ast.UnaryOp(op, operand):
                return Filled(SYMBOLS[type(op)], [of(operand)], {})
            case ast.Call(function, args, keywords):
                named = {str(one.arg): keyword(one.value) for one in keywords}
                given = {name: one for name, one in named.items() if one is not None}
                return Filled(ast.unparse(function), several(args), given)
        raise ValueError(ast.unparse(self.tree))


__all__ = ["MISSING", "Filled", "Template", "Value"]
