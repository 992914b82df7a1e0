"""Loops over the past or the future."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk.graph import Function


def recurrence(lowering: Any, component: Sequence[Function]) -> None:
    """Import a loop.

    Raises:
        UnsupportedError: Always, for now.
    """
    first = component[0]
    raise UnsupportedError("it is in a loop", layer=first.label, operator=first.type)
