"""Branches, whose bodies are functions: If and Case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tensorflow.graph import Call, Graph, Ref
from mmdnn.frameworks.tensorflow.importer.lists import TensorList
from mmdnn.frameworks.tensorflow.importer.table import RAW, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, dimensions, rank
from mmdnn.ir.folding import FoldingBuilder
from mmdnn.ir.values import number


def function(node: ImportedNode, call: Call) -> Graph:
    """The function that an attribute names."""
    body = node.graph.model.functions.get(call.function)
    if body is None:
        node.unfit(f"its function {call.function} is nowhere")
    return body


def body_builder(node: ImportedNode, name: str) -> FoldingBuilder:
    """Where a body's operators are made."""
    inner = FoldingBuilder(node.builder.domain, node.builder.unique(f"{node.name}/{name}"))
    inner._names = node.builder._names
    return inner


def finished(builder: FoldingBuilder, outputs: Sequence[Value]) -> ir.Graph:
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


def truth(node: ImportedNode, op: Op, x: Value) -> Value:
    """A condition as a scalar: numbers are true that are not 0."""
    true = x if x.dtype == ir.DataType.BOOL else op.Not(op.Equal(x, node.constant(0, x)))
    scalar = true.shape is not None and not rank(true)
    return true if scalar else op.Reshape(true, np.zeros(0, np.int64))


@importer("If", "StatelessIf", doc=f"{RAW}/If", unused="output_shapes _synthetic")
def if_(
    node: ImportedNode, op: Op, condition: Value, *inputs: Any, then_branch: Call, else_branch: Call
) -> list[Any]:
    branches = [function(node, then_branch), function(node, else_branch)]
    known = number(condition)
    if known is not None:
        chosen = branches[0 if known else 1]
        return run(node, chosen, inputs)
    return _branched(node, op, truth(node, op, condition), branches, inputs)


def run(node: ImportedNode, body: Graph, inputs: Sequence[Any], builder: Any = None) -> list[Any]:
    """What a function gives, its operators made here or in a body."""
    values = {Ref(name): value for name, value in zip(body.arguments, inputs, strict=True)}
    return node.graph.run(body, body.results, values, f"{node.name}/", builder)


def _branched(
    node: ImportedNode, op: Op, condition: Value, branches: Sequence[Graph], inputs: Sequence[Any]
) -> list[Value]:
    made, graphs = [], []
    for name, branch in zip(("then", "else"), branches, strict=True):
        builder = body_builder(node, name)
        made.append(run(node, branch, inputs, builder))
        if any(isinstance(value, TensorList) for value in made[-1]):
            node.refuse("a branch gives a list of tensors")
        graphs.append(finished(builder, made[-1]))
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
    bodies = [function(node, branch) for branch in branches]
    known = number(index)
    if known is not None:
        place = int(known) if 0 <= known < len(bodies) else -1
        return run(node, bodies[place], inputs)
    outcomes = None
    for place in range(len(bodies) - 1, -1, -1):
        builder = body_builder(node, f"branch{place}")
        made = run(node, bodies[place], inputs, builder)
        if outcomes is None:
            outcomes = made, finished(builder, made)
            continue
        chosen = finished(builder, made)
        outer = body_builder(node, f"branches{place}") if place else node.builder
        test = outer.op.Equal(index, node.constant(place, index))
        results = outer.op.outputs(len(made)).If(test, then_branch=chosen, else_branch=outcomes[1])
        for result, one, other in zip(results, made, outcomes[0], strict=True):
            result.type, result.shape = one.type, _common(one, other)
        if not place:
            return list(results)
        outcomes = list(results), finished(outer, results)  # type: ignore[arg-type]
    assert outcomes is not None
    return run(node, bodies[0], inputs)
