"""A CNTK value in the IR: an ONNX value that knows which of its first axes are dynamic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk.graph import Axis
from mmdnn.ir.builder import Dimension, NeedsStatic, Op, dimensions
from mmdnn.ir.sequences import BATCH, TIME


@dataclass(frozen=True)
class Operand:
    """What a variable has become.

    Attributes:
        value: [*dynamic, *static].
        axes: Its dynamic axes, batch first.
    """

    value: ir.Value
    axes: tuple[Axis, ...] = ()

    @property
    def leading(self) -> int:
        """How many dynamic axes it has."""
        return len(self.axes)

    @property
    def shape(self) -> tuple[Dimension, ...]:
        """Its static shape."""
        return dimensions(self.value)[self.leading :]

    @property
    def rank(self) -> int:
        """How many static axes it has."""
        return len(self.shape)

    @property
    def sequence(self) -> Axis | None:
        """Its sequence axis, if it has one."""
        return next((axis for axis in self.axes if axis.ordered), None)

    @property
    def roles(self) -> tuple[str, ...]:
        """What its first axes are, as `mmdnn.ir.sequences` calls them."""
        return tuple(TIME if axis.ordered else BATCH for axis in self.axes)

    def position(self, axis: Axis) -> int:
        """The position of a static axis among all of the value's."""
        return self.leading + axis.position(self.rank)


def union(operands: Sequence[Operand]) -> tuple[Axis, ...]:
    """The dynamic axes of a function of several operands, batch first.

    Raises:
        UnsupportedError: They have different sequence axes, which CNTK refuses too.
    """
    found = dict.fromkeys(axis for one in operands for axis in one.axes)
    axes = sorted(found, key=lambda axis: axis.ordered)
    if sum(axis.ordered for axis in axes) > 1 or sum(not axis.ordered for axis in axes) > 1:
        names = ", ".join(str(axis) for axis in axes)
        raise UnsupportedError(f"its inputs have different dynamic axes: {names}")
    return tuple(axes)


def align(op: Op, operands: Sequence[Operand]) -> tuple[tuple[Axis, ...], list[ir.Value]]:
    """Operands as values that broadcast as CNTK broadcasts them.

    Static shapes align at their last axes; what has no dynamic axis is the same for each sample,
    what has no sequence axis the same for each frame.

    Returns:
        The dynamic axes of the result, and the values.
    """
    axes = union(operands)
    rank = max((one.rank for one in operands), default=0)
    return axes, [widen(op, one, axes, rank) for one in operands]


def widen(op: Op, x: Operand, axes: tuple[Axis, ...], rank: int) -> ir.Value:
    """A value that broadcasts to these dynamic axes and so many static ones."""
    return spread(op, x, axes, rank) if x.axes else x.value


def spread(op: Op, x: Operand, axes: tuple[Axis, ...], rank: int) -> ir.Value:
    """A value with all of these axes, those that are missing of size 1."""
    missing = [place for place, axis in enumerate(axes) if axis not in x.axes]
    missing += [len(axes) + place for place in range(rank - x.rank)]
    return op.Unsqueeze(x.value, missing) if missing else x.value


def folded(op: Op, x: Operand, function: Callable[[ir.Value], ir.Value]) -> Operand:
    """A function of [batch, *static] that keeps the first axis, of an operand with any dynamic axes."""
    if x.leading == 1:
        return Operand(function(x.value), x.axes)
    if not x.leading:
        made = function(op.Unsqueeze(x.value, [0]))
        return Operand(op.Squeeze(made, [0]), x.axes)
    flat = op.Reshape(x.value, [-1, *_numbers(x)])
    made = function(flat)
    rest = [dim if isinstance(dim, int) else 0 for dim in dimensions(made)[1:]]
    leading = op.Shape(x.value, start=0, end=x.leading)
    shape = op.Concat(leading, op.Shape(made, start=1), axis=0) if 0 in rest else None
    if shape is None:
        shape = op.Concat(leading, np.array(rest, np.int64), axis=0)
    unfolded = op.Reshape(made, shape)
    unfolded.shape = ir.Shape([*dimensions(x.value)[: x.leading], *dimensions(made)[1:]])
    return Operand(unfolded, x.axes)


def _numbers(x: Operand) -> list[int]:
    """The static shape as numbers.

    Raises:
        NeedsStatic: A size is open.
    """
    unknown = [dim for dim in x.shape if not isinstance(dim, int)]
    if unknown:
        raise NeedsStatic(x.value.name, [dim for dim in unknown if isinstance(dim, str)])
    return [dim for dim in x.shape if isinstance(dim, int)]


def sizes(x: Operand) -> tuple[int, ...]:
    """The static shape, all of it known.

    Raises:
        NeedsStatic: A size is open.
    """
    return tuple(_numbers(x))
