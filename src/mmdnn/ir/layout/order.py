"""The order in which a value's axes are stored, and what that makes of tensors.

An axis that was made by merging others (a flattened image) is stored in parts; `(axis, part)` is an atom,
and an order is all atoms of a value as they lie, those of an axis together. `((0, 0), (3, 0), (1, 0),
(2, 0))` is an image that is channels-last where it is made, and stored channels-first.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.tensors import references

Atom: TypeAlias = tuple[int, int]
Order: TypeAlias = tuple[Atom, ...]
Size: TypeAlias = "int | str"
Factors: TypeAlias = tuple[tuple[Size, ...], ...]
"""The sizes of the parts of each axis."""

SMALL = 4096
"""Elements of a tensor that is arranged at once; a larger one is when it is written."""

LAYOUT = "mmdnn.layout"
"""Of a value: how the source has it, where that is otherwise; see `Arrangement`."""


def usual(factors: Factors) -> Order:
    """The order of a value that is stored as it is."""
    return ordered(factors, range(len(factors)))


def ordered(factors: Factors, axes: Iterable[int]) -> Order:
    """The order in which the axes lie so, each as it is."""
    return tuple((axis, part) for axis in axes for part in range(len(factors[axis])))


def plain(axes: Sequence[int]) -> Order:
    """An order of whole axes."""
    return tuple((axis, 0) for axis in axes)


def axes_of(order: Order) -> list[int]:
    """The axes as they lie."""
    return list(dict.fromkeys(axis for axis, _ in order))


def parts_of(order: Order, axis: int) -> tuple[int, ...]:
    """The parts of an axis as they lie."""
    return tuple(part for each, part in order if each == axis)


def is_sound(order: Order) -> bool:
    """Whether the parts of each axis lie together."""
    changes = sum(a[0] != b[0] for a, b in pairwise(order))
    return changes < len({axis for axis, _ in order}) or not order


def is_whole(order: Order, axis: int) -> bool:
    """Whether an axis lies as it is."""
    parts = parts_of(order, axis)
    return parts == tuple(range(len(parts)))


def moved(order: Order, places: Mapping[int, int]) -> Order:
    """The order with other numbers for its axes; those without one are left out."""
    return tuple((places[axis], part) for axis, part in order if axis in places)


def fitted(order: Order, factors: Factors) -> Order | None:
    """The order for a value of other parts: an axis of one part has them as they are, and the reverse."""
    counts = {axis: len(parts_of(order, axis)) for axis in axes_of(order)}
    found: list[Atom] = []
    for axis, part in order:
        count = len(factors[axis])
        if counts[axis] == count:
            found.append((axis, part))
        elif 1 in (count, counts[axis]):
            found += [(axis, i) for i in range(count)] if part == 0 else []
        else:
            return None
    return tuple(found)


def collapsed(order: Order) -> Order:
    """The order, where axes that lie as they are have one part."""
    whole = {axis: is_whole(order, axis) for axis in axes_of(order)}
    return tuple((axis, part) for axis, part in order if not whole[axis] or part == 0)


def is_known(order: Order, factors: Factors) -> bool:
    """Whether the sizes of all parts that do not lie as they are are known."""
    return all(
        is_whole(order, axis) or all(isinstance(size, int) for size in factors[axis])
        for axis in axes_of(order)
    )


def arranged(array: np.ndarray, factors: Sequence[Sequence[int]], order: Order) -> np.ndarray:
    """An array, in that order."""
    starts = np.cumsum([0, *(len(sizes) for sizes in factors)])
    flat = array.reshape([size for sizes in factors for size in sizes])
    turned = flat.transpose([int(starts[axis]) + part for axis, part in order])
    return np.ascontiguousarray(turned).reshape([array.shape[axis] for axis in axes_of(order)])


def arranged_tensor(tensor: ir.TensorProtocol, factors: Factors, order: Order) -> ir.TensorProtocol:
    """A tensor, in that order.

    Args:
        tensor: Its sizes may be 1 where the factors say others: it is broadcast there.
        factors: Of each of its axes.
        order: The order.
    """
    shape, order = tensor.shape.numpy(), collapsed(order)
    sizes = [
        [size] if parts_of(order, axis) == (0,) else [1 if size == 1 else int(p) for p in parts]
        for axis, (size, parts) in enumerate(zip(shape, factors, strict=True))
    ]
    if order == plain((1, 0)):
        return references.transposed(tensor)
    wanted = [shape[axis] for axis in axes_of(order)]
    return changed(tensor, lambda array: arranged(array, sizes, order), wanted)


def reshaped(tensor: ir.TensorProtocol, shape: Sequence[int]) -> ir.TensorProtocol:
    """A tensor's numbers in another shape."""
    if tensor.shape.numpy() == tuple(shape):
        return tensor
    return changed(tensor, lambda array: array.reshape(shape), shape)


def changed(
    tensor: ir.TensorProtocol, function: references.Function, shape: Sequence[int]
) -> ir.TensorProtocol:
    """A tensor made of another one: at once where it is small and known, else when it is written."""
    if tensor.size <= SMALL and isinstance(tensor, ir.Tensor):
        return ir.Tensor(function(tensor.numpy()), dtype=tensor.dtype, name=tensor.name)
    return references.lazy(tensor, function, shape=shape)


@dataclass(frozen=True)
class Arrangement:
    """How the source has a value, which is here in another order.

    Attributes:
        stored: For each axis here the sizes of its parts; (0,) for one that is whole.
        perm: For each part there, its place among the parts here.
        groups: How many parts each axis there has.
    """

    stored: tuple[tuple[int, ...], ...]
    perm: tuple[int, ...]
    groups: tuple[int, ...]

    @classmethod
    def of(cls, order: Order, factors: Factors, view: Sequence[int]) -> Arrangement:
        """That of a value in that order, which the source has with the axes `view`."""
        atoms, order = usual(factors), collapsed(order)
        stored = tuple(
            tuple(int(factors[axis][p]) for p in parts) if len(parts) > 1 else (0,)
            for axis in axes_of(order)
            for parts in [parts_of(order, axis)]
        )
        source = [atom for axis in view for atom in atoms if atom[0] == axis and atom in order]
        groups = tuple(len(parts_of(order, axis)) for axis in view)
        return cls(stored, tuple(order.index(atom) for atom in source), groups)

    @classmethod
    def read(cls, value: ir.Value) -> Arrangement | None:
        """What is recorded of a value; None where the source has it as it is here."""
        text = value.metadata_props.get(LAYOUT)
        if not text:
            return None
        stored, perm, groups = json.loads(text)
        return cls(tuple(map(tuple, stored)), tuple(perm), tuple(groups))

    @property
    def is_usual(self) -> bool:
        """Whether there is nothing to do."""
        return self.perm == tuple(range(len(self.perm)))

    def __str__(self) -> str:
        return json.dumps([self.stored, self.perm, self.groups], separators=(",", ":"))

    def source(self, array: np.ndarray) -> np.ndarray:
        """A value from here as the source has it."""
        sizes = [s or array.shape[axis] for axis, each in enumerate(self.stored) for s in each]
        turned = array.reshape(sizes).transpose(self.perm)
        return np.ascontiguousarray(turned).reshape(_merged(turned.shape, self.groups))

    def shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape here of a value of that shape in the source."""
        return self.here(np.broadcast_to(np.bool_(False), shape)).shape

    def here(self, array: np.ndarray) -> np.ndarray:
        """A value from the source as it is here."""
        flat = [size for each in self.stored for size in each]
        sizes: list[int] = []
        for axis, count in enumerate(self.groups):
            known = [flat[place] for place in self.perm[len(sizes) : len(sizes) + count]]
            sizes += [size or array.shape[axis] for size in known]
        turned = array.reshape(sizes).transpose(np.argsort(self.perm))
        groups = [len(each) for each in self.stored]
        return np.ascontiguousarray(turned).reshape(_merged(turned.shape, groups))


def _merged(sizes: Sequence[int], groups: Sequence[int]) -> list[int]:
    ends = np.cumsum([0, *groups])
    return [math.prod(sizes[a:b]) for a, b in pairwise(ends)]
