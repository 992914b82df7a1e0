"""Writing nodes, one after the other: what each becomes has the shape that it has in the IR."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.markers import Unknown, told
from mmdnn.frameworks.cntk.exporter.operand import Operand, sizes
from mmdnn.frameworks.cntk.exporter.scope import Group, Scope
from mmdnn.frameworks.cntk.exporter.table import ExportedNode, exporter
from mmdnn.frameworks.cntk.exporter.writer import Writer
from mmdnn.frameworks.cntk.graph import FREE, Axis


def write(scope: Scope, graph: ir.Graph) -> None:
    """Write the nodes of the model's graph, or of a loop's body."""
    for node in graph:
        _write(scope, node)


def _write(scope: Scope, node: ir.Node) -> None:
    exported = ExportedNode(node)
    inputs = [None if value is None else scope.operand(value) for value in node.inputs]
    made = told(exported, inputs)
    if made is None:
        group, scope.group = scope.group, _source_group(scope, exported)
        made = exporter.write(exported, Writer(scope, exported), *inputs)
        scope.group = group
    results = [made] if isinstance(made, Operand) else list(made)
    for output, result in zip(node.outputs, results, strict=False):
        if result is None:
            continue
        if isinstance(result, Unknown):
            scope.operands[output] = result
            continue
        _check(exported, result, output)
        found = Operand(result.layout, result.shape, result.dtype, result.variable, output)
        found.tensor = result.tensor
        scope.operands[output] = found


def _source_group(scope: Scope, node: ExportedNode) -> Group | None:
    """The block that the source had, which several nodes have been made of."""
    key = (node.source_layer, node.source_type)
    if not scope.is_own or not all(key) or not node.was_block:
        return None
    if key not in scope.sources:
        scope.sources[key] = Group(node.source_type, source=True)
    return scope.sources[key]


def _check(node: ExportedNode, result: Operand, value: ir.Value) -> None:
    """Refuse what would not have the shape that it has in the IR."""
    wanted = sizes(value.shape)
    if wanted is None:
        return
    pairs = zip(result.dims, wanted, strict=True) if result.rank == len(wanted) else [(0, 1)]
    for ours, theirs in pairs:
        if not isinstance(ours, Axis) and FREE not in (ours, theirs) and ours != theirs:
            node.refuse(f"CNTK would give it the shape {list(map(str, result.dims))}")
