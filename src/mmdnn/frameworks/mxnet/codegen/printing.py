"""Python text: what a variable may not be called here."""

from __future__ import annotations

from mmdnn.python import source as python_source
from mmdnn.python.source import WIDTH, call, docstring, string


def identifier(name: str, taken: set[str]) -> str:
    """A variable's name made of a layer's."""
    return python_source.identifier(name, taken, RESERVED)


RESERVED = {"mx", "network", "load", "train", "inf", "list", "dict", "input", "id", "l", "O", "I"}

__all__ = ["RESERVED", "WIDTH", "call", "docstring", "identifier", "string"]
