"""Loops and conditions (src/operator/control_flow.cc): Scan, Loop and If.

A node's `..._locs` say which of its inputs go where among those of a subgraph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.graph import Symbol
from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir.builder import Builder, Op, dimensions, rank


class _Body:
    """A subgraph of ours under way."""

    def __init__(self, node: ImportedNode, name: str) -> None:
        self.node = node
        self.builder = Builder(node.builder.domain, node.builder.unique(f"{node.name}/{name}"))
        self.builder._names = node.builder._names
        self.op = self.builder.op

    def input(self, name: str, like: ir.Value, shape: Sequence[Any] | None = None) -> ir.Value:
        """An input with the type of a value, and its shape or another one."""
        name = self.builder.unique(f"{self.node.name}/{name}")
        dims = dimensions(like) if shape is None else shape
        value = self.builder.input(name, [], like.dtype or ir.DataType.FLOAT)
        value.shape = ir.Shape(dims)
        return value

    def run(self, graph: Symbol, inputs: Sequence[ir.Value]) -> list[ir.Value]:
        """The outputs of MXNet's subgraph, its variables being these."""
        if len(graph.variables) != len(inputs):
            self.node.unfit(f"a subgraph of {len(graph.variables)} inputs is given {len(inputs)}")
        return self.node.graph.subgraph(graph, inputs, self.builder)

    def finish(self, outputs: Sequence[ir.Value]) -> ir.Graph:
        """The graph, each output a value of its own."""
        inside = {value for each in self.builder.graph for value in each.outputs}
        for value in outputs:
            fresh = value in inside and value not in self.builder.graph.outputs
            self.builder.graph.outputs.append(value if fresh else self.op.Identity(value))
        return self.builder.graph


def _placed(
    node: ImportedNode, graph: Symbol, groups: Sequence[tuple[Sequence[int], Sequence[ir.Value]]]
) -> list[ir.Value]:
    """Values in the order of a subgraph's inputs, from groups of places and values."""
    found: dict[int, ir.Value] = {}
    for places, values in groups:
        found.update(zip(places, values, strict=True))
    if sorted(found) != list(range(len(graph.variables))):
        node.unfit(f"its places {sorted(found)} do not fit its subgraph")
    return [found[place] for place in range(len(found))]


def _typed(outputs: Sequence[ir.Value], like: Sequence[ir.Value], leading: Any = ()) -> None:
    for output, value in zip(outputs, like, strict=True):
        output.type = ir.TensorType(value.dtype or ir.DataType.FLOAT)
        if value.shape is not None:
            output.shape = ir.Shape([*leading, *value.shape])


@importer("_foreach", doc=f"{NN}.contrib.foreach", unused="num_outputs")
def foreach(node: ImportedNode, op: Op, *inputs: ir.Value) -> list[ir.Value]:
    """Over the first axis of the data; the states go from step to step."""
    p, graph = node.p, node.node.subgraphs[0]
    counts = [len(p.in_data_locs), len(p.in_state_locs)]
    data, states = inputs[: counts[0]], inputs[counts[0] : sum(counts)]
    body = _Body(node, "body")
    before = [body.input(f"state{i}", value) for i, value in enumerate(states)]
    now = [body.input(f"data{i}", v, dimensions(v)[1:]) for i, v in enumerate(data)]
    groups = [(p.in_data_locs, now), (p.in_state_locs, before)]
    groups.append((p.remain_locs, list(inputs[sum(counts) :])))
    made = body.run(graph, _placed(node, graph, groups))
    each, after = made[: p.num_out_data], made[p.num_out_data :]
    results = op.outputs(len(after) + len(each)).Scan(
        *states,
        *data,
        body=body.finish([*after, *each]),
        num_scan_inputs=len(data),
    )
    last, stacked = results[: len(after)], results[len(after) :]
    _typed(last, states)
    _typed(stacked, each, [next(iter(data[0].shape or [None]))])
    return [*stacked, *last]


@importer("_while_loop", doc=f"{NN}.contrib.while_loop", unused="num_outputs")
def while_loop(node: ImportedNode, op: Op, *inputs: ir.Value) -> list[ir.Value]:
    """Until the condition fails, `max_iterations` times at most; what is not reached is 0."""
    p = node.p
    condition, function = node.node.subgraphs
    variables = [p.func_input_locs[place] for place in p.func_var_locs]
    start = [inputs[place] for place in variables]
    body = _Body(node, "body")
    step = body.input("step", start[0], [])
    step.type = ir.TensorType(ir.DataType.INT64)
    going = body.input("going", start[0], [])
    going.type = ir.TensorType(ir.DataType.BOOL)
    before = [body.input(f"var{i}", value) for i, value in enumerate(start)]
    seen = dict(zip(variables, before, strict=True))
    made = body.run(function, [seen.get(i, inputs[i]) for i in p.func_input_locs])
    each, after = made[: p.num_out_data], made[p.num_out_data :]
    seen = dict(zip(variables, after, strict=True))
    more = body.run(condition, [seen.get(i, inputs[i]) for i in p.cond_input_locs])[0]
    first = _outside(node, condition, [inputs[i] for i in p.cond_input_locs])
    results = op.outputs(len(after) + len(each)).Loop(
        np.int64(p.max_iterations),
        _truth(op, first),
        *start,
        body=body.finish([_truth(body.op, more), *after, *each]),
    )
    last, stacked = results[: len(after)], results[len(after) :]
    _typed(last, start)
    _typed(stacked, each, [None])
    return [*(_lengthened(op, value, p.max_iterations) for value in stacked), *last]


def _lengthened(op: Op, x: ir.Value, length: int) -> ir.Value:
    """Zeros after the steps that were made."""
    missing = op.Sub([length], op.Shape(x, start=0, end=1))
    zeros = np.zeros(rank(x), np.int64), np.zeros(rank(x) - 1, np.int64)
    pads = op.Concat(zeros[0], missing, zeros[1], axis=0)
    y = op.Pad(x, pads, array(0, x))
    y.shape = ir.Shape([length, *list(x.shape or [])[1:]])
    return y


def _truth(op: Op, x: ir.Value) -> ir.Value:
    """A condition as a scalar."""
    true = x if x.dtype == ir.DataType.BOOL else op.Not(op.Equal(x, array(0, x)))
    return op.Reshape(true, np.zeros(0, np.int64)) if rank(true) else true


def _outside(node: ImportedNode, graph: Symbol, inputs: Sequence[ir.Value]) -> ir.Value:
    """A subgraph's only output, in the graph that the node is in."""
    return node.graph.subgraph(graph, inputs, node.builder)[0]


@importer("_cond", doc=f"{NN}.contrib.cond", unused="num_outputs")
def cond(node: ImportedNode, op: Op, *inputs: ir.Value) -> tuple[ir.Value, ...]:
    p = node.p
    test, then, otherwise = node.node.subgraphs
    chosen = _truth(op, _outside(node, test, [inputs[i] for i in p.cond_input_locs]))
    branches, made = [], []
    for name, graph, places in (
        ("then", then, p.then_input_locs),
        ("else", otherwise, p.else_input_locs),
    ):
        body = _Body(node, name)
        made.append(body.run(graph, [inputs[i] for i in places]))
        branches.append(body.finish(made[-1]))
    results = op.outputs(len(made[0])).If(chosen, then_branch=branches[0], else_branch=branches[1])
    _typed(results, made[0])
    for result, one, other in zip(results, *made, strict=True):
        if one.shape != other.shape:
            result.shape = None
    return results
