"""How often a loop runs: counters that decide alone, and variables that never change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.graph import Graph, Node, Ref
from mmdnn.frameworks.tensorflow.importer.table import ImportedNode, Value, as_type
from mmdnn.ir.builder import Op, rank
from mmdnn.ir.sizes import trace
from mmdnn.ir.values import number

IDENTITIES = {"Identity", "Snapshot", "StopGradient"}
_ENDLESS = 1 << 31
"""A bound that is none: what `maximum_iterations` is where nothing is said."""


@dataclass
class Iterations:
    """What is known of a loop before it is imported.

    Attributes:
        node: Its node.
        op: ONNX's operators around it.
        condition: Whether there is another iteration, of the variables.
        body: The variables after an iteration.
        inputs: The variables at the beginning.
        fixed: The places of variables that never change.
        counters: Of variables that grow by 1, where they begin.
        limit: The number of iterations; None where counters alone do not decide.
    """

    node: ImportedNode
    op: Op
    condition: Graph
    body: Graph
    inputs: Sequence[Any]

    def __post_init__(self) -> None:
        places = range(len(self.inputs))
        self.fixed = [i for i in places if self._passed(i)]
        self.counters = {i: start for i in places if (start := self._counts(i)) is not None}
        self.limit = self._limit()

    def _source(self, graph: Graph, ref: Ref) -> Node:
        """What makes a value, but for identities."""
        node = graph.nodes[ref.node]
        while node.op in IDENTITIES:
            node = graph.nodes[node.inputs[0].node]
        return node

    def _passed(self, place: int) -> bool:
        """Whether a variable never changes."""
        return self._source(self.body, self.body.results[place]).name == self.body.arguments[place]

    def _counts(self, place: int) -> int | None:
        """Where a variable begins that grows by 1; None for others."""
        node = self._source(self.body, self.body.results[place])
        start = self.inputs[place]
        if (
            node.op not in {"Add", "AddV2"}
            or not isinstance(start, ir.Value)
            or len(node.inputs) != 2
        ):
            return None
        known = number(start)
        if known is None or start.dtype not in {ir.DataType.INT32, ir.DataType.INT64}:
            return None
        parts = [self._source(self.body, ref) for ref in node.inputs]
        names = [part.name for part in parts]
        if self.body.arguments[place] not in names:
            return None
        step = self._number(self.body, parts[1 - names.index(self.body.arguments[place])])
        return int(known) if step == 1 else None

    def _number(self, graph: Graph, node: Node) -> float | None:
        """The number that a constant is, or a variable that never changes."""
        if node.op == "Const":
            tensor = node.attributes.get("value")
            is_one = tensor is not None and tensor.size == 1
            return float(tensor.numpy().reshape(())) if is_one else None  # type: ignore[union-attr]
        if node.name in graph.arguments:
            place = graph.arguments.index(node.name)
            value = self.inputs[place]
            if self._passed(place) and isinstance(value, ir.Value):
                return number(value)
        return None

    def _limit(self) -> Value | None:
        """The number of iterations, where counters alone decide."""
        todo, bounds = [self.condition.results[0]], []
        while todo:
            node = self._source(self.condition, todo.pop())
            if node.op == "LogicalAnd":
                todo += node.inputs
                continue
            if node.op != "Less":
                return None
            counter = self._source(self.condition, node.inputs[0])
            most = self._source(self.condition, node.inputs[1])
            if counter.name not in self.condition.arguments:
                return None
            start = self.counters.get(self.condition.arguments.index(counter.name))
            bound = self._outside(most)
            if start is None or bound is None:
                return None
            bounds.append((start, bound))
        return self._least(bounds)

    def _outside(self, node: Node) -> Value | None:
        """A value of the condition that is the same in all iterations, outside the loop."""
        if node.op == "Const":
            return self.node.builder.constant(node.attributes["value"].numpy())
        if node.name in self.condition.arguments:
            place = self.condition.arguments.index(node.name)
            value = self.inputs[place]
            return value if place in self.fixed and isinstance(value, ir.Value) else None
        return None

    def _least(self, bounds: Sequence[tuple[int, Value]]) -> Value:
        op, found = self.op, dict[Any, Value]()
        for start, bound in bounds:
            wide = as_type(op, bound, ir.DataType.INT64)
            count = op.Sub(wide, np.int64(start)) if start else wide
            if rank(count):
                count = op.Reshape(count, np.zeros(0, np.int64))
            sizes = trace(count)
            found.setdefault(tuple(sizes) if sizes else id(count), count)
        known = [int(n) for n in map(number, found.values()) if n is not None]
        rest = [count for count in found.values() if number(count) is None]
        if known and (not rest or min(known) < _ENDLESS):
            rest.append(self.node.builder.constant(max(min(known), 0), np.int64))
        return op.Min(*rest) if len(rest) > 1 else rest[0]
