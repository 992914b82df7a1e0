"""Layers that follow one another again and again, as a function."""

from __future__ import annotations

from mmdnn.frameworks.keras.graph import Model
from mmdnn.python.statements import Statement


class Blocks:
    """The functions of a model."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def folded(self, statements: list[Statement]) -> list[Statement]:
        """The statements, calls of the functions in place of what they do."""
        return statements

    def lines(self) -> list[str]:
        """The functions, line by line."""
        return []
