"""What makes functions of CNTK, blocks of them and constants, for one node."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.blocks import Group, was_function
from mmdnn.frameworks.cntk.exporter.markers import Unknown
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.exporter.scope import Scope
from mmdnn.frameworks.cntk.graph import Axis, Function, Shape, Variable
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.expressions import matched
from mmdnn.tensors import references


class Writer:
    """Makes functions for one node."""

    def __init__(self, scope: Scope, node: ExportedNode) -> None:
        self.scope = scope
        self.node = node
        self.is_own = scope.is_own

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
        """A function of operands in CNTK's order; its first output.

        Its static shape is given; its dynamic axes are those of all operands, its type that of what is no
        constant, and its layout the first operand's, or `axes` and then static axes, unless given.
        """
        for one in operands:
            if isinstance(one, Unknown):
                one.refuse()
        function = Function(op, self.scope.uid(op), attributes=attributes)
        function.inputs = [self.scope.variable(one) for one in operands]
        self.scope.made[function] = self.node
        if self.scope.group is not None:
            self.scope.groups[function] = self.scope.group
        leading = next((one for one in operands if one.tensor is None), operands[0])
        variable = function.output()
        variable.shape, variable.dtype = Shape(shape), dtype or leading.dtype
        variable.axes = _union(function.inputs) if axes is None else axes
        if layout is None:
            layout = operands[0].layout if axes is None else (*axes, *[None] * len(shape))
        return Operand(layout, tuple(shape), variable.dtype, variable)

    def second(self, made: Operand) -> Operand:
        """The second output of a function, of the same shape as the first."""
        assert made.variable is not None
        assert made.variable.owner is not None
        return replace(made, variable=made.variable.owner.output(1, like=made.variable))

    def block(
        self, type_: str, *, layer: bool = False, fits: bool = True, **attributes: Any
    ) -> AbstractContextManager[None]:
        """Functions made inside become a block of this name, as CNTK's own of that name is one.

        A layer is in no block that the source had; what does not fit is not what such a block is made of.
        """
        outer = self.scope.group
        told = self.is_own and outer is None and was_function(self.node, type_)
        inside = outer is not None and outer.source and (outer.type == type_ or layer)
        if told or inside or not fits:
            return self.scope.within(outer)
        return self.scope.within(Group(type_, outer, dict(attributes)))

    def matched(self, expression: str) -> dict[str, Operand] | None:
        """What an expression's names are, if the node's result is computed as it says."""
        found = matched(self.node.output, expression)
        return None if found is None else {name: self.scope.operand(x) for name, x in found.items()}

    def number(self, value: float, like: Operand) -> Operand:
        """A scalar, of another operand's type."""
        return self.constant(np.asarray(value), like)

    def constant(self, array: np.ndarray, like: Operand | None = None) -> Operand:
        """A small constant, of another operand's type or its own."""
        kind = self.scope.kind(ir.DataType.from_numpy(array.dtype)) if like is None else like.dtype
        tensor = ir.tensor(array if like is None else array.astype(kind.numpy()))
        return Operand((None,) * array.ndim, array.shape, kind, tensor=tensor)

    def changed(
        self, x: Operand, how: str, function: references.Function, shape: Sequence[int]
    ) -> Operand:
        """A constant made of another one when it is written; the same, by `how`, is done once."""
        tensor, shape = x.tensor, tuple(shape)
        assert tensor is not None

        def make() -> Operand:
            lazy = references.lazy(tensor, function, shape=shape)
            return Operand((None,) * len(shape), shape, x.dtype, value=x.value, tensor=lazy)

        return self.scope.once((tensor, how, shape), make)


def _union(variables: Sequence[Variable]) -> tuple[Axis, ...]:
    found = dict.fromkeys(axis for one in variables for axis in one.axes or ())
    return tuple(sorted(found, key=lambda axis: axis.ordered))
