"""What an exporting function writes with: `cntk.Plus(x, y)` makes a function of CNTK."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.alignment import align
from mmdnn.frameworks.cntk.exporter.moving import Moving
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand, broadcast
from mmdnn.frameworks.cntk.graph import Attribute

TYPES = {ir.DataType.FLOAT: 1, ir.DataType.DOUBLE: 2, ir.DataType.FLOAT16: 4}
"""CNTK::DataType."""


class Writing(Moving):
    """Makes functions for one node.

    A function of CNTK's that works on each element is a method: operands broadcast as ONNX says.
    """

    def __getattr__(self, op: str) -> Callable[..., Operand]:
        def make(*operands: Operand, **attributes: Any) -> Operand:
            layout, aligned = align(self, operands)
            shape = broadcast(*(one.shape for one in aligned))
            return self.make(op, *aligned, shape=shape, layout=layout, **attributes)

        return make

    def cast(self, x: Operand, kind: ir.DataType) -> Operand:
        """In another type of floats."""
        if kind == x.dtype:
            return x
        if kind not in TYPES:
            self.node.refuse(f"CNTK has no numbers of the type {kind.name}")
        return self.make("Cast", x, shape=x.shape, dtype=kind, newDataType=TYPES[kind])

    def divide(self, x: Operand, y: Operand) -> Operand:
        """A quotient, as CNTK's `element_divide` is."""
        with self.block("ElementDivide"):
            return self.ElementTimes(x, self.Reciprocal(y))

    def reduce(self, how: str, x: Operand, positions: Sequence[int]) -> Operand:
        """Static axes reduced to size 1, by one function."""
        places = {x.static(position) for position in positions}
        shape = tuple(1 if place in places else size for place, size in enumerate(x.shape))
        axes: list[Attribute] = [x.axis(position) for position in reversed(positions)]
        one: dict[str, Any] = {"axis": axes[0]} if len(axes) == 1 else {"axisVec": axes}
        return self.make(
            "ReduceElements",
            x,
            shape=shape,
            reductionOpName=how,
            reductionKeepDimensions=True,
            **one,
        )

    def reduced(self, how: str, x: Operand, positions: Sequence[int], keep: bool) -> Operand:
        """Static axes reduced, as CNTK's `reduce_sum` and its like do."""
        axes: list[Attribute] = [x.axis(position) for position in reversed(positions)]
        said: dict[str, Any] = {"axisVec": axes, "reductionKeepDimensions": keep}
        with self.block("ReduceElements", reductionOpName=how, **said):
            with self.block("MultiAxisReduce"):
                made = self.reduce(how, x, positions)
            return made if keep else self.squeezed(made, positions)

    def along(self, x: Operand, position: int, matrix: np.ndarray) -> Operand:
        """An axis multiplied by a constant matrix [size, new size]."""
        place, last = x.static(position), len(x.shape) - 1
        order = [*range(place), last, *range(place + 1, last), place] if place != last else []
        x = self.transpose(x, order) if order else x
        made = self.times(x, self.constant(matrix))
        return self.transpose(made, order) if order else made

    def times(self, x: Operand, y: Operand, rank: int = 1, layout: Layout | None = None) -> Operand:
        """`cntk.times`: the last static axes of x by the first ones of y, of which `rank` remain."""
        inner = len(y.shape) - rank
        shape = (*x.shape[: len(x.shape) - inner], *y.shape[inner:])
        layout = x.layout if layout is None else layout
        return self.make(
            "Times", y, x, shape=shape, layout=layout, outputRank=rank, inferInputRankToMap=-1
        )
