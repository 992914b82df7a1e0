"""Calls that fit their lines."""

from __future__ import annotations

from collections.abc import Sequence

from mmdnn.python.layout import WIDTH
from mmdnn.python.literals import docstring, string
from mmdnn.python.names import variable as identifier


def call(head: str, parts: Sequence[str], indent: int, tail: str = ")") -> list[str]:
    """`head` and what stands between its parentheses, broken as formatters do where it is long."""
    margin, inner = " " * indent, " " * (indent + 4)
    whole = f"{margin}{head}{', '.join(parts)}{tail}"
    if len(whole) <= WIDTH:
        return [whole]
    joined = f"{inner}{', '.join(parts)}"
    if len(joined) <= WIDTH:
        return [f"{margin}{head}", joined, f"{margin}{tail}"]
    return [f"{margin}{head}", *(f"{inner}{part}," for part in parts), f"{margin}{tail}"]


__all__ = ["WIDTH", "call", "docstring", "identifier", "string"]
