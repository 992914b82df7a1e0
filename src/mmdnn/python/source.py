"""Python text: calls that fit their lines, string literals, names.

What the generators of source code share.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Sequence

WIDTH = 88
"""The line length that formatters agree on."""


def docstring(text: str, indent: int = 0) -> str:
    """A docstring's lines."""
    safe = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    safe = "".join(
        sign if sign.isprintable() or sign == "\n" else repr(sign)[1:-1] for sign in safe
    )
    safe = f'{safe[:-1]}\\"' if safe.endswith('"') else safe
    margin = " " * indent
    lines = [f"{margin}{line}".rstrip() for line in safe.splitlines()]
    lines[0] = f'{margin}"""{lines[0].lstrip()}'
    return "\n".join([*lines, f'{margin}"""'] if len(lines) > 1 else [f'{lines[0]}"""'])


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


def string(text: str) -> str:
    """A string literal, in double quotes where it can be."""
    plain = repr(text)
    return plain if '"' in text else '"' + plain[1:-1].replace("\\'", "'") + '"'


def identifier(name: str, taken: set[str], reserved: Collection[str] = ()) -> str:
    """A variable's name made of a layer's; it joins those that are taken.

    Args:
        name: Any text.
        taken: The names that are used already.
        reserved: Names that mean something else there.
    """
    base = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    base = base.lower() if base.isupper() and len(base) == 1 else base
    if not base or base[0].isdigit():
        base = f"x{base}"
    if keyword.iskeyword(base) or keyword.issoftkeyword(base) or base in reserved:
        base = f"{base}_"
    candidate, count = base, 1
    while candidate in taken:
        count += 1
        candidate = f"{base}_{count}"
    taken.add(candidate)
    return candidate
