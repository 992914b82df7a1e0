"""What exporters share of a recurrent node: its inputs by name, and its output in the layer's own axes.

Y is [T, D, N, H], and with the batch first [N, T, D, H], D being the directions; layers of frameworks give
[T, N, D * H], or [N, T, D * H]. Networks turn the axes back behind ONNX's node by a Squeeze, or by a
Transpose and a Reshape: `Views` finds these, and the exporter writes its layer's own output there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import onnx_ir as ir

from mmdnn.ir.builder import dimensions
from mmdnn.ir.recurrent.nodes import Recurrent
from mmdnn.ir.values import constant, ints

T = TypeVar("T")


@dataclass(frozen=True)
class Inputs(Generic[T]):
    """What a node reads: the target's operands, or the IR's values; None for what is left out.

    Attributes:
        x: The steps.
        w: Weights of the input.
        r: Weights of the state.
        b: Both biases.
        lengths: Of each sequence, how many steps it has.
        h: The state before the first step.
        c: An LSTM's cell before the first step.
        p: An LSTM's peepholes.
    """

    x: T
    w: T
    r: T
    b: T | None = None
    lengths: T | None = None
    h: T | None = None
    c: T | None = None
    p: T | None = None

    @classmethod
    def of(cls, operands: Sequence[T | None]) -> Inputs[T]:
        """Of a node's operands, in ONNX's order."""
        x, w, r, *others = operands
        assert x is not None
        assert w is not None
        assert r is not None
        return cls(x, w, r, *others)

    def states(self, kind: str) -> list[T | None]:
        """The states that a layer of this kind has before the first step."""
        return [self.h, self.c] if kind == "LSTM" else [self.h]


def is_plain(node: ir.Node, said: Recurrent) -> bool:
    """Whether it is what layers of frameworks are: fixed weights, no peepholes, the batch second."""
    given = Inputs.of(node.inputs)
    fixed = all(v is None or constant(v) is not None for v in (given.w, given.r, given.b))
    return fixed and given.p is None and not said.batch_first


@dataclass(frozen=True)
class View(Generic[T]):
    """A value that is a layer's own output in other axes.

    Attributes:
        flat: That output, [T, N, D * H].
        ways: D.
        size: H.
        last: Whether the directions are the last axis but one, not the second.
        joined: Whether it is that output as it stands.
    """

    flat: T
    ways: int
    size: int
    last: bool
    joined: bool = False


class Views(dict[ir.Value, View[T]]):
    """By the IR's values, those that are such views."""

    def of(self, node: ir.Node) -> View[T] | None:
        """The view that a node makes of a view; None where it does something else."""
        value = node.inputs[0] if node.inputs and not node.domain else None
        view = self.get(value) if value is not None else None
        if view is None or value is None:
            return None
        perm = list(node.attributes.get_ints("perm", []))
        if node.op_type == "Transpose" and not view.last and perm == [0, 2, 1, 3]:
            self[node.outputs[0]] = replace(view, last=True)
            return self[node.outputs[0]]
        if node.op_type in {"Reshape", "Squeeze"} and _joins(node, value, view):
            return replace(view, joined=True)
        return None


def _joins(node: ir.Node, value: ir.Value, view: View[T]) -> bool:
    """Whether a node makes [T, N, D * H] of [T, N, D, H], or of [T, 1, N, H]."""
    known = (None,) * 4 if value.shape is None else dimensions(value)
    steps, streams, last = known[0], known[1 if view.last else 2], view.ways * view.size
    whole = (steps, streams, last) if view.last or view.ways == 1 else (None,)
    if None not in whole and node.outputs[0].shape and dimensions(node.outputs[0]) == whole:
        return True
    axes = ints(node.inputs[1]) if len(node.inputs) > 1 else None
    if node.op_type == "Squeeze" and axes is not None:
        return view.ways == 1 and [axis % 4 for axis in axes] == [2 if view.last else 1]
    if axes is None or len(axes) != 3 or not view.last:
        return False
    if axes[0] == -1:
        return axes[1:] == [streams, last]
    return axes[0] in {0, steps} and axes[1] in {0, streams} and axes[2] in {-1, last}
