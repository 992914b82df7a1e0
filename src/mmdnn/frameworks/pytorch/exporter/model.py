"""From the IR to a PyTorch program: members, statements, and the names of both."""

from __future__ import annotations

import re

import onnx_ir as ir

from mmdnn.frameworks.pytorch.codegen.blocks import fold_blocks
from mmdnn.frameworks.pytorch.codegen.constants import place_constants
from mmdnn.frameworks.pytorch.codegen.naming import TAKEN
from mmdnn.frameworks.pytorch.exporter.scope import Scope
from mmdnn.frameworks.pytorch.exporter.sizes import prune
from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter
from mmdnn.frameworks.pytorch.exporter.unsigned import Unsigned
from mmdnn.frameworks.pytorch.exporter.views import turned_back
from mmdnn.frameworks.pytorch.graph import Module, Program, Variable
from mmdnn.ir.exporting import is_used
from mmdnn.python.expressions import Code
from mmdnn.python.statements import Statement

MADE_UP = {
    "",
    "graph",
    "maingraph",
    "torchjit",
    "torchjitexport",
    "network",
    "net",
    "model",
    "tf2onnx",
}
"""Names of graphs that say nothing about the model."""

LONGEST_NAME = 40


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
    program = Program(Module(name or _class_name(model.graph.name or "")), model=model)
    scope = Scope(program, _write)
    program.main.inputs = [scope.variable(value) for value in model.graph.inputs]
    program.main.statements = scope.nodes(model.graph)
    program.main.outputs = [scope.variable(value) for value in model.graph.outputs]
    program.main.statements = prune(program.main.statements, program.main.outputs)
    place_constants(program)
    fold_blocks(program)
    return program


def _class_name(graph: str) -> str:
    """A class's name: ResNet50 for "ResNet-50", Net for names that exporters make up.

    What means something else in the source gets "Net" behind: NoneNet.
    """
    parts = re.findall(r"[A-Za-z0-9]+", graph)
    name = "".join(part[:1].upper() + part[1:] for part in parts)
    plain = name.lower() in MADE_UP or not name[:1].isalpha() or len(name) > LONGEST_NAME
    if plain:
        return "Net"
    return f"{name}Net" if name in TAKEN else name


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
