"""An IR value in CNTK: a variable, and which of the value's axes is which of CNTK's.

The batch, and the time of sequences, are no axes of a CNTK variable's shape; they are its dynamic axes.
An IR value [batch, 3, 224, 224] is a variable of the shape (3, 224, 224) with a batch axis, and its layout
is (BATCH, None, None, None). Static axes are in the same order in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.graph import FREE, Axis, Variable
from mmdnn.ir import COMPUTED, FIXED
from mmdnn.ir.values import READABLE, producer
from mmdnn.tensors import references

Layout: TypeAlias = tuple[Axis | None, ...]
"""For each axis of an IR value: the dynamic axis that it is, None for a static one."""


@dataclass(eq=False)
class Operand:
    """A value in CNTK.

    Attributes:
        layout: What each axis of the IR value is.
        shape: The sizes of its static axes; `FREE` where open.
        dtype: The type of its numbers in CNTK; there are only floats.
        variable: What it is in CNTK; None for a constant that nothing has read yet.
        value: The IR value; None for an intermediate result.
        tensor: Of a constant, its numbers.
    """

    layout: Layout
    shape: tuple[int, ...]
    dtype: ir.DataType
    variable: Variable | None = None
    value: ir.Value | None = None
    tensor: ir.TensorProtocol | None = None

    @property
    def rank(self) -> int:
        """How many axes the IR value has."""
        return len(self.layout)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Its dynamic axes in CNTK, batch first."""
        return (self.variable.axes or ()) if self.variable is not None else ()

    @property
    def is_batched(self) -> bool:
        """Whether its first axis is the batch, and no other one is dynamic."""
        return self.layout[:1] == (graph.BATCH,) and not any(self.layout[1:])

    @property
    def is_plain(self) -> bool:
        """Whether its dynamic axes are its first ones, in CNTK's order."""
        return self.layout == (*self.axes, *[None] * len(self.shape))

    @property
    def is_static(self) -> bool:
        """Whether it has no dynamic axis."""
        return not any(self.layout)

    @property
    def is_weight(self) -> bool:
        """Whether it is an initializer that the source trained, or any that it had and nothing is said."""
        if self.value is None:
            return False
        computed = {COMPUTED, FIXED} & self.value.metadata_props.keys()
        return self.tensor is not None and not computed

    @property
    def dims(self) -> tuple[int | Axis, ...]:
        """For each axis of the IR value: its size, or the dynamic axis that it is."""
        sizes = iter(self.shape)
        return tuple(next(sizes) if axis is None else axis for axis in self.layout)

    @property
    def sizes(self) -> tuple[int, ...] | None:
        """The sizes of the IR value, `FREE` where open, the dynamic axes' too; None where not known."""
        return None if self.value is None else sizes(self.value.shape)

    def static(self, position: int) -> int:
        """The place among the static axes of an axis of the IR value, which must be static."""
        assert self.layout[position] is None
        return sum(axis is None for axis in self.layout[:position])

    def axis(self, position: int) -> Axis:
        """An axis of the IR value, which must be static, as CNTK counts: the last one is 0."""
        return Axis(len(self.shape) - 1 - self.static(position))

    def numbers(self) -> np.ndarray | None:
        """The numbers of a small constant; None for what is not constant, or not small."""
        tensor = self.tensor
        return None if tensor is None or tensor.nbytes > READABLE else references.read(tensor)

    def producer(self, *types: str) -> ir.Node | None:
        """The IR node that makes it, if it is one of these operators."""
        return producer(self.value, *types)


def sizes(shape: ir.Shape | None) -> tuple[int, ...] | None:
    """The sizes of an IR shape, `FREE` where open."""
    return None if shape is None else tuple(d if isinstance(d, int) else FREE for d in shape)
