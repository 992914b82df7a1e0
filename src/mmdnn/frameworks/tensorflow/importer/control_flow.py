"""Branches and loops, whose bodies are functions: If and Loop.

What a loop's body gives back as it was given is no variable of it. A counter that decides alone when the loop
ends is its number of iterations. What is written to a list at that number is what Loop stacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.graph import Call, Graph, Node, Ref
from mmdnn.frameworks.tensorflow.importer.lists import TensorList
from mmdnn.frameworks.tensorflow.importer.table import (
    RAW,
    FoldingBuilder,
    ImportedNode,
    Value,
    as_type,
    importer,
)
from mmdnn.ir.builder import Op, dimensions, rank
from mmdnn.ir.sizes import trace
from mmdnn.ir.values import number

IDENTITIES = {"Identity", "Snapshot", "StopGradient"}
MOST_ATTEMPTS = 4


def _function(node: ImportedNode, call: Call) -> Graph:
    body = node.graph.model.functions.get(call.function)
    if body is None:
        node.unfit(f"its function {call.function} is nowhere")
    return body


def _body(node: ImportedNode, name: str) -> FoldingBuilder:
    """Where a body's operators are made."""
    inner = FoldingBuilder(node.builder.domain, node.builder.unique(f"{node.name}/{name}"))
    inner._names = node.builder._names
    return inner


def _finished(builder: FoldingBuilder, outputs: Sequence[Value]) -> ir.Graph:
    """The graph, each output a value of its own."""
    graph = builder.graph
    inside = {value for each in graph for value in each.outputs}
    for value in outputs:
        if value not in inside or value in graph.outputs or value.const_value is not None:
            made = builder.op.Identity(value)
            made.const_value = None
            value = made
        graph.outputs.append(value)
    return graph


def _truth(node: ImportedNode, op: Op, x: Value) -> Value:
    """A condition as a scalar: numbers are true that are not 0."""
    true = x if x.dtype == ir.DataType.BOOL else op.Not(op.Equal(x, node.constant(0, x)))
    return op.Reshape(true, np.zeros(0, np.int64)) if rank(true) else true


@importer("If", "StatelessIf", doc=f"{RAW}/If", unused="output_shapes _synthetic")
def if_(
    node: ImportedNode, op: Op, condition: Value, *inputs: Any, then_branch: Call, else_branch: Call
) -> list[Any]:
    branches = [_function(node, then_branch), _function(node, else_branch)]
    known = number(condition)
    if known is not None:
        chosen = branches[0 if known else 1]
        return _run(node, chosen, inputs)
    return _branched(node, op, _truth(node, op, condition), branches, inputs)


def _run(node: ImportedNode, body: Graph, inputs: Sequence[Any], builder: Any = None) -> list[Any]:
    values = {Ref(name): value for name, value in zip(body.arguments, inputs, strict=True)}
    return node.graph.run(body, body.results, values, f"{node.name}/", builder)


def _branched(
    node: ImportedNode, op: Op, condition: Value, branches: Sequence[Graph], inputs: Sequence[Any]
) -> list[Value]:
    made, graphs = [], []
    for name, branch in zip(("then", "else"), branches, strict=True):
        builder = _body(node, name)
        made.append(_run(node, branch, inputs, builder))
        if any(isinstance(value, TensorList) for value in made[-1]):
            node.refuse("a branch gives a list of tensors")
        graphs.append(_finished(builder, made[-1]))
    results = op.outputs(len(made[0])).If(condition, then_branch=graphs[0], else_branch=graphs[1])
    for result, one, other in zip(results, *made, strict=True):
        result.type = one.type
        result.shape = _common(one, other)
    return list(results)


def _common(one: Value, other: Value) -> ir.Shape | None:
    """The dimensions that two values have in common."""
    if one.shape is None or other.shape is None or len(one.shape) != len(other.shape):
        return None
    pairs = zip(dimensions(one), dimensions(other), strict=True)
    return ir.Shape([a if a == b else None for a, b in pairs])


@importer("Case", "StatelessCase", doc=f"{RAW}/Case", unused="output_shapes")
def case(node: ImportedNode, op: Op, index: Value, *inputs: Any, branches: list[Call]) -> list[Any]:
    """An index out of range chooses the last."""
    bodies = [_function(node, branch) for branch in branches]
    known = number(index)
    if known is not None:
        place = int(known) if 0 <= known < len(bodies) else -1
        return _run(node, bodies[place], inputs)
    outcomes = None
    for place in range(len(bodies) - 1, -1, -1):
        builder = _body(node, f"branch{place}")
        made = _run(node, bodies[place], inputs, builder)
        if outcomes is None:
            outcomes = made, _finished(builder, made)
            continue
        chosen = _finished(builder, made)
        outer = _body(node, f"branches{place}") if place else node.builder
        test = outer.op.Equal(index, node.constant(place, index))
        results = outer.op.outputs(len(made)).If(test, then_branch=chosen, else_branch=outcomes[1])
        for result, one, other in zip(results, made, outcomes[0], strict=True):
            result.type, result.shape = one.type, _common(one, other)
        if not place:
            return list(results)
        outcomes = list(results), _finished(outer, results)  # type: ignore[arg-type]
    assert outcomes is not None
    return _run(node, bodies[0], inputs)


@dataclass
class Loop:
    """A loop on its way in.

    Attributes:
        node: Its node.
        op: ONNX's operators around it.
        condition: Whether there is another iteration, of the variables.
        body: The variables after an iteration.
        inputs: The variables at the beginning.
        shapes: What is known of the shapes of the variables, which may change.
    """

    node: ImportedNode
    op: Op
    condition: Graph
    body: Graph
    inputs: Sequence[Any]

    def __post_init__(self) -> None:
        places = range(len(self.inputs))
        self.shapes: dict[int, list[Any] | None] = {
            i: list(v.shape) if isinstance(v, ir.Value) and v.shape is not None else None
            for i, v in enumerate(self.inputs)
        }
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

    def run(self) -> list[Any]:
        """What it gives."""
        for _ in range(MOST_ATTEMPTS):
            found = self._attempt()
            if found is not None:
                return found
        return self.node.refuse("the shapes of its variables do not settle")

    def _attempt(self) -> list[Any] | None:
        """The loop with the shapes that are known; None where they turn out to change."""
        inner = _body(self.node, "body")
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
        after = _run(self.node, self.body, given, inner)
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
            more = _truth(self.node, op, _run(self.node, self.condition, seen, inner)[0])
        ends = [_tensor(after[p]) for p in carried]
        items = [after[p].written[1] for p in written]
        graph = _finished(inner, [more, *ends, *items])
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
            start = _truth(self.node, op, _run(self.node, self.condition, self.inputs)[0])
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


_ENDLESS = 1 << 31
"""A bound that is none: what `maximum_iterations` is where nothing is said."""


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
    return Loop(node, op, _function(node, cond), _function(node, body), inputs).run()
