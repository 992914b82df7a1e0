"""Rules of operators whose parameters follow the parts of an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from mmdnn.ir import values
from mmdnn.ir.layout.factors import Factoring
from mmdnn.ir.layout.order import Factors, Order, arranged_tensor, axes_of, is_whole, parts_of
from mmdnn.ir.layout.rules import Carried, Mode, Port, Rule, Writer


def turn(node: ir.Node, index: int, factors: Factors, order: Order, writer: Writer) -> None:
    """Let a node read a constant in another order."""
    value = node.inputs[index]
    tensor = values.constant(value)
    assert value is not None
    assert tensor is not None
    writer.feed(node, index, writer.tensor(value, arranged_tensor(tensor, factors, order)))


@dataclass
class Dense(Rule):
    """One side of a product with a constant matrix: a merged axis' rows or columns.

    Attributes:
        weights: For each input that has the axis, which of its axes that is.
    """

    weights: Sequence[tuple[int, int]] = ()

    def follow(self, port: int, order: Order) -> Mode | None:
        last = self.ports[port].rank - 1
        front = [atom for atom in order if atom[0] != last]
        usual_front = [atom for atom in self.first[port] if atom[0] != last]
        return (order,) if front == usual_front and axes_of(order)[-1] == last else None

    def write(self, mode: Mode, writer: Writer) -> None:
        port, last = self.ports[0], self.ports[0].rank - 1
        if is_whole(mode[0], last):
            return
        parts = parts_of(mode[0], last)
        for index, axis in self.weights:
            tensor = values.constant(self.node.inputs[index])
            shape = tensor.shape.numpy() if tensor is not None else ()
            place = axis % max(len(shape), 1)
            if shape and shape[place] > 1:
                sizes = [(size,) for size in shape]
                order = [
                    [(i, part) for part in (parts if i == place else (0,))]
                    for i in range(len(shape))
                ]
                factors = (*sizes[:place], port.factors[last], *sizes[place + 1 :])
                turn(
                    self.node,
                    index,
                    factors,
                    tuple(atom for each in order for atom in each),
                    writer,
                )


class ByChannel(Carried):
    """Axes as they are; the parts of the channels may be otherwise, as the parameters are constants."""

    def follow(self, port: int, order: Order) -> Mode | None:
        axes = axes_of(order)
        fits = axes == sorted(axes) and all(is_whole(order, axis) for axis in axes if axis != 1)
        return super().follow(port, order) if fits else None

    def write(self, mode: Mode, writer: Writer) -> None:
        order, sizes = mode[0], self.wide[1]
        if is_whole(order, 1):
            return
        channels = tuple((0, part) for part in parts_of(order, 1))
        for index, value in enumerate(self.node.inputs[1:], 1):
            if value is not None:
                turn(self.node, index, (sizes,), channels, writer)


class OverLast(Carried):
    """All axes from one on are normalised over: they stay behind the others."""

    def __init__(self, node: ir.Node, ports: list[Port], axis: int) -> None:
        super().__init__(node, ports)
        self.axis = axis

    def follow(self, port: int, order: Order) -> Mode | None:
        front = axes_of(order)[: self.axis]
        return super().follow(port, order) if sorted(front) == list(range(self.axis)) else None

    def write(self, mode: Mode, writer: Writer) -> None:
        behind = tuple((a - self.axis, part) for a, part in mode[0] if a >= self.axis)
        if behind == tuple(sorted(behind)):
            return
        for index, value in enumerate(self.node.inputs[1:], 1):
            if value is not None:
                turn(self.node, index, self.wide[self.axis :], behind, writer)


class Rowwise(Carried):
    """The last axis is multiplied, and may come in other parts; those before it may lie anyhow."""

    def relate(self, factoring: Factoring) -> bool:
        return False

    def follow(self, port: int, order: Order) -> Mode | None:
        last = self.rank - 1
        if axes_of(order)[-1] != last or (port == 1 and not is_whole(order, last)):
            return None
        if not all(is_whole(order, axis) for axis in range(last)):
            return None
        other = tuple(atom for axis in axes_of(order) for atom in self._atoms(1 - port, axis))
        return (order, other) if port == 0 else (other, order)

    def _atoms(self, port: int, axis: int) -> Order:
        return tuple((axis, part) for part in range(len(self.ports[port].factors[axis])))

    def write(self, mode: Mode, writer: Writer) -> None:
        last = self.rank - 1
        if not is_whole(mode[0], last):
            sizes = (self.ports[0].factors[last], (self.ports[1].factors[last][0],))
            order = (*((0, part) for part in parts_of(mode[0], last)), (1, 0))
            turn(self.node, 1, sizes, order, writer)
