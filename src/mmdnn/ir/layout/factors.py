"""The parts of merged axes: what a Reshape merges or splits, on both sides and wherever the axis goes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import onnx_ir as ir

from mmdnn.ir.layout.order import Atom, Factors, Order, Size

Key: TypeAlias = tuple[ir.Value, int]
"""A value, and an axis as it is made."""


@dataclass
class Factoring:
    """Axes that are the same axis, and the parts they have."""

    _parents: dict[Key, Key] = field(default_factory=dict)
    _sizes: dict[Key, tuple[Size, ...]] = field(default_factory=dict)

    def of(self, value: ir.Value) -> Factors:
        """The parts of each axis of a value; none where its rank is not known."""
        return tuple(self.parts((value, axis)) for axis in range(len(value.shape or ())))

    def parts(self, key: Key) -> tuple[Size, ...]:
        """The sizes of an axis' parts."""
        root = self._root(key)
        return self._sizes.get(root) or (_size(*root),)

    def same(self, one: Key, other: Key) -> None:
        """That two axes are the same axis, if their sizes are."""
        a, b = self._root(one), self._root(other)
        if a == b or _size(*a) != _size(*b):
            return
        parts = _refined(self.parts(a), self.parts(b))
        if parts is not None:
            self._parents[b] = a
            self._sizes[a] = parts

    def split(self, key: Key, sizes: Sequence[Size]) -> bool:
        """That an axis has these parts; whether that is new."""
        parts, root = _refined(self.parts(key), tuple(sizes)), self._root(key)
        if parts is None or parts == self.parts(root):
            return False
        self._sizes[root] = parts
        return True

    def _root(self, key: Key) -> Key:
        while key in self._parents:
            key = self._parents[key]
        return key


def _size(value: ir.Value, axis: int) -> Size:
    dim = (value.shape or ())[axis]
    return dim if isinstance(dim, int) else dim.value or f"? {value.name} {axis}"


def _refined(one: tuple[Size, ...], other: tuple[Size, ...]) -> tuple[Size, ...] | None:
    """The parts of both; None where they do not go together."""
    if len(other) == 1:
        return one
    if len(one) == 1:
        return other
    found = _matched(one, other)
    return None if found is None else tuple(size for size, _, _ in found)


def _matched(one: Sequence[Size], other: Sequence[Size]) -> list[tuple[Size, int, int]] | None:
    """Sizes that multiply to both rows: each with its place in the one and in the other."""
    found: list[tuple[Size, int, int]] = []
    i = j = 0
    a: Size = 1
    b: Size = 1
    while True:
        if a == 1 and i < len(one):
            a, i = one[i], i + 1
        if b == 1 and j < len(other):
            b, j = other[j], j + 1
        if a == b:
            if a == 1:
                return found if i == len(one) and j == len(other) else None
            step: Size = a
        elif isinstance(a, int) and isinstance(b, int):
            step = min(a, b)
            if step < 2 or max(a, b) % step:
                return None
        else:
            return None
        found.append((step, i - 1, j - 1))
        a = 1 if a == step else int(a) // int(step)
        b = 1 if b == step else int(b) // int(step)


def atoms(factors: Factors) -> Iterator[tuple[Size, Atom]]:
    """Sizes other than 1, and whose they are."""
    for axis, sizes in enumerate(factors):
        for part, size in enumerate(sizes):
            if size != 1:
                yield size, (axis, part)


def regrouped(before: Factors, after: Factors) -> list[tuple[Size, tuple[Atom, Atom]]] | None:
    """What of a reshaped value lies where: sizes, and of which part they are on both sides.

    One open size on each side is the same one, where the others multiply to the same.
    """
    left, right = list(atoms(before)), list(atoms(after))
    opens = [[size for size, _ in side if isinstance(size, str)] for side in (left, right)]
    if [len(each) for each in opens] == [1, 1] and opens[0] != opens[1]:
        products = [math.prod(s for s, _ in side if isinstance(s, int)) for side in (left, right)]
        if products[0] != products[1]:
            return None
        right = [(opens[0][0] if isinstance(s, str) else s, atom) for s, atom in right]
    found = _matched([size for size, _ in left], [size for size, _ in right])
    return None if found is None else [(size, (left[i][1], right[j][1])) for size, i, j in found]


def completed(order: Sequence[Atom], factors: Factors) -> Order:
    """An order with the axes of size 1 in it too, each behind the axis before it."""
    found = list(order)
    for axis, sizes in enumerate(factors):
        if any(each == axis for each, _ in found):
            continue
        last = max((i for i, (each, _) in enumerate(found) if each == axis - 1), default=-1)
        found[last + 1 : last + 1] = [(axis, part) for part in range(len(sizes))]
    return tuple(found)
