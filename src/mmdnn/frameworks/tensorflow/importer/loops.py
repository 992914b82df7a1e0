"""Loops: While, whose condition and body are functions, as ONNX's Loop.

What a loop's body gives back as it was given is no variable of it. A counter that decides alone when the loop
ends is its number of iterations. What is written to a list at that number is what Loop stacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.graph import Call, Graph
from mmdnn.frameworks.tensorflow.importer.control_flow import (
    body_builder,
    finished,
    function,
    run,
    truth,
)
from mmdnn.frameworks.tensorflow.importer.iterations import Iterations
from mmdnn.frameworks.tensorflow.importer.lists import TensorList
from mmdnn.frameworks.tensorflow.importer.table import RAW, ImportedNode, Value, as_type, importer
from mmdnn.ir.builder import Op, rank
from mmdnn.ir.folding import FoldingBuilder
from mmdnn.ir.sizes import trace
from mmdnn.ir.values import number

MOST_ATTEMPTS = 4


class Loop:
    """A loop on its way in.

    Args:
        node: Its node.
        op: ONNX's operators around it.
        condition: Whether there is another iteration, of the variables.
        body: The variables after an iteration.
        inputs: The variables at the beginning.
    """

    def __init__(
        self, node: ImportedNode, op: Op, condition: Graph, body: Graph, inputs: Sequence[Any]
    ) -> None:
        self.node = node
        self.op = op
        self.condition = condition
        self.body = body
        self.inputs = inputs
        known = Iterations(node, op, condition, body, inputs)
        self.fixed, self.counters, self.limit = known.fixed, known.counters, known.limit
        self.shapes: dict[int, list[Any] | None] = {
            place: list(v.shape) if isinstance(v, ir.Value) and v.shape is not None else None
            for place, v in enumerate(inputs)
        }

    def run(self) -> list[Any]:
        """What it gives."""
        for _ in range(MOST_ATTEMPTS):
            found = self._attempt()
            if found is not None:
                return found
        return self.node.refuse("the shapes of its variables do not settle")

    def _attempt(self) -> list[Any] | None:
        """The loop with the shapes that are known; None where they turn out to change."""
        inner = body_builder(self.node, "body")
        op = inner.op
        name = self.node.name
        step = inner.input(inner.unique(f"{name}/iteration"), [], ir.DataType.INT64)
        going = inner.input(inner.unique(f"{name}/going"), [], ir.DataType.BOOL)
        given, carried = [], []
        for place, value in enumerate(self.inputs):
            if place in self.fixed:
                given.append(value)
            elif place in self.counters and self.limit is not None:
                start = self.counters[place]
                at = op.Add(step, np.int64(start)) if start else step
                given.append(as_type(op, at, value.dtype))
            elif isinstance(value, TensorList) and value.stacked is None:
                given.append(replace(value, loop=True))
            else:
                given.append(self._variable(inner, place, value))
                carried.append(place)
        after = run(self.node, self.body, given, inner)
        if not self._settled(after, carried):
            _discard(inner.graph)
            return None
        written = [p for p, v in enumerate(after) if isinstance(v, TensorList) and v.written]
        self.lasts = {p for p in written if self._is_last(after[p])}
        for place in written:
            if place not in self.lasts:
                self._check_order(given, after[place], step)
        more = going
        if self.limit is None:
            seen = list(after)
            more = truth(self.node, op, run(self.node, self.condition, seen, inner)[0])
        ends = [_tensor(after[p]) for p in carried]
        items = [after[p].written[1] for p in written]
        graph = finished(inner, [more, *ends, *items])
        results = self._loop(graph, carried, len(items))
        return self._results(results, carried, written, after)

    def _variable(self, inner: FoldingBuilder, place: int, value: Any) -> Any:
        """What an iteration is given of a variable."""
        tensor = _tensor(value)
        made = inner.input(
            inner.unique(f"{self.node.name}/variable{place}"), [], tensor.dtype or ir.DataType.FLOAT
        )
        if isinstance(value, TensorList):
            made.shape = tensor.shape
            return replace(value, stacked=made)
        shape = self.shapes[place]
        made.shape = None if shape is None else ir.Shape(shape)
        return made

    def _settled(self, after: Sequence[Any], carried: Sequence[int]) -> bool:
        """Whether the variables have the shapes that they were given; else what is known of them is less."""
        same = True
        for place in carried:
            before, now = self.shapes[place], after[place]
            if before is None or not isinstance(now, ir.Value):
                continue
            if now.shape is None or len(now.shape) != len(before):
                self.shapes[place], same = None, False
                continue
            dims: list[Any] = [
                a if a == b else None for a, b in zip(before, now.shape, strict=True)
            ]
            if any(
                a != b and a is not None and not _is_open(a)
                for a, b in zip(before, dims, strict=True)
            ):
                same = False
            self.shapes[place] = dims if not same else before
        return same

    def _is_last(self, after: TensorList) -> bool:
        """Whether each iteration writes the only element of a list."""
        assert after.written is not None
        index, size = after.written[0], after.size
        return index is not None and size is not None and number(index) == 0 and number(size) == 1

    def _check_order(self, given: Sequence[Any], after: TensorList, step: Value) -> None:
        """That what is written to a list in an iteration is written at its number."""
        assert after.written is not None
        index = after.written[0]
        if index is None:
            return
        if index is step or (index.producer() is not None and _is_cast_of(index, step)):
            return
        counts = [p for p, start in self.counters.items() if start == 0]
        if any(given[p] is index for p in counts):
            return
        self.node.refuse("an iteration writes to a list elsewhere than at its number")

    def _loop(self, graph: ir.Graph, carried: Sequence[int], stacked: int) -> list[Value]:
        op = self.op
        start: Value | None = None
        if self.limit is None:
            start = truth(self.node, op, run(self.node, self.condition, self.inputs)[0])
        first = [_tensor(self.inputs[place]) for place in carried]
        if not carried and not stacked:
            return []
        return list(op.outputs(len(first) + stacked).Loop(self.limit, start, *first, body=graph))

    def _results(
        self,
        results: Sequence[Value],
        carried: Sequence[int],
        written: Sequence[int],
        after: Sequence[Any],
    ) -> list[Any]:
        op, found = self.op, list(self.inputs)
        for place, result in zip(carried, results, strict=False):
            value = self.inputs[place]
            tensor = _tensor(after[place])
            result.type = tensor.type
            shape = self.shapes[place] if isinstance(value, ir.Value) else tensor.shape
            result.shape = None if shape is None else ir.Shape(list(shape))
            found[place] = (
                replace(value, stacked=result) if isinstance(value, TensorList) else result
            )
        for place, result in zip(written, results[len(carried) :], strict=True):
            item = after[place].written[1]
            result.type = item.type
            if item.shape is not None:
                result.shape = ir.Shape([self._length(), *item.shape])
            if place in self.lasts:
                found[place] = self._last(self.inputs[place], result, found, item, after)
            else:
                found[place] = self._filled(self.inputs[place], result)
        if self.limit is not None:
            for place, start in self.counters.items():
                if place not in self.fixed:
                    ends = op.Add(op.Max(self.limit, np.int64(0)), np.int64(start))
                    found[place] = as_type(op, ends, self.inputs[place].dtype)
        return found

    def _length(self) -> Any:
        sizes = trace(self.limit) if self.limit is not None else None
        if not sizes:
            return None
        size: Any = sizes[0]
        if isinstance(size, int):
            return size
        shape = getattr(getattr(size, "value", None), "shape", None)
        return shape[size.axis] if shape is not None and hasattr(size, "axis") else None

    def _last(
        self,
        before: TensorList,
        stacked: Value,
        found: list[Any],
        item: Value,
        after: Sequence[Any],
    ) -> TensorList:
        """A list of what the last iteration has written: zeros where there was none."""
        op = self.op
        some = (number(self.limit) or 0) > 0
        same = next((p for p, v in enumerate(after) if v is item and found[p] is not item), None)
        if some and same is not None:
            return replace(before, stacked=op.Unsqueeze(found[same], [0]))
        if not some:
            none = np.zeros(2 * rank(stacked) - 1, np.int64)
            stacked = op.Pad(stacked, op.Concat(np.asarray([1], np.int64), none, axis=0))
        last = op.Slice(stacked, [-1], [np.iinfo(np.int64).max], [0])
        return replace(before, stacked=last)

    def _filled(self, before: TensorList, stacked: Value) -> TensorList:
        """A list of what the iterations have written; what they have not reached is 0."""
        op = self.op
        if before.size is None:
            return before.of(stacked, op)
        if self.limit is not None:
            size, limit = trace(before.size), trace(self.limit)
            if before.size is self.limit or (size is not None and size == limit):
                return replace(before, stacked=stacked)
        count = rank(stacked)
        missing = op.Sub(op.Reshape(before.size, [1]), op.Shape(stacked, start=0, end=1))
        none = np.zeros(count, np.int64), np.zeros(count - 1, np.int64)
        padded = op.Pad(stacked, op.Concat(none[0], missing, none[1], axis=0))
        shape = list(stacked.shape or [])
        known = number(before.size)
        padded.shape = ir.Shape([None if known is None else int(known), *shape[1:]])
        return replace(before, stacked=padded)


def _is_open(dim: Any) -> bool:
    return isinstance(dim, ir.SymbolicDim) and dim.value is None


def _is_cast_of(value: Value, source: Value) -> bool:
    node = value.producer()
    return node is not None and node.op_type in {"Cast", "Identity"} and node.inputs[0] is source


def _discard(graph: ir.Graph) -> None:
    """Let a graph that is not used read nothing."""
    for node in list(graph.all_nodes()):
        for place in range(len(node.inputs)):
            node.replace_input_with(place, None)


def _tensor(value: Any) -> Value:
    """A variable as a tensor."""
    found = value.stacked if isinstance(value, TensorList) else value
    assert isinstance(found, ir.Value)
    return found


@importer(
    "While", "StatelessWhile", doc=f"{RAW}/While",
    unused="output_shapes parallel_iterations _synthetic",
)  # fmt: skip
def while_(node: ImportedNode, op: Op, *inputs: Any, cond: Call, body: Call) -> list[Any]:
    return Loop(node, op, function(node, cond), function(node, body), inputs).run()
