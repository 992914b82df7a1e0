"""Inlining local functions, and how large a model would be then.

Functions that call functions multiply: thirty of them, each of which calls the one before twice, are
1.7 KB, and a thousand million nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import onnx_ir as ir
from onnx_ir.passes import common

from mmdnn.errors import FormatError, UnsupportedError

MOST = 200_000
"""Nodes that a model may have when its functions are inlined; or ten times those that its file has."""
SPREAD = 10
LEVELS = 32
"""How deep calls may be nested to be inlined one level after the other, and not all at once."""

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


def inline(model: ir.Model, wanted: Callable[[ir.Function], bool]) -> None:
    """Replace calls by what the functions do, in place.

    Functions that call none first, then those that called only these, so that a function which is called
    often in a few others has its names made distinct in these, not for each call: onnx_ir counts up from 1
    for every name.

    Args:
        model: One that `check` lets pass.
        wanted: Which functions are inlined.
    """
    depths: dict[Key, int] = {}
    for key in _callees_first(model):
        called = {node.op_identifier() for node in model.functions[key].all_nodes()}
        depths[key] = 1 + max((depths.get(each, 0) for each in called), default=0)
    if max(depths.values(), default=0) > LEVELS:
        depths = dict.fromkeys(depths, 1)

    def chosen(depth: int, function: ir.Function) -> bool:
        return depths[function.identifier()] == depth and wanted(function)

    for depth in sorted(set(depths.values())):
        common.InlinePass(partial(chosen, depth))(model)


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
