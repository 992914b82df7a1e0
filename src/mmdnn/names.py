"""Free names: the one that is wanted, or with a number where it is taken."""

from __future__ import annotations

from collections.abc import Container
from itertools import count


def free(name: str, taken: Container[str], first: int = 1) -> str:
    """The name, or the first of `name_1`, `name_2`, ... that is not taken.

    Args:
        name: What is wanted.
        taken: The names that are used already.
        first: The number that comes first.
    """
    if name not in taken:
        return name
    return next(other for i in count(first) if (other := f"{name}_{i}") not in taken)


def take(name: str, taken: set[str], first: int = 1) -> str:
    """A free name, see `free`; it joins those that are taken."""
    found = free(name, taken, first)
    taken.add(found)
    return found
