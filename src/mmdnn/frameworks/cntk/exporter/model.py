"""From the IR to a CNTK model: functions, the blocks that they form, and their names."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk._operators import COMBINE
from mmdnn.frameworks.cntk.exporter.blocks import Assembly
from mmdnn.frameworks.cntk.exporter.inputs_outputs import alone, head, take_inputs
from mmdnn.frameworks.cntk.exporter.markers import Lengths
from mmdnn.frameworks.cntk.exporter.names import Naming
from mmdnn.frameworks.cntk.exporter.nodes import write
from mmdnn.frameworks.cntk.exporter.scope import Scope
from mmdnn.frameworks.cntk.exporter.table import exporter
from mmdnn.frameworks.cntk.graph import Function, Model


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


def _assembled(scope: Scope) -> Model:
    """What has been written, its blocks made, then named."""
    outputs = [v for v in scope.model.graph.outputs if not isinstance(scope.operand(v), Lengths)]
    heads = [head(scope, value) for value in outputs]
    needed = set(graph.reachable([one.owner for one in heads if one.owner is not None]))
    assembly = Assembly(scope, [one for one in scope.made if one in needed], heads)
    assembly.run()
    heads = [
        alone(scope, value, assembly.outer(one)) for value, one in zip(outputs, heads, strict=True)
    ]
    Naming(scope, assembly).run(zip(outputs, heads, strict=True))
    root = heads[0].owner if len(heads) == 1 else None
    if root is None or root.results != heads:
        root = Function(COMBINE, scope.uid(COMBINE), inputs=heads)
    return Model(root, graph.reachable([root]), scope.variables)
