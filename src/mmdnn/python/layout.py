"""Laying out long lines as ruff and black do, for the few forms that generated code has.

A line that is too long is broken at its last bracket; the arguments of a call go onto one line of their
own if they fit, else, as the items of a list always do, each onto its own with a trailing comma
(https://docs.astral.sh/ruff/formatter/black/).
"""

from __future__ import annotations

import re

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
    terms = operators(_right_side(line))
    if opening < 0 or len(terms) > 2:
        return _parenthesised(line, indent, width)
    head, inside, tail = line[: opening + 1], line[opening + 1 : closing], line[closing:]
    if not inside.strip():
        return [line]
    inner = indent + INDENT
    if len(head) > width and " = " in head:
        targets, value = line.split(" = ", 1)
        if len(split(targets)) > 1:
            names = [f"{inner}{name}," for name in split(targets)]
            first, *rest = lay_out(f"{indent}_ = {value}", width=width)
            return [f"{indent}(", *names, first.replace("_", ")", 1), *rest]
        if len(f"{targets} = (") <= width:
            return _parenthesised(line, indent, width)
    items = split(inside)
    display = len(items) > 1 and not re.search(r"[\w)\]]$", head[:-1])
    if len(inner) + len(inside) <= width and not display:
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


def _right_side(line: str) -> str:
    for sign in (" = ", "return "):
        if sign in line:
            return line.split(sign, 1)[1]
    return line.strip()


LOOSEST_FIRST = (
    r" (?=if |else )",
    r" (?=or )",
    r" (?=and )",
    r" (?=(?:<=?|>=?|==|!=|in|is) )",
    r" (?=\| )",
    r" (?=\^ )",
    r" (?=& )",
    r" (?=(?:<<|>>) )",
    r" (?=[+-] )",
    r" (?=(?:\*|//?|%|@) )",
)
"""Where an expression may be broken: before its operators, those that bind least first."""


def operators(text: str) -> list[str]:
    """An expression broken before its loosest operators outside brackets; itself where there are none."""
    outside = _outside(text)
    for pattern in LOOSEST_FIRST:
        cuts = [match.end() for match in re.finditer(pattern, outside)]
        if cuts:
            ends = [*cuts[1:], len(text)]
            terms = [text[start:end].rstrip() for start, end in zip(cuts, ends, strict=True)]
            return [text[: cuts[0]].rstrip(), *terms]
    return [text]


def _outside(text: str) -> str:
    """The text with what stands in brackets or quotes blotted out."""
    kept, depth, quote = [], 0, ""
    for char in text:
        if quote:
            kept.append("_")
            quote = "" if char == quote else quote
        elif char in "\"'":
            kept.append("_")
            quote = char
        else:
            depth -= char in ")]}"
            kept.append(char if depth == 0 and char not in "()[]{}" else "_")
            depth += char in "([{"
    return "".join(kept)


def _parenthesised(line: str, indent: str, width: int) -> list[str]:
    """The right side in parentheses of its own, broken at its operators where it is too long."""
    inner = indent + INDENT
    for sign in (" = ", "return "):
        if sign in line:
            left, right = line.split(sign, 1)
            return [f"{left}{sign}(", *_terms(right, inner, width), f"{indent})"]
    terms = operators(line.strip())
    if len(terms) > 1:
        return [piece for term in terms for piece in lay_out(indent + term, width=width)]
    return [line]


def _terms(text: str, indent: str, width: int) -> list[str]:
    if len(indent) + len(text) <= width:
        return [indent + text]
    terms = operators(text)
    if len(terms) == 1:
        return lay_out(indent + text, width=width)
    return [piece for term in terms for piece in lay_out(indent + term, width=width)]
