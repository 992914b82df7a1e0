"""Bringing values into shape: CNTK's functions that change no number, and what the batch is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmdnn.frameworks.cntk.exporter.making import Making
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand, sizes
from mmdnn.frameworks.cntk.graph import BATCH, FREE, INFERRED, Axis, Shape, Variable


class Moving(Making):
    """Makes functions that move elements."""

    def split_axis(self, x: Operand, position: int, layout: Layout) -> Operand:
        """A new axis of size 1 behind a static one; the others' sizes may be open."""
        place = x.static(position)
        shape = (*x.shape[: place + 1], 1, *x.shape[place + 1 :])
        where = Axis(len(x.shape) - 1 - place)
        said: dict[str, Any] = {"beginAxis": where, "endAxis": where, "newShape": Shape((1,))}
        return self.make("Reshape", x, shape=shape, layout=layout, **said)

    def join_axes(self, x: Operand, position: int, size: int, layout: Layout) -> Operand:
        """A static axis and the one behind it as one, of this size; the others' may be open."""
        place = x.static(position)
        shape = (*x.shape[:place], size, *x.shape[place + 2 :])
        last = len(x.shape) - 1 - place
        said: dict[str, Any] = {"beginAxis": Axis(last - 1), "endAxis": Axis(last + 1)}
        whole = Shape((INFERRED if size == FREE else size,))
        return self.make("Reshape", x, shape=shape, layout=layout, newShape=whole, **said)

    def viewed(self, x: Operand, layout: Layout) -> Operand:
        """The same variable, its axes otherwise named."""
        return Operand(
            layout, x.shape, x.dtype, x.variable, x.value if x.tensor else None, x.tensor
        )

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
        layout: Layout = (BATCH, *(None,) * (x.rank - 1))
        return self.scope.once(
            ("ToBatch", x.variable or x, x.layout),
            lambda: self.make("ToBatch", x, shape=x.shape[1:], layout=layout, axes=(BATCH,)),
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
        size = (
            (sizes(x.value.shape) or ())[place] if x.value is not None and x.value.shape else FREE
        )
        layout: Layout = (None,) * x.rank
        shape = (FREE, *x.shape)
        made = self.make("UnpackBatch", x, shape=shape, layout=layout, axes=())
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
        total = (
            FREE
            if any(one.shape[place] == FREE for one in parts)
            else sum(one.shape[place] for one in parts)
        )
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
