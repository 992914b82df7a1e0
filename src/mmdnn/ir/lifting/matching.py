"""Whether two graphs compute the same: compared from their results backwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import rank
from mmdnn.ir.lifting.groups import small
from mmdnn.ir.passes.defaults import defaults
from mmdnn.tensors import references

Handed: TypeAlias = Mapping[int, tuple[int, ir.TensorProtocol]]
"""Stand-ins for weights, by their id: the weight's place among the blobs, and the stand-in."""


Same: TypeAlias = Callable[[ir.Value | None, ir.Value | None], bool]
Form: TypeAlias = Callable[[Same, ir.Value, ir.Value], bool]
"""`(same, ours, theirs)`: whether two values are the same, said in another way."""


class Match:
    """Comparing values by what they are computed from.

    Args:
        stand_ins: What stands for a group's bottoms.
        weights: Its weights, in the order of the proposal's blobs.
        handed: What stands for those.
        forms: Other ways to compute the same.
    """

    def __init__(
        self,
        stand_ins: Mapping[ir.Value, ir.Value],
        weights: Sequence[ir.Value],
        handed: Handed,
        forms: Sequence[Form],
    ) -> None:
        self.handed = handed
        self.stand_ins = stand_ins
        self.weights = weights
        self.forms = forms
        self.known: dict[ir.Value, ir.Value] = {}
        self.different: set[tuple[ir.Value, ir.Value]] = set()

    def values(self, ours: ir.Value | None, theirs: ir.Value | None) -> bool:
        """Whether the two are computed alike from the same inputs."""
        if ours is None or theirs is None:
            return ours is theirs
        if ours in self.known:
            return self.known[ours] is theirs
        if (ours, theirs) in self.different:
            return False
        same = self._alike(ours, theirs)
        if same:
            self.known[ours] = theirs
        else:
            self.different.add((ours, theirs))
        return same

    def _alike(self, ours: ir.Value, theirs: ir.Value) -> bool:
        if ours in self.stand_ins:
            return self.stand_ins[ours] is theirs
        if ours.const_value is not None:
            return self._constants(ours, theirs)
        return self._nodes(ours, theirs) or any(
            form(self.values, ours, theirs) for form in self.forms
        )

    def _constants(self, ours: ir.Value, theirs: ir.Value) -> bool:
        made = theirs.const_value
        if made is None or ours.const_value is None:
            return False
        before = references.before_transpose(made)
        if before is not None and references.before_transpose(ours.const_value) is None:
            return False
        if id(before or made) in self.handed:
            index, _ = self.handed[id(before or made)]
            return self.weights[index] is ours and made.shape == ours.const_value.shape
        one, other = small(ours), small(theirs)
        if one is None or other is None or one.dtype != other.dtype:
            return False
        if one.size == other.size == 1 and max(one.ndim, other.ndim) == 1:
            one, other = one.reshape(()), other.reshape(())
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")

    def _nodes(self, ours: ir.Value, theirs: ir.Value) -> bool:
        one, other = ours.producer(), theirs.producer()
        if one is None or other is None or ours.index() != theirs.index():
            return False
        if (one.op_type, one.domain) != (other.op_type, other.domain):
            return False
        if not same_attributes(one, other):
            return False
        mine, others = inputs_of(one), inputs_of(other)
        return len(mine) == len(others) and all(map(self.values, mine, others))


def inputs_of(node: ir.Node) -> list[ir.Value | None]:
    """A node's inputs; without axes, where they are all axes."""
    axes = node.inputs[1] if node.op_type.startswith("Reduce") and len(node.inputs) > 1 else None
    said = small(axes)
    x = node.inputs[0]
    every = said is not None and x is not None and x.shape is not None and said.size == rank(x)
    return [x] if every else list(node.inputs)


def same_attributes(one: ir.Node, other: ir.Node) -> bool:
    """Whether two nodes have the same attributes, defaults included; subgraphs are never the same."""
    known = defaults(one)
    mine, others = ({**known, **node.attributes} for node in (one, other))
    if mine.keys() != others.keys():
        return False
    for name, attribute in mine.items():
        ours, theirs = attribute.value, others[name].value
        if attribute.type == ir.AttributeType.TENSOR:
            if not np.array_equal(ours.numpy(), theirs.numpy(), equal_nan=True):
                return False
        elif attribute.type == ir.AttributeType.FLOAT:
            if np.float32(ours) != np.float32(theirs):
                return False
        elif name == "axis":
            if ours != _counted(one, theirs, ours):
                return False
        elif attribute.type == ir.AttributeType.GRAPH or ours != theirs:
            return False
    return True


def _counted(node: ir.Node, axis: int, like: int) -> int:
    """An axis counted from that end from which the other one is; OneHot's is of one more."""
    x = next(iter(node.inputs), None) if node.op_type != "OneHot" else None
    if x is None or x.shape is None or (axis < 0) == (like < 0):
        return axis
    return axis + rank(x) if axis < 0 else axis - rank(x)
