"""An order in which functions can be read or written down, loops in one piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mmdnn.frameworks.cntk.graph import Function, Variable

DELAYS = ("PastValue", "FutureValue")
"""What reads another frame of its sequence."""

Reads = Callable[[Function], Iterable[Variable]]


def components(roots: Iterable[Function], reads: Reads) -> list[list[Function]]:
    """Some functions and all that they need, in an order of dependence; loops come as one component.

    (Tarjan 1972, Depth-first search and linear graph algorithms.)
    """
    index: dict[Function, int] = {}
    low: dict[Function, int] = {}
    stack: list[Function] = []
    waiting: set[Function] = set()
    found: list[list[Function]] = []

    def enter(function: Function) -> tuple[Function, list[Function]]:
        index[function] = low[function] = len(index)
        stack.append(function)
        waiting.add(function)
        owners = [one.owner for one in reads(function) if one.owner is not None]
        return function, owners[::-1]

    for root in roots:
        work = [enter(root)] if root not in index else []
        while work:
            function, owners = work[-1]
            if owners:
                owner = owners.pop()
                if owner not in index:
                    work.append(enter(owner))
                elif owner in waiting:
                    low[function] = min(low[function], index[owner])
                continue
            work.pop()
            if work:
                parent = work[-1][0]
                low[parent] = min(low[parent], low[function])
            if low[function] == index[function]:
                component = [stack.pop()]
                while component[-1] is not function:
                    component.append(stack.pop())
                waiting.difference_update(component)
                found.append(component[::-1])
    return found


def is_loop(component: Sequence[Function], reads: Reads) -> bool:
    """Whether a component of functions reads its own past."""
    return len(component) > 1 or any(one.owner is component[0] for one in reads(component[0]))


def step(loop: Sequence[Function], reads: Reads) -> list[list[Function]]:
    """A loop's functions in the order of one frame: only what a delay reads may come after it."""
    inside = set(loop)

    def read(function: Function) -> list[Variable]:
        return [v for v in reads(function) if v.owner in inside and function.op not in DELAYS]

    return components(loop, read)
