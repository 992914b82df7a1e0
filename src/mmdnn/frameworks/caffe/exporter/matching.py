"""Whether two graphs compute the same: compared from their results backwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.equivalents import FORMS
from mmdnn.frameworks.caffe.exporter.values import inputs_of, same_attributes, small
from mmdnn.tensors import references

Handed: TypeAlias = Mapping[int, tuple[int, ir.TensorProtocol]]
"""Stand-ins for weights, by their id: the weight's place among the blobs, and the stand-in."""


class Match:
    """Comparing values by what they are computed from."""

    def __init__(
        self, stand_ins: dict[ir.Value, ir.Value], weights: Sequence[ir.Value], handed: Handed
    ) -> None:
        self.handed = handed
        self.stand_ins = stand_ins
        self.weights = weights
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
        return self._nodes(ours, theirs) or any(form(self, ours, theirs) for form in FORMS)

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
