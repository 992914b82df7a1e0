"""What each operator asks of the orders of its inputs and outputs, and how it is written for others.

A rule looks after one node. Its *ports* are the inputs and outputs that are computed (constants take any
order for nothing); a *mode* is an order for each of them. `follow` says which mode goes with an order at one
of its ports, `write` changes the node for a mode. An operator without a rule wants everything as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.ir import values
from mmdnn.ir.layout.factors import Factoring
from mmdnn.ir.layout.order import (
    Factors,
    Order,
    arranged_tensor,
    axes_of,
    fitted,
    is_whole,
    moved,
    plain,
    reshaped,
    usual,
)

Mode: TypeAlias = tuple[Order, ...]


@dataclass
class Port:
    """An input or output of a node that is computed.

    Attributes:
        place: Which input; from -1 downwards, which output.
        value: What is there, before the Transposes on its way.
        view: Its axes as the node sees them, by those of `value`.
        uses: The inputs, of which nodes, that are it; those of graphs within the node too.
        factors: The parts of its axes, as the node sees them.
    """

    place: int
    value: ir.Value
    view: tuple[int, ...]
    uses: tuple[tuple[ir.Node, int], ...] = ()
    factors: Factors = ()

    @property
    def rank(self) -> int:
        """The number of its axes."""
        return len(self.view)

    @property
    def usual(self) -> Order:
        """The order in which the node sees it."""
        return usual(self.factors)

    def made(self, order: Order) -> Order:
        """The order by the axes of `value`."""
        return tuple((self.view[axis], part) for axis, part in order)

    def seen(self, order: Order) -> Order:
        """An order by the axes of `value`, as the node sees it."""
        return moved(order, {axis: place for place, axis in enumerate(self.view)})


class Writer(Protocol):
    """What rules write with."""

    def feed(self, node: ir.Node, index: int, value: ir.Value) -> None:
        """Let a node read something else."""

    def constant(self, like: str, array: np.ndarray) -> ir.Value:
        """A small constant."""

    def tensor(self, value: ir.Value, tensor: ir.TensorProtocol) -> ir.Value:
        """Another weight in place of one."""

    def before(self, node: ir.Node, op_type: str, inputs: Sequence[ir.Value]) -> ir.Value:
        """What a new node in front of a node gives."""

    def behind(self, node: ir.Node, op_type: str, inputs: Sequence[ir.Value]) -> ir.Value:
        """What a new node behind a node gives, which whoever reads the node's output reads from then on."""


Rename: TypeAlias = Callable[[ir.Node, Order, Writer], None]
"""Changes what a node says of axes by their numbers."""


@dataclass
class Rule:
    """Everything as it is."""

    node: ir.Node
    ports: list[Port]
    bound: bool = False

    @property
    def first(self) -> Mode:
        """The mode that is always possible."""
        return tuple(port.usual for port in self.ports)

    def relate(self, factoring: Factoring) -> bool:
        """Say which axes are the same, or made of others; whether that was new."""
        return False

    def follow(self, port: int, order: Order) -> Mode | None:
        """The mode in which a port has that order."""
        return self.first if order == self.first[port] else None

    def write(self, mode: Mode, writer: Writer) -> None:
        """Change the node, whose computed inputs have their orders already."""

    def _inputs(self) -> Iterator[tuple[int, Port, int]]:
        """The ports that are inputs, with their numbers and inputs' places."""
        return ((i, port, port.place) for i, port in enumerate(self.ports) if port.place >= 0)


class Boundary(Rule):
    """An input or output of the graph.

    Args:
        port: It.
        order: How its axes may lie, beside the usual.
    """

    def __init__(self, port: Port, order: Sequence[int] = ()) -> None:
        super().__init__(ir.Node("", "Boundary", []), [port])
        self.order = list(order)

    def follow(self, port: int, order: Order) -> Mode | None:
        whole = all(is_whole(order, axis) for axis in range(self.ports[0].rank))
        return (
            (order,) if whole and axes_of(order) in (self.order, sorted(axes_of(order))) else None
        )


@dataclass
class Carried(Rule):
    """Inputs and outputs have one order; axes that are named are named otherwise.

    Attributes:
        whole: Axes whose parts must lie as they are.
        rename: Changes the node for an order.
        data: How many inputs have the order; the others are settings.
    """

    whole: Sequence[int] = ()
    rename: Rename | None = None
    data: int = 1

    @property
    def rank(self) -> int:
        """The number of axes of the output."""
        return max(port.rank for port in self.ports)

    @property
    def wide(self) -> Factors:
        """The parts of the axes."""
        full = [port.factors for port in self.ports if port.rank == self.rank]
        return tuple(max(each, key=len) for each in zip(*full, strict=True))

    def relate(self, factoring: Factoring) -> bool:
        widest = max(self.ports, key=lambda port: port.rank)
        for port in self.ports:
            for axis in range(-1, -port.rank - 1, -1):
                factoring.same((widest.value, widest.view[axis]), (port.value, port.view[axis]))
        return False

    def follow(self, port: int, order: Order) -> Mode | None:
        offset, rank, wide = self.rank - self.ports[port].rank, self.rank, self.wide
        shifted = moved(order, {axis: axis + offset for axis in range(rank)})
        full = fitted((*plain(range(offset)), *shifted), wide)
        if full is None or not all(is_whole(full, axis) for axis in self.whole):
            return None
        found = [self._narrow(full, each) for each in self.ports]
        mode = tuple(each for each in found if each is not None)
        return mode if len(mode) == len(found) and mode[port] == order else None

    def _narrow(self, full: Order, port: Port) -> Order | None:
        offset = self.rank - port.rank
        return fitted(moved(full, {a: a - offset for a in range(offset, self.rank)}), port.factors)

    def write(self, mode: Mode, writer: Writer) -> None:
        full = next(order for order, p in zip(mode, self.ports, strict=True) if p.rank == self.rank)
        full = fitted(full, self.wide) or full
        ports = {place: (port, mode[i]) for i, port, place in self._inputs()}
        for index, value in enumerate(self.node.inputs[: self.data]):
            if index in ports and value is not None:
                self._widen(index, ports[index][0].rank, full, writer)
            elif value is not None and value.const_value is not None:
                self._arrange(index, value, full, writer)
        if self.rename is not None and axes_of(full) != sorted(axes_of(full)):
            self.rename(self.node, full, writer)

    def _widen(self, index: int, rank: int, full: Order, writer: Writer) -> None:
        """Give an input of lower rank the axes of size 1 that it lacks, where they are not in front."""
        value, order = self.node.inputs[index], axes_of(full)
        first = next((i for i, axis in enumerate(order) if axis >= self.rank - rank), len(order))
        missing = [i - first for i, a in enumerate(order) if i > first and a < self.rank - rank]
        if value is not None and missing:
            axes = writer.constant("axes", np.array(missing, np.int64))
            writer.feed(self.node, index, writer.before(self.node, "Unsqueeze", [value, axes]))

    def _arrange(self, index: int, value: ir.Value, full: Order, writer: Writer) -> None:
        tensor = value.const_value
        assert tensor is not None
        shape = tensor.shape.numpy()
        padded = (*[1] * (self.rank - len(shape)), *shape)
        new = [padded[axis] for axis in axes_of(full)]
        while len(new) > 1 and new[0] == 1:
            del new[0]
        moving = [atom for atom in full if padded[atom[0]] != 1]
        if moving == sorted(moving) and new == list(shape[len(shape) - len(new) :]):
            return
        stored = arranged_tensor(reshaped(tensor, padded), self.wide, full)
        writer.feed(self.node, index, writer.tensor(value, reshaped(stored, new)))


@dataclass
class Sink(Rule):
    """Its input may have any order: it says the sizes of the axes."""

    def follow(self, port: int, order: Order) -> Mode | None:
        if self.ports[port].place < 0:
            return self.first if order == self.first[port] else None
        return tuple(order if i == port else each for i, each in enumerate(self.first))

    def write(self, mode: Mode, writer: Writer) -> None:
        order = next(mode[i] for i, port in enumerate(self.ports) if port.place >= 0)
        axes = axes_of(order)
        if self.node.op_type != "Shape" or axes == sorted(axes):
            return
        given = self.node.attributes
        start, end = given.get_int("start", 0), given.get("end")
        wanted = list(range(len(axes)))[start : end.as_int() if end is not None else None]
        given.pop("start", None)
        given.pop("end", None)
        places = writer.constant("axes", np.array([axes.index(a) for a in wanted], np.int64))
        writer.behind(self.node, "Gather", [self.node.outputs[0], places])


def is_constant(value: ir.Value | None) -> bool:
    """Whether a value is nothing, or a constant."""
    return value is None or values.constant(value) is not None


def ints(values_: Iterable[int], rank: int) -> list[int]:
    """Axes, counted from the front."""
    return [axis % max(rank, 1) for axis in values_]
