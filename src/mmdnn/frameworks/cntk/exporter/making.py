"""Making CNTK's functions, one by one: what reads what, and of which shape it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.blocks import Group
from mmdnn.frameworks.cntk.exporter.markers import Unknown
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.exporter.table import Exporting
from mmdnn.frameworks.cntk.graph import FREE, Axis, Function, Shape, Variable
from mmdnn.tensors import references

if TYPE_CHECKING:
    from mmdnn.frameworks.cntk.exporter.model import Scope


class Making:
    """Makes functions for one node."""

    def __init__(self, scope: Scope, node: Exporting) -> None:
        self.scope = scope
        self.node = node

    def make(
        self,
        op: str,
        *operands: Operand,
        shape: Sequence[int],
        layout: Layout | None = None,
        dtype: ir.DataType | None = None,
        axes: tuple[Axis, ...] | None = None,
        **attributes: Any,
    ) -> Operand:
        """A function; its first output.

        Args:
            op: The primitive function.
            operands: What it reads, in CNTK's order.
            shape: The result's static shape.
            layout: The result's layout: the first operand's unless given.
            dtype: The result's type: that of what is no constant, unless given.
            axes: The result's dynamic axes: those of all operands, unless given.
            attributes: CNTK's attributes.
        """
        for one in operands:
            if isinstance(one, Unknown):
                one.refuse()
        function = Function(op, self.scope.uid(op), attributes=attributes)
        function.inputs = [self.scope.variable(one) for one in operands]
        self.scope.add(function, self.node)
        leading = next((one for one in operands if one.tensor is None), operands[0])
        variable = function.output()
        variable.shape, variable.dtype = Shape(shape), dtype or leading.dtype
        variable.axes = _union(function.inputs) if axes is None else axes
        found = operands[0].layout if layout is None else layout
        return Operand(found, tuple(shape), variable.dtype, variable)

    def second(self, made: Operand) -> Operand:
        """The second output of a function, of the same shape as the first."""
        assert made.variable is not None
        assert made.variable.owner is not None
        variable = made.variable.owner.output(1)
        variable.shape, variable.dtype = made.variable.shape, made.dtype
        variable.axes = made.variable.axes
        return Operand(made.layout, made.shape, made.dtype, variable)

    @contextmanager
    def block(self, type_: str, *, layer: bool = False, **attributes: Any) -> Iterator[None]:
        """Functions made inside become a block of this name, as CNTK's own of that name is one.

        Args:
            type_: The name.
            layer: Whether it is a layer, which is in no block that the source had.
            attributes: The block's.
        """
        outer = self.scope.group
        told = self.is_own and outer is None and self.node.was_function(type_)
        inside = outer is not None and outer.source and (outer.type == type_ or layer)
        if not (told or inside):
            self.scope.group = Group(type_, outer, dict(attributes))
        try:
            yield
        finally:
            self.scope.group = outer

    @property
    def is_own(self) -> bool:
        """Whether the IR was made of a CNTK model."""
        return self.scope.is_own

    def seed(self) -> int:
        """A seed of random numbers, another one each time."""
        self.scope.seeds += 1
        return self.scope.seeds

    def size(self, x: Operand, position: int) -> int:
        """The size of a static axis; refused where it is open."""
        found = x.dims[position]
        if isinstance(found, Axis) or found == FREE:
            self.node.refuse(f"the size of axis {position} is open")
        return found

    def operand(self, value: ir.Value) -> Operand:
        """What an IR value is that has been written before."""
        return self.scope.operand(value)

    def number(self, value: float, like: Operand) -> Operand:
        """A scalar, of another operand's type."""
        return self.constant(np.asarray(value, like.dtype.numpy()))

    def constant(self, array: np.ndarray) -> Operand:
        """A small constant."""
        return Operand(
            (None,) * array.ndim, array.shape, self.scope.kind_of(array), tensor=ir.tensor(array)
        )

    def changed(
        self, x: Operand, how: str, function: references.Function, shape: Sequence[int]
    ) -> Operand:
        """A constant made of another one when it is written.

        Args:
            x: A constant.
            how: What is done: the same is done once.
            function: Does it.
            shape: The result's shape.
        """
        assert x.tensor is not None
        key = (id(x.tensor), how, tuple(shape))
        if key not in self.scope.derived:
            tensor = references.lazy(x.tensor, function, shape=shape)
            made = Operand((None,) * len(shape), tuple(shape), x.dtype, tensor=tensor)
            made.value = x.value
            self.scope.derived[key] = made
        return self.scope.derived[key]

    def statistic(self, x: Operand, name: str) -> Operand:
        """A constant that keeps running while CNTK trains: with a name, and nobody else's.

        What was CNTK's own is as it was.
        """
        assert x.tensor is not None
        if self.is_own and x.value is not None:
            variable = self.scope.variable(x)
        else:
            variable = self.scope.parameter(name, x.tensor, x.dtype, trained=False)
        return Operand(x.layout, x.shape, x.dtype, variable, x.value, x.tensor)


def _union(variables: Sequence[Variable]) -> tuple[Axis, ...]:
    found = dict.fromkeys(axis for one in variables for axis in one.axes or ())
    return tuple(sorted(found, key=lambda axis: axis.ordered))
