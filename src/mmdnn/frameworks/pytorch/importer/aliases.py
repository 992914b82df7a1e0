"""Tensors that share their numbers: what is written to a view reaches its base, and all views of it.

ONNX's values never change. A `Tensor` is a variable that holds one; a view remembers its base and how it is
made of it. When something is written to a view, the base gets a new value, and other views are made
again when they are read next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, rank

VIEWS = {
    "alias", "as_strided", "chunk", "contiguous", "detach", "diagonal", "expand", "expand_as",
    "flatten", "lift_fresh", "mH", "mT", "H", "T", "movedim", "moveaxis", "narrow", "numpy_T",
    "permute", "ravel", "reshape", "reshape_as", "select", "slice", "split",
    "split_with_sizes", "squeeze", "swapaxes", "swapdims", "t", "tensor_split", "to",
    "transpose", "type_as", "dropout", "unbind", "unflatten", "unfold", "unsqueeze", "view",
    "view_as", "unsafe_chunk", "float",
}  # fmt: skip
"""Operators whose result shares its numbers with the first argument, at least where nothing must change."""

STRIDED = {
    "as_strided", "chunk", "diagonal", "expand", "expand_as", "mH", "mT", "H", "T", "movedim",
    "moveaxis", "narrow", "numpy_T", "permute", "slice", "split", "split_with_sizes",
    "swapaxes", "swapdims", "t", "tensor_split", "transpose", "unfold", "unsafe_chunk",
    "unbind", "select",
}  # fmt: skip
"""Views whose numbers may lie out of order, so that a later reshape may have to copy them."""

COPIES = {"contiguous", "flatten", "ravel", "reshape", "reshape_as"}
"""What copies numbers that lie out of order, and is a view of others."""


class Journal:
    """What tensors held before something was read or written, so that it can be taken back."""

    def __init__(self) -> None:
        self.before: dict[Tensor, tuple[ir.Value, ir.Value | None]] = {}
        self.written: dict[Tensor, None] = {}

    def note(self, tensor: Tensor, *, written: bool) -> None:
        """Keep what a tensor holds, when that changes for the first time."""
        self.before.setdefault(tensor, (tensor.value, tensor.seen))
        if written and tensor.base is None:
            self.written[tensor] = None

    def undo(self) -> None:
        """Let all tensors hold what they held."""
        for tensor, (value, seen) in self.before.items():
            tensor.value, tensor.seen = value, seen


_JOURNALS: list[Journal] = []


@contextmanager
def recorded() -> Iterator[Journal]:
    """What changes inside is taken back at the end."""
    journal = Journal()
    _JOURNALS.append(journal)
    try:
        yield journal
    finally:
        _JOURNALS.pop()
        journal.undo()


def _note(tensor: Tensor, *, written: bool) -> None:
    for journal in _JOURNALS:
        journal.note(tensor, written=written)


class Tensor:
    """A variable of the program that holds a tensor.

    Attributes:
        value: What it holds, or has held when it was read last.
        base: What it is a view of.
        replay: How it is made of the base's value.
        wrapped: The number, where it is one of Python's, which widens no other tensor.
        strided: Whether its numbers may lie out of order.
        unsure: Whether it may as well be a copy.
    """

    def __init__(
        self,
        value: ir.Value,
        base: Tensor | None = None,
        replay: Callable[[ir.Value], ir.Value] | None = None,
    ) -> None:
        self.value = value
        self.base = base
        self.replay = replay
        self.seen = base.value if base is not None else None
        self.wrapped: float | None = None
        self.strided = False
        self.unsure = False

    def read(self, op: Op) -> ir.Value:
        """The value that it holds now."""
        if self.base is not None and self.replay is not None:
            now = self.base.read(op)
            if now is not self.seen:
                self._check()
                _note(self, written=False)
                self.value, self.seen = self.replay(now), now
        return self.value

    def write(self, op: Op, value: ir.Value) -> None:
        """Let it hold another value of its shape, and its base with it."""
        _note(self, written=True)
        if self.base is None or self.replay is None:
            self.value = _like(op, value, self.value)
            return
        self._check()
        before, old = self.base.read(op), self.read(op)
        value = _like(op, value, old)
        whole = value if before is old else _put(op, before, value, self.replay)
        self.base.write(op, whole)
        self.value, self.seen = value, self.base.value

    def _check(self) -> None:
        if self.unsure:
            raise UnsupportedError("whether a tensor shares its numbers depends on how they lie")


def _like(op: Op, value: ir.Value, old: ir.Value) -> ir.Value:
    """Broadcast to the shape of what is written over."""
    if value.shape == old.shape or rank(old) == 0:
        return value
    return op.Expand(value, axes.vector(op, old, [(axis,) for axis in range(rank(old))]))


def _put(
    op: Op, base: ir.Value, value: ir.Value, replay: Callable[[ir.Value], ir.Value]
) -> ir.Value:
    """The base's numbers, those of a view being others: the view of their places says which."""
    count = rank(base)
    total = axes.size(op, base, range(count))
    whole = axes.vector(op, base, [(axis,) for axis in range(count)])
    if isinstance(total, np.ndarray) and isinstance(whole, np.ndarray):
        places = op.Identity(np.arange(total[0]).reshape(whole))
    else:
        places = op.Reshape(op.Range(np.int64(0), op.Squeeze(total), np.int64(1)), whole)
    flat = op.Reshape(replay(places), [-1])
    changed = op.ScatterElements(op.Reshape(base, [-1]), flat, op.Reshape(value, [-1]), axis=0)
    found = op.Reshape(changed, whole)
    found.shape = base.shape
    return found
