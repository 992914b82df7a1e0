"""Python values as source text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mmdnn.ir.exporting import shortest


class Raw(str):
    """Text that stands in the source as it is, e.g. `torch.int64`."""

    __slots__ = ()


def literal(value: Any) -> str:
    """A value's text: a string, number, truth value or None, arrays, and lists, tuples, dicts of such."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, str):
        return string(value)
    if isinstance(value, (np.generic, np.ndarray)):
        return literal(native(value))
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    return repr(value)


def native(array: np.ndarray | np.generic) -> Any:
    """Numbers as Python's own, to be read back in their type.

    A float32 is the shortest decimal that gives it back. A half is exact: what computes with one, as
    torch, takes numbers as float32.
    """
    array = np.asarray(array)
    if array.ndim:
        return [native(item) for item in array]
    return shortest(float(array)) if array.dtype == np.float32 else array.item()


def string(text: str) -> str:
    """A string literal, in double quotes where it can be."""
    plain = repr(text)
    return plain if '"' in text else '"' + plain[1:-1].replace("\\'", "'") + '"'


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
