"""Conditions and loops, whose branches and bodies are subgraphs (tensorflow/lite/kernels/if.cc, while.cc)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tflite.importer.model import result_of, run
from mmdnn.frameworks.tflite.importer.table import DOC, GraphImporter, ImportedNode, Value, importer
from mmdnn.ir.builder import Dimensions, Op, dimensions


def _run(node: ImportedNode, graph: GraphImporter, inputs: Sequence[Value]) -> list[Value]:
    """What a subgraph gives of these inputs."""
    numbers = graph.subgraph.inputs
    if len(numbers) != len(inputs):
        node.unfit(f"a subgraph of {len(numbers)} inputs is given {len(inputs)}")
    graph.tensors.update(zip(numbers, inputs, strict=True))
    run(graph)
    return [result_of(graph, number) for number in graph.subgraph.outputs]


def _finished(graph: GraphImporter, outputs: Sequence[Value]) -> ir.Graph:
    """A body, each of its outputs a value of its own."""
    body = graph.builder.graph
    inside = {value for each in body for value in each.outputs}
    for value in outputs:
        fresh = value in inside and value not in body.outputs and value.const_value is None
        made = value if fresh else graph.builder.op.Identity(value)
        made.const_value = None
        body.outputs.append(made)
    return body


def _is_one(op: Op, condition: Value) -> Value:
    """A condition as a scalar."""
    shape = condition.shape
    return (
        condition
        if shape is not None and not len(shape)
        else op.Reshape(condition, np.zeros(0, np.int64))
    )


@importer("IF", doc=DOC)
def if_(
    node: ImportedNode, op: Op, condition: Value, *inputs: Value,
    then_subgraph_index: int, else_subgraph_index: int,
) -> list[Value]:  # fmt: skip
    branches, results = [], []
    for number, name in ((then_subgraph_index, "then"), (else_subgraph_index, "else")):
        graph = node.graph.body(number, f"{node.name}/{name}/")
        results.append(_run(node, graph, inputs))
        branches.append(_finished(graph, results[-1]))
    then, other = branches
    if len(then.outputs) != len(other.outputs):
        node.unfit("its branches give different numbers of tensors")
    made = op.outputs(len(then.outputs)).If(
        _is_one(op, condition), then_branch=then, else_branch=other
    )
    for value, a, b in zip(made, *results, strict=True):
        value.type = a.type
        value.shape = _common(a, b)
    return list(made)


def _common(a: Value, b: Value) -> ir.Shape | None:
    """The sizes that two values have in common."""
    if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
        return None
    pairs = zip(dimensions(a), dimensions(b), strict=True)
    return ir.Shape([one if one == other else None for one, other in pairs])


@importer("WHILE", doc=DOC)
def while_(
    node: ImportedNode, op: Op, *inputs: Value, cond_subgraph_index: int, body_subgraph_index: int
) -> list[Value]:
    """The condition is asked before each round; sizes that a round changes are left open."""
    numbers = cond_subgraph_index, body_subgraph_index
    first = node.graph.body(numbers[0], f"{node.name}/first/")
    first.builder = node.builder
    start = _is_one(op, _run(node, first, inputs)[0])
    shapes = [dimensions(value) for value in inputs]
    body, after = _body(node, numbers, inputs, shapes)
    merged = [_merged(before, now) for before, now in zip(shapes, after, strict=True)]
    if merged != shapes:
        body, after = _body(node, numbers, inputs, merged)
    made = op.outputs(len(inputs)).Loop(None, start, *inputs, body=body)
    for value, before, dims in zip(made, inputs, merged, strict=True):
        value.type, value.shape = before.type, ir.Shape(dims)
    return list(made)


def _merged(before: Dimensions, after: Dimensions) -> Dimensions:
    if len(before) != len(after):
        return before
    return tuple(a if a == b else None for a, b in zip(before, after, strict=True))


def _body(
    node: ImportedNode,
    numbers: tuple[int, int],
    inputs: Sequence[Value],
    shapes: Sequence[Dimensions],
) -> tuple[ir.Graph, list[Dimensions]]:
    """One round, and the shapes of what it gives."""
    graph = node.graph.body(numbers[1], f"{node.name}/body/")
    builder = graph.builder
    builder.input(builder.unique(f"{node.name}/round"), [], ir.DataType.INT64)
    builder.input(builder.unique(f"{node.name}/going"), [], ir.DataType.BOOL)
    names = [builder.unique(f"{node.name}/state{i}") for i in range(len(inputs))]
    states = [
        builder.input(name, dims, value.dtype or ir.DataType.FLOAT)
        for name, dims, value in zip(names, shapes, inputs, strict=True)
    ]
    after = _run(node, graph, states)
    if len(after) != len(inputs):
        node.unfit(f"its body gives {len(after)} tensors of {len(inputs)}")
    check = node.graph.body(numbers[0], f"{node.name}/condition/")
    check.builder = builder
    going = _is_one(builder.op, _run(node, check, after)[0])
    return _finished(graph, [going, *after]), [dimensions(value) for value in after]
