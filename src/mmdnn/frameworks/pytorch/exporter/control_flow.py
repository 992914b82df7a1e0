"""If, Loop and Scan: Python's own `if`, `for` and `while`."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter
from mmdnn.frameworks.pytorch.graph import TORCH_TYPES, Variable
from mmdnn.ir.exporting import is_used
from mmdnn.ir.recurrent import scans
from mmdnn.python.expressions import ANY, ATOM, UNARY, Code
from mmdnn.python.statements import Statement

ENDLESS = 1 << 31
"""Trip counts from this on stand for none."""


@exporter("If", doc="If")
def if_(
    node: ExportedNode,
    torch: Writer,
    condition: Variable,
    *,
    then_branch: ir.Graph,
    else_branch: ir.Graph,
) -> None:
    outputs = [torch.scope.variable(value) for value in node.node.outputs]
    bodies = []
    for graph, header in (
        (then_branch, Code("if {0}:", (condition,))),
        (else_branch, Code("else:")),
    ):
        for value, output in zip(graph.outputs, outputs, strict=True):
            if value.producer() is not None and graph.outputs.count(value) == 1:
                torch.scope.variables[value] = output
        statements = torch.scope.nodes(graph)
        for value, output in zip(graph.outputs, outputs, strict=True):
            found = torch.scope.variable(value)
            if found is not output and output.value is not None and is_used(output.value):
                statements.append(Statement([output], Code("{0}", (found,))))
        bodies.append((header, statements))
    torch.scope.statements.append(Statement(outputs, Code(""), bodies, node.node))


@exporter("Loop", doc="Loop")
def loop(
    node: ExportedNode,
    torch: Writer,
    trips: Variable | None = None,
    condition: Variable | None = None,
    *initial: Variable,
    body: ir.Graph,
) -> None:
    counter, going, *states = body.inputs
    carried = [_carry(torch, v, first) for v, first in zip(states, initial, strict=True)]
    limit = _limit(torch, trips)
    always = _always(torch, condition, body)
    if limit is None and always:
        node.refuse("it has neither a trip count nor a condition, and never ends")
    step = Variable("step")
    inner: list[Statement] = []
    counts = is_used(counter)
    if counts:
        inner.append(Statement([_bind(torch, counter)], Code("torch.tensor({0})", (step,))))
    flag = None if always else _flag(torch, going, condition)
    if always and is_used(going):
        inner.append(Statement([_bind(torch, going)], Code("torch.tensor(True)")))
    lists = [torch.let(str(v.name), Code("[]")) for v in body.outputs[1 + len(states) :]]
    inner += torch.scope.nodes(body)
    inner += _collect(torch, body.outputs[1 + len(states) :], lists)
    updates = [*zip(carried, body.outputs[1:], strict=False)]
    if flag is not None:
        updates.append((flag, body.outputs[0]))
    inner += _update(torch, updates)
    header, start, end = _header(torch, limit, flag, step, counts)
    targets = [*carried, *([flag] if flag else []), step]
    torch.scope.statements.append(
        Statement(targets, Code(""), [(header, [*start, *inner, *end])], node.node)
    )
    sure = isinstance(limit, int) and limit > 0 and flag is None
    _finish(node, torch, carried, body.outputs[1 + len(states) :], lists, [0] * len(lists), sure)


def _carry(torch: Writer, value: ir.Value, first: Any) -> Variable:
    """The variable that a state lives in, starting with its first value."""
    variable = _bind(torch, value)
    torch.scope.statements.append(Statement([variable], Code("{0}", (first,))))
    return variable


def _bind(torch: Writer, value: ir.Value) -> Variable:
    torch.scope.variables[value] = Variable(torch.scope.variable(value).hint, value)
    return torch.scope.variables[value]


def _limit(torch: Writer, trips: Variable | None) -> Any:
    """The trip count: a number, code, or None for endless."""
    if trips is None:
        return None
    known = torch.static(trips)
    if known is None:
        return torch.call("int", trips)
    count = int(known.reshape(-1)[0])
    return None if count >= ENDLESS else max(count, 0)


def _always(torch: Writer, condition: Variable | None, graph: ir.Graph) -> bool:
    """Whether the condition is true from the start and never changes."""
    start = torch.static(condition)
    if condition is not None and (start is None or not start.all()):
        return False
    value: ir.Value | None = graph.outputs[0]
    while (
        value is not None and (node := value.producer()) is not None and node.op_type == "Identity"
    ):
        value = node.inputs[0]
    if value is graph.inputs[1]:
        return True
    known = None if value is None else value.const_value
    return known is not None and bool(np.all(known.numpy()))


def _flag(torch: Writer, value: ir.Value, condition: Variable | None) -> Variable:
    known = torch.static(condition)
    plain = condition is None or known is not None
    variable = _bind(torch, value)
    start = Code(f"torch.tensor({bool(np.all(known)) if known is not None else True})")
    torch.scope.statements.append(
        Statement([variable], start if plain else Code("{0}", (condition,)))
    )
    return variable


def _header(
    torch: Writer, limit: Any, flag: Variable | None, step: Variable, counts: bool
) -> tuple[Code, list[Statement], list[Statement]]:
    """The loop's first line, and what stands at the begin and the end of its body."""
    if limit is not None:
        operands, text = (
            ((step, limit), "{1}") if isinstance(limit, Code) else ((step,), str(limit))
        )
        start = []
        if flag is not None:
            stop = Statement([], Code("break"))
            start = [
                Statement([], Code(""), [(Code("if not {0}:", (flag,), needs=(UNARY,)), [stop])])
            ]
        return Code(f"for {{0}} in range({text}):", operands), start, []
    assert flag is not None
    end = []
    if counts:
        torch.scope.statements.append(Statement([step], Code("0")))
        end = [Statement([step], Code("{0} + 1", (step,)))]
    return Code("while {0}:", (flag,)), [], end


def _collect(torch: Writer, outputs: Any, lists: list[Variable]) -> list[Statement]:
    return [
        Statement([], Code("{0}.append({1})", (into, torch.scope.variable(value)), needs=(ATOM,)))
        for value, into in zip(outputs, lists, strict=True)
    ]


def _update(torch: Writer, updates: list[tuple[Variable, ir.Value]]) -> list[Statement]:
    """The states take their next values, all at once."""
    pairs = [(state, torch.scope.variable(value)) for state, value in updates]
    pairs = [(state, following) for state, following in pairs if state is not following]
    states = {state for state, _ in pairs}
    if any(following in states for _, following in pairs):
        text = ", ".join(f"{{{i}}}" for i in range(len(pairs)))
        code = Code(text, tuple(following for _, following in pairs))
        return [Statement([state for state, _ in pairs], code)]
    return [Statement([state], Code("{0}", (following,))) for state, following in pairs]


def _finish(
    node: ExportedNode,
    torch: Writer,
    carried: list[Variable],
    scanned: Any,
    lists: list[Variable],
    axes: list[int],
    certain: bool,
) -> None:
    """Bind the node's outputs: final states, and what was collected, stacked."""
    outputs = node.node.outputs
    for value, state in zip(outputs, carried, strict=False):
        torch.scope.alias(value, state)
    for output, inside, items, axis in zip(
        outputs[len(carried) :], scanned, lists, axes, strict=True
    ):
        if is_used(output):
            where = f", dim={axis}" if axis else ""
            code = Code(f"torch.stack({{0}}{where})", (items,))
            if not certain:
                code = Code(f"{{0}} if {{1}} else {_nothing(inside, axis)}", (code, items), ANY)
            torch.scope.statements.append(
                Statement([torch.scope.variable(output)], code, node=node.node)
            )


def _nothing(value: ir.Value, axis: int) -> str:
    """The result of no iterations: unknown sizes are 0."""
    shape = (
        [dim if isinstance(dim, int) else 0 for dim in value.shape]
        if value.shape is not None
        else []
    )
    shape.insert(axis if axis >= 0 else len(shape) + 1 + axis, 0)
    kind = TORCH_TYPES[value.dtype.name] if value.dtype is not None else "float32"
    dtype = "" if kind == "float32" else f", dtype=torch.{kind}"
    return f"torch.empty({', '.join(map(str, shape))}{dtype})"


@exporter("Scan", doc="Scan", unused=" ".join(scans.ATTRIBUTES))
def scan(node: ExportedNode, torch: Writer, *inputs: Variable) -> None:
    said = scans.read(node.node)
    graph, count = said.body, len(said.axes)
    first, scanned = inputs[: said.states], inputs[said.states :]
    results = graph.outputs[said.states :]
    carried = [_carry(torch, v, x) for v, x in zip(graph.inputs, first, strict=False)]
    lists = [torch.let(str(v.name), Code("[]")) for v in results]
    items = [_bind(torch, value) for value in graph.inputs[len(first) :]]
    slices = [
        torch.method(
            torch.method(x, "flip", axis) if back else x, "unbind", *([axis] if axis else [])
        )
        for x, axis, back in zip(scanned, said.axes, said.back, strict=True)
    ]
    body = torch.scope.nodes(graph)
    for value, into, back in zip(results, lists, said.out_back, strict=True):
        verb = "insert(0, {1})" if back else "append({1})"
        operands = (into, torch.scope.variable(value))
        body.append(Statement([], Code(f"{{0}}.{verb}", operands, needs=(ATOM,))))
    body += _update(torch, [*zip(carried, graph.outputs, strict=False)])
    holes = [f"{{{i}}}" for i in range(2 * count)]
    over = holes[count] if count == 1 else f"zip({', '.join(holes[count:])})"
    header = Code(f"for {', '.join(holes[:count])} in {over}:", (*items, *slices))
    torch.scope.statements.append(
        Statement([*carried, *items], Code(""), [(header, body)], node.node)
    )
    sizes = [torch.size(x, axis) for x, axis in zip(scanned, said.axes, strict=True)]
    sure = any(isinstance(size, int) and size > 0 for size in sizes)
    _finish(node, torch, carried, results, lists, list(said.out_axes), sure)
