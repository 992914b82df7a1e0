"""The choice of an order for every value, by minimum cuts.

Each node has a mode. A proposal is what follows for the nodes around one of them from its mode: all that is
computed from an image by operators that take any order has the order of the convolution that made it. The
best mixture of the modes there are and those of a proposal is a minimum cut: a node on the sink's side takes
the proposal's. A cut costs what is then transposed: for each value, the orders in which it is wanted and not
made. With two orders in question the result is the least there is; with more, no proposal makes it less.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import onnx_ir as ir

from mmdnn.ir.layout.cut import Cut
from mmdnn.ir.layout.order import Order, axes_of, is_known, is_whole
from mmdnn.ir.layout.rules import Boundary, Mode, Port, Rule

T = TypeVar("T")

PROPOSALS = 64
"""Proposals that are tried, at most."""


class Again(Generic[T]):
    """What an iterator gives, made when it is first asked for, and given again."""

    def __init__(self, items: Iterator[T]) -> None:
        self.made: list[T] = []
        self.items = items

    def __iter__(self) -> Iterator[T]:
        yield from list(self.made)
        for item in self.items:
            self.made.append(item)
            yield item


@dataclass(frozen=True)
class End:
    """A port of a rule."""

    rule: int
    port: int


class Choice:
    """The modes of all nodes.

    Args:
        rules: Of the graph's nodes, inputs and outputs; the last two take other orders only where an
            operator over images brings them.

    Attributes:
        modes: What is chosen.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.modes: list[Mode] = [rule.first for rule in rules]
        self._makers: dict[ir.Value, End] = {}
        self._readers: dict[ir.Value, list[End]] = defaultdict(list)
        for number, rule in enumerate(rules):
            for place, port in enumerate(rule.ports):
                if port.place < 0:
                    self._makers[port.value] = End(number, place)
                else:
                    self._readers[port.value].append(End(number, place))
        sizes = {value: _size(value) for value in self._makers}
        most = sum(sizes.values()) * max(map(len, self._readers.values()), default=1) + 1
        least = len(rules) + 1  # more than all modes together, where each counts 1
        self._weights = {value: least * (most + size) for value, size in sizes.items()}

    def improve(self) -> None:
        """Take what is best of each proposal, until none makes it better or nothing is transposed."""
        none = min(self._weights.values(), default=0)
        least, better, proposals = self.cost(self.modes), True, Again(self._proposals())
        while better and least >= none:
            better = False
            for proposal in proposals:
                modes = self._mixed(proposal)
                cost = self.cost(modes)
                if cost < least:
                    self.modes, least, better = modes, cost, True
                if least < none:
                    return

    def cost(self, modes: Sequence[Mode]) -> int:
        """What is transposed: the number first, then the size; then how many nodes see axes in parts."""
        total = sum(map(_is_split, modes))
        for value, weight in self._weights.items():
            made = self._order(self._makers[value], modes)
            wanted = {self._order(end, modes) for end in self._readers[value]}
            total += weight * len(wanted - {made})
        return total

    def _port(self, end: End) -> Port:
        return self.rules[end.rule].ports[end.port]

    def _order(self, end: End, modes: Sequence[Mode] | Mapping[int, Mode]) -> Order:
        return self._port(end).made(modes[end.rule][end.port])

    def _proposals(self) -> Iterator[dict[int, Mode]]:
        """From all operators over images together; then from each with a mode, and where these meet."""
        numbers = range(len(self.rules))
        images = {n: self.rules[n].first for n in numbers if self.rules[n].bound}
        seeds = deque([images] if images else [])
        seeds += ({n: self.rules[n].first} for n in sorted(numbers, key=lambda n: n not in images))
        found: list[dict[int, Mode]] = []
        while seeds and len(found) < PROPOSALS:
            seed = seeds.popleft()
            if not any(each.items() >= seed.items() for each in found):
                proposal, others = self._followed(seed)
                found.append(proposal)
                seeds += others
                yield proposal

    def _followed(self, seed: dict[int, Mode]) -> tuple[dict[int, Mode], list[dict[int, Mode]]]:
        """The modes that follow from some; and those that do too, of nodes that have another already."""
        images = any(self.rules[number].bound for number in seed)
        found, todo = dict(seed), deque(seed)
        others: list[dict[int, Mode]] = []
        while todo:
            number = todo.popleft()
            for place, port in enumerate(self.rules[number].ports):
                order = port.made(found[number][place])
                for end in self._around(port.value):
                    follower = self._port(end)
                    new = self.rules[end.rule].follow(end.port, follower.seen(order))
                    if new is None or not self._is_possible(end.rule, new, images=images):
                        continue
                    if end.rule not in found:
                        found[end.rule] = new
                        todo.append(end.rule)
                    elif found[end.rule] != new:
                        others.append({end.rule: new})
        return found, others

    def _is_possible(self, number: int, mode: Mode, *, images: bool) -> bool:
        ports = self.rules[number].ports
        if isinstance(self.rules[number], Boundary) and not images:
            return mode == self.rules[number].first
        return all(is_known(order, port.factors) for order, port in zip(mode, ports, strict=True))

    def _around(self, value: ir.Value) -> Iterable[End]:
        maker = self._makers.get(value)
        return [*([maker] if maker else []), *self._readers[value]]

    def _mixed(self, proposal: Mapping[int, Mode]) -> list[Mode]:
        """The cheapest mixture of the modes that there are with those of a proposal."""
        cut = Cut()
        nodes = {
            number: cut.node() for number, mode in proposal.items() if mode != self.modes[number]
        }
        for number, node in nodes.items():
            now, then = _is_split(self.modes[number]), _is_split(proposal[number])
            if then > now:
                cut.edge(cut.SOURCE, node, 1)
            elif now > then:
                cut.edge(node, cut.SINK, 1)
        touched = {port.value: None for number in nodes for port in self.rules[number].ports}
        for value in touched:
            if value in self._makers:
                self._add(cut, nodes, proposal, value)
        taken = cut.sink_side()
        return [
            proposal[number] if nodes.get(number, -1) in taken else mode
            for number, mode in enumerate(self.modes)
        ]

    def _add(
        self, cut: Cut, nodes: Mapping[int, int], proposal: Mapping[int, Mode], value: ir.Value
    ) -> None:
        """What it costs to have a value in the orders that its readers want."""
        maker, weight = self._makers[value], self._weights[value]
        now, then = self._both(maker, nodes, proposal)
        wishes = [
            (nodes.get(end.rule), *self._both(end, nodes, proposal)) for end in self._readers[value]
        ]
        for order in {order for _, *both in wishes for order in both}:
            keep = [node for node, a, b in wishes if node and a == order != b]
            take = [node for node, a, b in wishes if node and b == order != a]
            always = any(a == b == order for _, a, b in wishes)
            made_now, made_then = now == order, then == order
            if made_now and made_then:
                continue
            node = nodes.get(maker.rule, 0)
            if made_now:  # it costs where the maker changes
                self._pay(cut, weight, keep=[] if always else keep, begin=None, end=node)
                self._pay(cut, weight, take=[] if always else take)
                if always:
                    cut.edge(cut.SOURCE, node, weight)
            elif made_then:
                self._pay(cut, weight, take=[] if always else take, begin=node, end=None)
                self._pay(cut, weight, keep=[] if always else keep)
                if always:
                    cut.edge(node, cut.SINK, weight)
            elif not always:
                self._pay(cut, weight, keep=keep)
                self._pay(cut, weight, take=take)

    def _both(
        self, end: End, nodes: Mapping[int, int], proposal: Mapping[int, Mode]
    ) -> tuple[Order, Order]:
        """The order at a port now, and with the proposal."""
        now = self._order(end, self.modes)
        return now, self._order(end, proposal) if end.rule in nodes else now

    @staticmethod
    def _pay(
        cut: Cut,
        weight: int,
        keep: Sequence[int] = (),
        take: Sequence[int] = (),
        begin: int | None = None,
        end: int | None = None,
    ) -> None:
        """Once for any of those that keep their mode (where `end` takes), or take (where `begin` keeps)."""
        middle = cut.node() if keep or take else 0
        for node in keep:
            cut.edge(node, middle, cut.INFINITE)
        if keep:
            cut.edge(middle, cut.SINK if end is None else end, weight)
        for node in take:
            cut.edge(middle, node, cut.INFINITE)
        if take:
            cut.edge(cut.SOURCE if begin is None else begin, middle, weight)


def _is_split(mode: Mode) -> bool:
    """Whether an axis lies with its parts in another row."""
    return any(not is_whole(order, axis) for order in mode for axis in axes_of(order))


def _size(value: ir.Value) -> int:
    return math.prod(dim for dim in value.shape or () if isinstance(dim, int))
