"""Functions that generated source carries with it, where torch has no single call.

Each module here is ordinary, tested code; `sources` gives the text of the functions
asked for, and of those they call. A function may use `torch`, `F`
(torch.nn.functional), `math` and other helpers only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path


@cache
def _functions() -> dict[str, str]:
    """The source of every helper."""
    texts = [
        path.read_text(encoding="utf-8")
        for path in sorted(Path(__file__).parent.glob("[!_]*.py"))
    ]
    blocks = [block.strip() for text in texts for block in text.split("\n\n\n")]
    heads = [re.match(r"def (\w+)", block) for block in blocks]
    return {
        head[1]: block
        for head, block in zip(heads, blocks, strict=True)
        if head is not None
    }


def helper_names() -> frozenset[str]:
    """The names of all helpers."""
    return frozenset(_functions())


def sources(names: Sequence[str]) -> list[str]:
    """The source of these helpers and of those they call, callees first."""
    table = _functions()
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name in ordered:
            return
        used = {
            inner.id
            for inner in ast.walk(ast.parse(table[name]))
            if isinstance(inner, ast.Name)
        }
        for callee in sorted(used & (table.keys() - {name})):
            visit(callee)
        ordered.append(name)

    for name in names:
        visit(name)
    return [table[name] for name in ordered]
