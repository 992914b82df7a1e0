"""Laying out long lines as ruff and black do, for the few forms that generated code has.

A line that is too long is broken at its last bracket; what stands inside goes onto one line of its own if
it fits, else one item a line with a trailing comma (https://docs.astral.sh/ruff/formatter/black/).
"""

from __future__ import annotations

WIDTH = 88
INDENT = "    "


def lay_out(line: str, comment: str = "", width: int = WIDTH) -> list[str]:
    """One logical line as the lines it takes; a comment is kept only where it fits.

    Args:
        line: A statement with its indentation.
        comment: Words to stand behind it, without the hash.
        width: Columns at most.
    """
    if len(line) <= width:
        whole = f"{line}  # {comment}"
        return [whole] if comment and len(whole) <= width else [line]
    indent = line[: len(line) - len(line.lstrip())]
    opening, closing = _last_bracket(line)
    if opening < 0:
        return _parenthesised(line, indent, width)
    head, inside, tail = line[: opening + 1], line[opening + 1 : closing], line[closing:]
    if not inside.strip():
        return [line]
    if len(head) > width and " = " in head:
        return _parenthesised(line, indent, width)
    inner = indent + INDENT
    items = split(inside)
    if len(inner) + len(inside) <= width:
        return [head, inner + inside, indent + tail]
    comma = "," if len(items) > 1 else ""
    lines = [head]
    for item in items:
        lines += lay_out(f"{inner}{item}{comma}", width=width)
    return [*lines, indent + tail]


def split(text: str) -> list[str]:
    """The items of an argument list, split at its outermost commas."""
    items, depth, start, quote = [], 0, 0, ""
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[i - 1] != "\\" else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            items.append(text[start:i].strip())
            start = i + 1
    rest = text[start:].strip()
    return [*items, rest] if rest else items


def _last_bracket(line: str) -> tuple[int, int]:
    """The last bracket pair at the outermost level that has something inside."""
    depth, quote, opening, best = 0, "", -1, (-1, -1)
    for i, char in enumerate(line):
        if quote:
            quote = "" if char == quote and line[i - 1] != "\\" else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            if depth == 0:
                opening = i
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth == 0 and i > opening + 1:
                best = (opening, i)
    return best


def _parenthesised(line: str, indent: str, width: int) -> list[str]:
    """The right side in parentheses of its own."""
    for sign in (" = ", "return "):
        if sign in line:
            left, right = line.split(sign, 1)
            head = f"{left}{sign}(".rstrip() if sign != "return " else f"{left}return ("
            return [head, *lay_out(indent + INDENT + right, width=width), f"{indent})"]
    return [line]
