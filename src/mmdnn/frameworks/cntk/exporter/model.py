"""From the IR to a CNTK model: functions, the blocks that they form, and their names."""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk._operators import COMBINE
from mmdnn.frameworks.cntk.exporter.axes import take_inputs
from mmdnn.frameworks.cntk.exporter.blocks import Assembly, Group, was_block
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.markers import Lengths, Unknown, told
from mmdnn.frameworks.cntk.exporter.names import Naming
from mmdnn.frameworks.cntk.exporter.operand import Operand, sizes
from mmdnn.frameworks.cntk.exporter.scope import Scope
from mmdnn.frameworks.cntk.exporter.table import exporter
from mmdnn.frameworks.cntk.graph import FREE, Axis, Function, Model, Variable
from mmdnn.ir.exporting import ExportedNode


def from_ir(model: ir.Model) -> Model:
    """A CNTK model that computes what the IR model computes.

    The first axis of inputs is CNTK's batch axis, where it is the same in all of them.

    Args:
        model: Any IR model; it is not changed.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
    """
    model = exporter.canonical(model)
    exporter.check(model)
    scope = Scope(model)
    take_inputs(scope, model.graph.inputs)
    write(scope, model.graph)
    return _assembled(scope)


def write(scope: Scope, graph: ir.Graph) -> None:
    """Write the nodes of the model's graph, or of a loop's body, in order."""
    for node in graph:
        exported = ExportedNode(node)
        inputs = [None if value is None else scope.operand(value) for value in node.inputs]
        made = told(exported, inputs)
        if made is None:
            with scope.within(_source_group(scope, exported)):
                made = exporter.write(exported, CNTK(scope, exported), *inputs)
        results = [made] if isinstance(made, Operand) else list(made)
        for output, result in zip(node.outputs, results, strict=False):
            if isinstance(result, Unknown):
                scope.operands[output] = result
            elif result is not None:
                _check(exported, result, output)
                scope.operands[output] = replace(result, value=output)


def _source_group(scope: Scope, node: ExportedNode) -> Group | None:
    """The block that the source had, which several nodes have been made of."""
    key = (node.source_layer, node.source_type)
    if not scope.is_own or not all(key) or not was_block(node):
        return None
    return scope.sources.setdefault(key, Group(node.source_type, source=True))


def _check(node: ExportedNode, result: Operand, value: ir.Value) -> None:
    """Refuse what would not have the shape that it has in the IR."""
    wanted = sizes(value.shape)
    if wanted is None:
        return
    pairs = zip(result.dims, wanted, strict=True) if result.rank == len(wanted) else [(0, 1)]
    for ours, theirs in pairs:
        if not isinstance(ours, Axis) and FREE not in (ours, theirs) and ours != theirs:
            node.refuse(f"CNTK would give it the shape {list(map(str, result.dims))}")


def _assembled(scope: Scope) -> Model:
    """What has been written, its blocks made, then named."""
    outputs = [v for v in scope.model.graph.outputs if not isinstance(scope.operand(v), Lengths)]
    heads = [_head(scope, value) for value in outputs]
    needed = set(graph.reachable([one.owner for one in heads if one.owner is not None]))
    functions = [one for one in scope.made if one in needed]
    assembly = Assembly(scope.groups, scope.uid, functions, heads)
    assembly.run()
    heads = [
        _alone(scope, value, assembly.outer(one)) for value, one in zip(outputs, heads, strict=True)
    ]
    Naming(scope, assembly).run(zip(outputs, heads, strict=True))
    root = heads[0].owner if len(heads) == 1 else None
    if root is None or root.results != heads:
        root = Function(COMBINE, scope.uid(COMBINE), inputs=heads)
    return Model(root, graph.reachable([root]), scope.variables)


def _head(scope: Scope, value: ir.Value) -> Variable:
    """The variable of an output, a function's own."""
    operand = scope.operand(value)
    if isinstance(operand, Unknown):
        operand.refuse()
    producer = value.producer() or ir.node("Identity", [value], name=str(value.name))
    cntk = CNTK(scope, ExportedNode(producer))
    first = value.shape[0] if value.shape else None
    if operand.is_static and operand.tensor is None and isinstance(first, ir.SymbolicDim):
        operand = cntk.batched(operand) if operand.layout else operand
    elif not operand.is_plain:
        operand = cntk.unbatched(operand)
    others = [scope.operands.get(one) for one in scope.model.graph.outputs if one is not value]
    taken = {one.variable for one in others if one is not None}
    if operand.variable is None or operand.variable.owner is None or operand.variable in taken:
        operand = cntk.make("NoOp", operand, shape=operand.shape)
    scope.operands[value] = replace(operand, value=value)
    assert operand.variable is not None
    return operand.variable


def _alone(scope: Scope, value: ir.Value, head: Variable) -> Variable:
    """An output that can have its name: a function of several outputs names none of them."""
    if head.owner is None or len(head.owner.results) == 1:
        return head
    if scope.is_own and str(value.name).startswith(f"{head.owner.type}"):
        return head
    alias = Function("NoOp", scope.uid("NoOp"), inputs=[head])
    scope.aliases.add(alias)
    return alias.output(like=head)
