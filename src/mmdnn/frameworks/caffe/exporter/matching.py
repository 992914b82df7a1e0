"""Whether two graphs compute the same: compared from their results backwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import dimensions

Handed: TypeAlias = Mapping[int, tuple[int, ir.TensorProtocol]]
"""Stand-ins for weights, by their id: the weight's place among the blobs, and the stand-in."""


def sizes(value: ir.Value) -> tuple[int, ...]:
    """The sizes, an open one as 0."""
    return tuple(dim if isinstance(dim, int) else 0 for dim in dimensions(value))


def stored(value: ir.Value) -> tuple[int, ...]:
    assert value.const_value is not None
    return tuple(int(dim) for dim in value.const_value.shape.numpy())


def rank(value: ir.Value) -> int:
    return len(dimensions(value))


class Match:
    """Comparing values by what they are computed from."""

    def __init__(
        self, stand_ins: dict[ir.Value, ir.Value], weights: Sequence[ir.Value], handed: Handed
    ) -> None:
        self.handed = handed
        self.stand_ins = stand_ins
        self.weights = weights
        self.known: dict[ir.Value, ir.Value] = {}

    def values(self, ours: ir.Value | None, theirs: ir.Value | None) -> bool:
        """Whether the two are computed alike from the same inputs."""
        if ours is None or theirs is None:
            return ours is theirs
        if ours in self.stand_ins:
            return self.stand_ins[ours] is theirs
        if ours in self.known:
            return self.known[ours] is theirs
        constant = ours.const_value is not None
        same = self._constants(ours, theirs) if constant else self._nodes(ours, theirs)
        if same:
            self.known[ours] = theirs
        return same

    def _constants(self, ours: ir.Value, theirs: ir.Value) -> bool:
        made = theirs.const_value
        if made is None or ours.const_value is None:
            return False
        if id(made) in self.handed:
            index, _ = self.handed[id(made)]
            return self.weights[index] is ours and made.shape == ours.const_value.shape
        one, other = small(ours), small(theirs)
        if one is None or other is None or one.dtype != other.dtype:
            return False
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")

    def _nodes(self, ours: ir.Value, theirs: ir.Value) -> bool:
        one, other = ours.producer(), theirs.producer()
        if one is None or other is None or ours.index() != theirs.index():
            return False
        if (one.op_type, one.domain) != (other.op_type, other.domain):
            return False
        if len(one.inputs) != len(other.inputs) or not _same_attributes(one, other):
            return False
        return all(self.values(a, b) for a, b in zip(one.inputs, other.inputs, strict=True))


def _same_attributes(one: ir.Node, other: ir.Node) -> bool:
    if one.attributes.keys() != other.attributes.keys():
        return False
    for name, attribute in one.attributes.items():
        ours, theirs = attribute.value, other.attributes[name].value
        if attribute.type == ir.AttributeType.TENSOR:
            if not np.array_equal(ours.numpy(), theirs.numpy(), equal_nan=True):
                return False
        elif attribute.type == ir.AttributeType.FLOAT:
            if np.float32(ours) != np.float32(theirs):
                return False
        elif attribute.type == ir.AttributeType.GRAPH or ours != theirs:
            return False
    return True


def small(value: ir.Value | None) -> np.ndarray | None:
    """The numbers of a constant that is small and at hand."""
    tensor = value.const_value if value is not None else None
    if tensor is None or tensor.size > 1 << 16 or isinstance(tensor, ir.ExternalTensor):
        return None
    return tensor.numpy()
