"""From the IR to a PyTorch program: members, statements, and the names of both."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.pytorch.codegen.blocks import fold_blocks
from mmdnn.frameworks.pytorch.codegen.constants import place_constants
from mmdnn.frameworks.pytorch.codegen.naming import class_name
from mmdnn.frameworks.pytorch.exporter.recurrent import turned_back
from mmdnn.frameworks.pytorch.exporter.scope import Scope
from mmdnn.frameworks.pytorch.exporter.sizes import prune
from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter
from mmdnn.frameworks.pytorch.exporter.unsigned import Unsigned
from mmdnn.frameworks.pytorch.graph import Module, Program, Variable
from mmdnn.ir.exporting import is_used
from mmdnn.python.expressions import Code
from mmdnn.python.statements import Statement


def from_ir(model: ir.Model, *, name: str = "") -> Program:
    """A PyTorch program that computes what the model computes.

    Args:
        model: Any IR model; it is not changed.
        name: The name of the class; the model's own name, as a class's, unless given.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
    """
    model = exporter.canonical(model)
    exporter.check(model)
    program = Program(Module(name or class_name(model.graph.name or "")), model=model)
    scope = Scope(program, _write)
    program.main.inputs = [scope.variable(value) for value in model.graph.inputs]
    program.main.statements = scope.nodes(model.graph)
    program.main.outputs = [scope.variable(value) for value in model.graph.outputs]
    program.main.statements = prune(program.main.statements, program.main.outputs)
    place_constants(program)
    fold_blocks(program)
    return program


def _write(scope: Scope, node: ir.Node) -> None:
    """The statements for one node."""
    exported = ExportedNode(node)
    if any(v is not None and v.dtype == ir.DataType.STRING for v in (*node.inputs, *node.outputs)):
        exported.refuse("torch has no tensors of strings")
    inputs = [None if value is None else scope.variable(value) for value in node.inputs]
    torch = Writer(scope, exported)
    unsigned = Unsigned(exported, torch)
    if unsigned.concerns:
        unsigned.check()
        inputs = unsigned.signed(inputs)
    codes = turned_back(node, scope.views)
    if codes is None:
        codes = exporter.write(exported, torch, *inputs)
    codes = unsigned.back(codes) if unsigned.concerns else codes
    if codes is None:
        return
    outputs = [scope.variable(value) for value in node.outputs]
    if isinstance(codes, Variable):
        scope.alias(node.outputs[0], codes)
    elif isinstance(codes, Code):
        targets = outputs[: max(exported.outputs, 1)]
        scope.statements.append(Statement(targets, codes, node=node))
    else:
        for output, code in zip(outputs, codes, strict=False):
            if output.value is not None and is_used(output.value):
                scope.assign(output, code, node)
