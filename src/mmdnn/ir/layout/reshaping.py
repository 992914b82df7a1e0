"""Rules of operators that give values of other axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mmdnn.ir.layout.factors import Factoring, completed, regrouped
from mmdnn.ir.layout.order import (
    Atom,
    Factors,
    Order,
    Size,
    axes_of,
    fitted,
    is_sound,
    is_whole,
    moved,
)
from mmdnn.ir.layout.rules import Mode, Port, Rename, Rule, Writer


@dataclass
class Dropped(Rule):
    """One side has axes that the other does not: a reduction, Squeeze, Unsqueeze, ArgMax.

    Attributes:
        gone: Those axes, by the side that has them.
        more: The port that has them.
        whole: Axes whose parts must lie as they are.
        rename: Changes the node for an order of the side that has them.
    """

    gone: Sequence[int] = ()
    more: int = 0
    whole: Sequence[int] = ()
    rename: Rename | None = None

    @property
    def _places(self) -> dict[int, int]:
        left = [axis for axis in range(self.ports[self.more].rank) if axis not in self.gone]
        return {axis: place for place, axis in enumerate(left)}

    def relate(self, factoring: Factoring) -> bool:
        more, less = self.ports[self.more], self.ports[1 - self.more]
        for axis, place in self._places.items():
            factoring.same((more.value, more.view[axis]), (less.value, less.view[place]))
        return False

    def follow(self, port: int, order: Order) -> Mode | None:
        places = self._places
        if port == self.more:
            more, less = order, moved(order, places)
        else:
            back = moved(order, {place: axis for axis, place in places.items()})
            more, less = completed(back, self.ports[self.more].factors), order
        if not is_sound(more) or not all(is_whole(more, axis) for axis in self.whole):
            return None
        if fitted(less, self.ports[1 - self.more].factors) != less:
            return None
        return (more, less) if self.more == 0 else (less, more)

    def write(self, mode: Mode, writer: Writer) -> None:
        axes = axes_of(mode[self.more])
        if self.rename is not None and axes != sorted(axes):
            self.rename(self.node, mode[self.more], writer)


@dataclass
class Regrouped(Rule):
    """A Reshape or Flatten that merges and splits axes."""

    _rows: list[tuple[Size, tuple[Atom, Atom]]] = field(default_factory=list)

    def relate(self, factoring: Factoring) -> bool:
        x, y = self.ports
        found = regrouped(*(self._factors(factoring, port) for port in self.ports))
        self._rows = found or []
        news = False
        for port, side in ((x, 0), (y, 1)):
            for axis, known in enumerate(self._factors(factoring, port)):
                sizes = [row[0] for row in self._rows if row[1][side][0] == axis]
                if len(sizes) > len(known):
                    news |= factoring.split((port.value, port.view[axis]), sizes)
        return news

    @staticmethod
    def _factors(factoring: Factoring, port: Port) -> Factors:
        return tuple(factoring.parts((port.value, axis)) for axis in port.view)

    def follow(self, port: int, order: Order) -> Mode | None:
        if order == self.first[port]:
            return self.first
        pairs = {row[1][port]: row[1][1 - port] for row in self._rows}
        known = [atom for atom in order if self._size(port, atom) != 1]
        if len(pairs) != len(self._rows) or any(atom not in pairs for atom in known):
            return None
        other = completed([pairs[atom] for atom in known], self.ports[1 - port].factors)
        mode = (order, other) if port == 0 else (other, order)
        sound = is_sound(other) and sorted(other) == sorted(self.first[1 - port])
        return mode if sound and self._target(mode) is not None else None

    def _size(self, port: int, atom: Atom) -> Size:
        return self.ports[port].factors[atom[0]][atom[1]]

    def _target(self, mode: Mode) -> list[int] | None:
        """The sizes to reshape to; None where ONNX's 0 and -1 cannot say them."""
        x, y = self.ports
        before = [x.factors[axis] for axis in axes_of(mode[0])]
        found = []
        for place, axis in enumerate(axes_of(mode[1])):
            sizes = y.factors[axis]
            if all(isinstance(size, int) for size in sizes):
                found.append(int(np.prod([int(size) for size in sizes])))
            else:
                here = axes_of(mode[0])[place] if place < len(before) else -1
                rows = [row for row in self._rows if row[1][0][0] == here or row[1][1][0] == axis]
                same = all(row[1][0][0] == here and row[1][1][0] == axis for row in rows)
                found.append(0 if rows and same else -1)
        return found if found.count(-1) < 2 else None

    def write(self, mode: Mode, writer: Writer) -> None:
        if mode == self.first or self._flattens(mode):
            return
        shape = writer.constant("shape", np.array(self._target(mode), np.int64))
        if self.node.op_type == "Flatten":
            self.node.op_type = "Reshape"
            self.node.attributes.pop("axis", None)
            self.node.resize_inputs(2)
        writer.feed(self.node, 1, shape)

    def _flattens(self, mode: Mode) -> bool:
        """Whether Flatten does it as it is."""
        x, y = axes_of(mode[0]), axes_of(mode[1])
        if self.node.op_type != "Flatten" or y != [0, 1]:
            return False
        axis = self.node.attributes.get_int("axis", 1) % max(len(x), 1)
        return sorted(x[:axis]) == list(range(axis))
