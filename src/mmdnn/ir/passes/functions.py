"""How large a model is once its local functions are inlined, before they are.

Functions that call functions multiply: thirty of them, each of which calls the one before twice, are
1.7 KB, and a thousand million nodes.
"""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError

MOST = 200_000
"""Nodes that a model may have when its functions are inlined; or ten times those that its file has."""
SPREAD = 10

Key = tuple[str, str, str]


def check(model: ir.Model) -> None:
    """Refuse a model that cannot be inlined.

    Raises:
        FormatError: A function calls itself.
        UnsupportedError: Inlining makes more nodes than can be meant.
    """
    if not model.functions:
        return
    counts: dict[Key, int] = {}
    for key in _callees_first(model):
        counts[key] = _count(model.functions[key], counts)
    total = _count(model.graph, counts)
    roots: list[ir.Graph | ir.Function] = [model.graph, *model.functions.values()]
    stored = sum(len(list(root.all_nodes())) for root in roots)
    if total > max(MOST, SPREAD * stored):
        raise UnsupportedError(
            f"its local functions call each other so often that it would have {total:,} nodes"
        )


def _count(root: ir.Graph | ir.Function, counts: dict[Key, int]) -> int:
    return sum(counts.get(node.op_identifier(), 1) for node in root.all_nodes())


def _callees_first(model: ir.Model) -> list[Key]:
    """The functions, each behind those that it calls."""
    order: dict[Key, None] = {}
    open_: dict[Key, None] = {}
    for start in model.functions:
        stack = [(start, False)]
        while stack:
            key, left = stack.pop()
            if left:
                del open_[key]
                order[key] = None
            elif key in open_:
                raise FormatError(f"the function '{key[1]}' calls itself")
            elif key not in order:
                open_[key] = None
                stack.append((key, True))
                called = {node.op_identifier() for node in model.functions[key].all_nodes()}
                stack += [(each, False) for each in called if each in model.functions]
    return list(order)
