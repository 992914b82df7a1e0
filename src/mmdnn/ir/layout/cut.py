"""A minimum cut of a graph with capacities, by Dinic's algorithm."""

from __future__ import annotations

from collections import deque


class Cut:
    """A graph between a source and a sink.

    Attributes:
        SOURCE: The node on whose side everything begins.
        SINK: The other end.
    """

    SOURCE, SINK = 0, 1
    INFINITE = 1 << 80

    def __init__(self) -> None:
        self._edges: list[list[int]] = [[], []]  # numbers of the edges that leave each node
        self._ends: list[int] = []
        self._free: list[int] = []

    def node(self) -> int:
        """A new node."""
        self._edges.append([])
        return len(self._edges) - 1

    def edge(self, a: int, b: int, capacity: int) -> None:
        """What it costs where `a` is on the source's side and `b` on the sink's."""
        for start, end, free in ((a, b, capacity), (b, a, 0)):
            self._edges[start].append(len(self._ends))
            self._ends.append(end)
            self._free.append(free)

    def sink_side(self) -> set[int]:
        """The nodes on the sink's side of a minimum cut; as few as there can be."""
        while (levels := self._levels(self.SOURCE, ahead=True))[self.SINK] >= 0:
            edges = [0] * len(self._edges)
            while self._push(levels, edges):
                pass
        reaching = self._levels(self.SINK, ahead=False)
        return {node for node, level in enumerate(reaching) if level >= 0}

    def _levels(self, start: int, *, ahead: bool) -> list[int]:
        """How far each node is from one, along edges with room left; -1 for out of reach."""
        levels = [-1] * len(self._edges)
        levels[start] = 0
        todo = deque([start])
        while todo:
            node = todo.popleft()
            for edge in self._edges[node]:
                end = self._ends[edge]
                if levels[end] < 0 and self._free[edge if ahead else edge ^ 1]:
                    levels[end] = levels[node] + 1
                    todo.append(end)
        return levels

    def _push(self, levels: list[int], tried: list[int]) -> bool:
        """Send as much as one more path takes; False where there is none."""
        path: list[int] = []
        node = self.SOURCE
        while node != self.SINK:
            edges = self._edges[node]
            while tried[node] < len(edges):
                edge = edges[tried[node]]
                if self._free[edge] and levels[self._ends[edge]] == levels[node] + 1:
                    break
                tried[node] += 1
            else:
                if not path:
                    return False
                node = self._ends[path.pop() ^ 1]
                tried[node] += 1
                continue
            path.append(edge)
            node = self._ends[edge]
        room = min(self._free[edge] for edge in path)
        for edge in path:
            self._free[edge] -= room
            self._free[edge ^ 1] += room
        return True
