"""The arguments of PyTorch's operators and their defaults, from torch's own registry (`operators.json`).

    signature("conv2d")[0].arguments[3]     # Argument(name="stride", type="int[2]", default=[1, 1])

`tools/build_pytorch_operators.py` writes the table. https://docs.pytorch.org/docs/stable/torch.compiler_ir.html
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

MISSING = object()


class Argument(NamedTuple):
    """One argument of an operator: its name, its type as ATen writes it, and its default."""

    name: str
    type: str
    default: Any = MISSING
    keyword_only: bool = False

    @property
    def is_optional(self) -> bool:
        """Whether it may be None."""
        return self.type.endswith("?")

    @property
    def kind(self) -> str:
        """The type without "?" and the length of a list: "int[]" for "int[2]?"."""
        return re.sub(r"\[\d+\]", "[]", self.type.removesuffix("?"))


class Signature(NamedTuple):
    """One overload of an operator."""

    overload: str
    arguments: tuple[Argument, ...]

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
        """The arguments by name, defaults filled in; None where they do not fit."""
        plain = [argument for argument in self.arguments if not argument.keyword_only]
        if len(args) > len(plain):
            return None
        given = {argument.name: value for argument, value in zip(plain, args, strict=False)}
        if given.keys() & kwargs.keys() or not kwargs.keys() <= {a.name for a in self.arguments}:
            return None
        given.update(kwargs)
        found = {}
        for argument in self.arguments:
            value = given.get(argument.name, argument.default)
            if value is MISSING:
                return None
            found[argument.name] = value
        return found


@cache
def signatures(name: str) -> tuple[Signature, ...]:
    """The overloads of an operator, in the order in which torch tries them; none of an unknown one."""
    return tuple(
        Signature(o, tuple(_arguments(text))) for o, text in _table().get(name, {}).items()
    )


def overload(name: str, which: str) -> Signature | None:
    """One overload of an operator, "" being the default one."""
    return next((each for each in signatures(name) if each.overload == which), None)


@cache
def _table() -> dict[str, dict[str, str]]:
    path = Path(__file__).parent / "operators.json"
    found: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    return found


_CONSTANTS = {"contiguous_format": "contiguous", "Mean": 1, "long": 4, "strided": 0}


def _arguments(text: str) -> list[Argument]:
    found, keyword_only = [], False
    for part in re.split(r", (?![^\[]*\])", text) if text else []:
        if part == "*":
            keyword_only = True
            continue
        type_, _, rest = part.partition(" ")
        name, equals, said = rest.partition("=")
        default = _value(said) if equals else MISSING
        found.append(Argument(name, type_, default, keyword_only))
    return found


def _value(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
