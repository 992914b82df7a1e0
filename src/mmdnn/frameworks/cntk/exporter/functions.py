"""What an exporting function writes with: CNTK's functions, `cntk.Plus(x, y)`.

They are along static axes, broadcast as ONNX's, and over the batch or without one, as need be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.cntk._operators import DATA_TYPES
from mmdnn.frameworks.cntk.exporter.axes import (
    broadcast,
    could_be_batched,
    joint_layout,
    ones_beside,
)
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.exporter.scope import FLOATS
from mmdnn.frameworks.cntk.exporter.writer import Writer
from mmdnn.frameworks.cntk.graph import BATCH, FREE, INFERRED, Axis, Shape, Variable


class CNTK(Writer):
    """CNTK's functions, made for one node.

    A function of CNTK's that works on each element is a method: operands broadcast as ONNX says.
    """

    def __getitem__(self, op: str) -> Callable[..., Operand]:
        made: Callable[..., Operand] = getattr(self, op)
        return made

    def __getattr__(self, op: str) -> Callable[..., Operand]:
        def make(*operands: Operand, **attributes: Any) -> Operand:
            layout, aligned = self.aligned(operands)
            shape = broadcast(*(one.shape for one in aligned))
            return self.make(op, *aligned, shape=shape, layout=layout, **attributes)

        return make

    def size(self, x: Operand, position: int) -> int:
        """The size of a static axis; refused where it is open."""
        found = x.dims[position]
        if isinstance(found, Axis) or found == FREE:
            self.node.refuse(f"the size of axis {position} is open")
        return found

    def static(self, x: Operand, axis: int) -> tuple[Operand, int]:
        """The operand with this axis static, and the axis counted from the front."""
        position = self.node.front(axis, x.rank)
        return (x if x.layout[position] is None else self.unbatched(x)), position

    def aligned(self, operands: Sequence[Operand]) -> tuple[Layout, list[Operand]]:
        """Operands that CNTK broadcasts as ONNX broadcasts these, and the result's layout.

        An axis of size 1 beside a dynamic one is dropped. Where a static axis of another size
        stands beside the batch, either is made what the other is.
        """
        found = list(operands)
        if joint_layout(found) is None:
            found = [self.batched(x) if could_be_batched(x, found) else x for x in found]
        if joint_layout(found) is None:
            found = [self.unbatched(x) for x in found]
        layout = joint_layout(found)
        assert layout is not None
        rows = ((x, ones_beside(layout, x)) for x in found)
        return layout, [self.squeezed(x, ones) if ones else x for x, ones in rows]

    def viewed(self, x: Operand, layout: Layout) -> Operand:
        """The same variable, its axes otherwise named."""
        return replace(x, layout=layout, value=None if x.tensor is None else x.value)

    def reshape(self, x: Operand, shape: Sequence[int], layout: Layout | None = None) -> Operand:
        """The same elements in another static shape, where at most one size is open."""
        shape = tuple(shape)
        found = (None,) * len(shape) if x.is_static else (BATCH, *(None,) * len(shape))
        layout = found if layout is None else layout
        if shape == x.shape:
            return self.viewed(x, layout)
        if x.tensor is not None and FREE not in shape:
            return self.changed(x, "shape", lambda array: array.reshape(shape), shape)
        if (before := self._before(x, shape)) is not None:
            return Operand(layout, shape, x.dtype, before)
        if sum(size == FREE for size in shape) > 1:
            self.node.refuse(f"a shape with several open sizes {list(shape)}")
        told = Shape(INFERRED if size == FREE else size for size in shape)
        ends: dict[str, Any] = {"beginAxis": Axis(0), "endAxis": Axis(len(x.shape))}
        return self.make("Reshape", x, shape=shape, layout=layout, newShape=told, **ends)

    def _before(self, x: Operand, shape: tuple[int, ...]) -> Variable | None:
        """What an operand was before it was reshaped, if that had this shape."""
        owner = x.variable.owner if x.variable is not None else None
        if owner is None or owner.op != "Reshape" or tuple(owner.inputs[0].shape or ()) != shape:
            return None
        return owner.inputs[0] if owner.inputs[0].owner is not None else None

    def transpose(self, x: Operand, order: Sequence[int], layout: Layout | None = None) -> Operand:
        """Static axes in another order; `order` are places among the static axes."""
        order = list(order)
        layout = x.layout if layout is None else layout
        shape = tuple(x.shape[place] for place in order)
        if order == sorted(order):
            return self.viewed(x, layout)
        if x.tensor is not None:
            return self.changed(
                x, f"transpose {order}", lambda array: array.transpose(order), shape
            )
        last = len(order) - 1
        moved = [place for place, source in enumerate(order) if place != source]
        if len(moved) == 2:
            one, other = (Axis(last - place) for place in moved)
            axes: dict[str, Any] = {"axis1": one, "axis2": other}
        else:
            axes = {"axisVec": [Axis(last - source) for source in reversed(order)]}
        return self.make("TransposeAxes", x, shape=shape, layout=layout, **axes)

    def last(self, x: Operand, position: int) -> Operand:
        """The operand with a static axis and the last one in each other's place."""
        order = list(range(len(x.shape)))
        place = x.static(position)
        order[place], order[-1] = order[-1], order[place]
        return self.transpose(x, order)

    def column(self, x: Operand, behind: int) -> Operand:
        """A vector as numbers for an axis that so many others are behind."""
        x = self.unbatched(x)
        return self.reshape(x, (x.shape[0], *[1] * behind))

    def squeezed(self, x: Operand, positions: Sequence[int]) -> Operand:
        """The operand without these axes, static ones of size 1."""
        gone = {x.static(position) for position in positions}
        layout = tuple(a for position, a in enumerate(x.layout) if position not in set(positions))
        shape = tuple(size for place, size in enumerate(x.shape) if place not in gone)
        return self.reshape(x, shape, layout)

    def batched(self, x: Operand) -> Operand:
        """The operand with its first axis as CNTK's batch, and no other dynamic axis."""
        if x.is_batched:
            return x
        x = self.unbatched(x)
        if not x.layout:
            self.node.refuse("its input has no axes")
        return self.scope.once(
            ("ToBatch", x.variable or x, x.layout),
            lambda: self.make("ToBatch", x, shape=x.shape[1:], axes=(BATCH,)),
        )

    def unbatched(self, x: Operand) -> Operand:
        """The operand with all axes static: the batch's too."""
        if x.is_static:
            return x
        if x.axes != (BATCH,):
            self.node.refuse("it mixes the frames of a sequence with other axes")
        return self.scope.once(("UnpackBatch", x.variable, x.layout), lambda: self._unpacked(x))

    def _unpacked(self, x: Operand) -> Operand:
        place = x.layout.index(BATCH)
        size = x.sizes[place] if x.sizes else FREE
        made = self.make("UnpackBatch", x, shape=(FREE, *x.shape), axes=())
        if size != FREE:
            made = self.reshape(made, (size, *x.shape))
        return self.transpose(made, [*range(1, place + 1), 0, *range(place + 1, x.rank)])

    def cut(self, x: Operand, position: int, start: int, end: int, step: int = 1) -> Operand:
        """Elements of a static axis; a negative step goes from the last one down to `start`."""
        size = x.dims[position]
        if (start, end, step) == (0, size, 1):
            return x
        place = x.static(position)
        count = -(-(end - start) // abs(step))
        step = step if count > 1 else min(step, 1)  # CNTK wants one that stays inside
        shape = (*x.shape[:place], count, *x.shape[place + 1 :])
        if x.tensor is not None:
            where = (*[slice(None)] * place, slice(start, end, step))
            return self.changed(x, f"cut {where}", lambda array: array[where], shape)
        said: dict[str, Any] = {"beginIndex": start, "endIndex": end, "sliceStrides": step}
        return self.make("Slice", x, shape=shape, axis=x.axis(position), **said)

    def splice(self, parts: Sequence[Operand], position: int) -> Operand:
        """Operands of one layout side by side."""
        first = parts[0]
        place = first.static(position)
        sizes_ = [one.shape[place] for one in parts]
        total = FREE if FREE in sizes_ else sum(sizes_)
        shape = (*first.shape[:place], total, *first.shape[place + 1 :])
        return self.make("Splice", *parts, shape=shape, axis=first.axis(position))

    def padded(
        self, x: Operand, around: Mapping[int, tuple[int, int]], value: float = 0, mode: int = 0
    ) -> Operand:
        """Elements added before and behind static axes, by CNTK's `pad`."""
        pairs = [(0, 0)] * len(x.shape)
        for position, pair in around.items():
            pairs[x.static(position)] = pair
        if not any(map(any, pairs)):
            return x
        shape = tuple(
            FREE if size == FREE else size + sum(pair)
            for size, pair in zip(x.shape, pairs, strict=True)
        )
        return self.make(
            "Pad",
            x,
            shape=shape,
            paddingHead=[pair[0] for pair in reversed(pairs)],
            paddingFoot=[pair[1] for pair in reversed(pairs)],
            paddingMode=mode,
            paddingConstantValue=float(value),
        )

    def cast(self, x: Operand, kind: ir.DataType) -> Operand:
        """In another type of floats."""
        if kind == x.dtype:
            return x
        if kind not in FLOATS:
            self.node.refuse(f"CNTK has no numbers of the type {kind.name}")
        return self.make("Cast", x, shape=x.shape, dtype=kind, newDataType=DATA_TYPES[kind])

    def divide(self, x: Operand, y: Operand) -> Operand:
        """A quotient, as CNTK's `element_divide` is."""
        with self.block("ElementDivide"):
            return self.ElementTimes(x, self.Reciprocal(y))

    def reduce(self, how: str, x: Operand, positions: Sequence[int]) -> Operand:
        """Static axes reduced to size 1, by one function."""
        places = {x.static(position) for position in positions}
        shape = tuple(1 if place in places else size for place, size in enumerate(x.shape))
        axes = [x.axis(position) for position in reversed(positions)]
        said: dict[str, Any] = {"axis": axes[0]} if len(axes) == 1 else {"axisVec": axes}
        said |= {"reductionOpName": how, "reductionKeepDimensions": True}
        return self.make("ReduceElements", x, shape=shape, **said)

    def summed(self, x: Operand) -> Operand:
        """The sums along the last axis, a static one, which goes."""
        return self.squeezed(self.reduce("Sum", x, [x.rank - 1]), [x.rank - 1])

    def times(self, x: Operand, y: Operand, rank: int = 1, layout: Layout | None = None) -> Operand:
        """`cntk.times`: the last static axes of x by the first ones of y, of which `rank` remain."""
        inner = len(y.shape) - rank
        shape = (*x.shape[: len(x.shape) - inner], *y.shape[inner:])
        layout = x.layout if layout is None else layout
        return self.make(
            "Times", y, x, shape=shape, layout=layout, outputRank=rank, inferInputRankToMap=-1
        )
