"""Functions that generated source carries with it, where torch has no single call.

Each module here is ordinary, tested code; `sources` gives the text of the functions
asked for, and of those they call. A function may use `torch`, `F`
(torch.nn.functional), `math` and other helpers only.
"""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path


@cache
def _functions() -> dict[str, tuple[str, frozenset[str]]]:
    """Every helper: its source, and the names it uses."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for module in pkgutil.iter_modules(__path__):
        spec = importlib.util.find_spec(f"{__name__}.{module.name}")
        assert spec is not None
        assert spec.origin is not None
        text = Path(spec.origin).read_text(encoding="utf-8")
        lines = text.splitlines()
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef):
                segment = "\n".join(lines[node.lineno - 1 : node.end_lineno])
                used = {i.id for i in ast.walk(node) if isinstance(i, ast.Name)}
                found[node.name] = (segment, frozenset(used))
    return found


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
        for used in sorted(table[name][1] & (table.keys() - {name})):
            visit(used)
        ordered.append(name)

    for name in names:
        visit(name)
    return [table[name][0] for name in ordered]
