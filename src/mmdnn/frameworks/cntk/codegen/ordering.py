"""An order in which functions can be written down, loops in one piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mmdnn.frameworks.cntk.graph import Function, Variable

DELAYS = ("PastValue", "FutureValue")
Reads = Callable[[Function], Iterable[Variable]]


def components(roots: Iterable[Function], reads: Reads) -> list[list[Function]]:
    """Some functions and all that they need, in an order of dependence; loops come in one piece.

    Within a loop, what a delay reads may come after it.
    (Tarjan 1972, Depth-first search and linear graph algorithms.)

    Args:
        roots: The functions to begin with.
        reads: What a function reads.
    """
    index: dict[Function, int] = {}
    low: dict[Function, int] = {}
    stack: list[Function] = []
    done: set[Function] = set()
    found: list[list[Function]] = []
    for root in roots:
        work: list[tuple[Function, list[Function]]] = []
        pending: Function | None = root if root not in index else None
        while pending is not None or work:
            if pending is not None:
                index[pending] = low[pending] = len(index)
                stack.append(pending)
                work.append((pending, _owners(pending, reads)[::-1]))
                pending = None
            function, owners = work[-1]
            if owners:
                owner = owners.pop()
                if owner not in index:
                    pending = owner
                elif owner not in done:
                    low[function] = min(low[function], index[owner])
                continue
            work.pop()
            if work:
                parent = work[-1][0]
                low[parent] = min(low[parent], low[function])
            if low[function] == index[function]:
                component = _pop(stack, function)
                done.update(component)
                found.append(_within(component))
    return found


def _pop(stack: list[Function], first: Function) -> list[Function]:
    component = [stack.pop()]
    while component[-1] is not first:
        component.append(stack.pop())
    return component[::-1]


def _owners(function: Function, reads: Reads) -> list[Function]:
    return [one.owner for one in reads(function) if one.owner is not None]


def _within(component: list[Function]) -> list[Function]:
    """A loop's functions: only what a delay reads may come after it."""
    if len(component) == 1:
        return component
    members = dict.fromkeys(component)
    order: dict[Function, None] = {}
    seen: set[Function] = set()
    pending = [(one, False) for one in reversed(component)]
    while pending:
        function, leaving = pending.pop()
        if leaving:
            order[function] = None
        elif function not in seen:
            seen.add(function)
            pending.append((function, True))
            if function.op not in DELAYS:
                owners = [one.owner for one in function.inputs if one.owner in members]
                pending += [(one, False) for one in reversed(owners) if one is not None]
    return list(order)


def is_loop(component: list[Function]) -> bool:
    """Whether the functions read what they compute."""
    return len(component) > 1 or any(one.owner is component[0] for one in component[0].inputs)
