"""Names of variables, made of those that layers have."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Collection, Sequence

from mmdnn.names import take

RESERVED = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "l", "O", "I"})
"""What no variable is called: words of the language, its own functions, and what is hard to read."""


def identifier(name: str, longest: int | None = None) -> str:
    """An identifier as close to a name as can be.

    Args:
        name: Any text.
        longest: How many characters it may have.
    """
    text = re.sub(r"\W+", "_", name, flags=re.ASCII)[:longest].strip("_") or "value"
    return f"n{text}" if text[0].isdigit() else text


def variable(name: str, taken: set[str], reserved: Collection[str] = ()) -> str:
    """A variable's name made of a layer's; it joins those that are taken.

    Args:
        name: Any text.
        taken: The names that are used already.
        reserved: Names that mean something else there, besides `RESERVED`.
    """
    base = identifier(name)
    base = base.lower() if len(base) == 1 else base
    return take(f"{base}_" if base in RESERVED or base in reserved else base, taken, 2)


def numbered(names: Sequence[str]) -> tuple[str, int, int] | None:
    """What names that end in numbers one after the other begin with, and the range of these."""
    found = [re.fullmatch(r"(\w*_)(\d{1,6})", name, re.ASCII) for name in names]
    pairs = [(one[1], int(one[2])) for one in found if one is not None]
    prefix, begin = pairs[0] if pairs else ("", 0)
    wanted = [(prefix, begin + place) for place in range(len(names))]
    return (prefix, begin, begin + len(names)) if pairs == wanted else None
