"""From a program to the IR: its inputs, what it runs, its outputs."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.errors import ShapeError
from mmdnn.frameworks.pytorch._programs import Exported, Script
from mmdnn.frameworks.pytorch.importer import exported, inputs, script
from mmdnn.frameworks.pytorch.importer.aliases import Tensor
from mmdnn.frameworks.pytorch.importer.table import GraphImporter, NeedsIntegers
from mmdnn.ir import FRAMEWORK
from mmdnn.ir.builder import Builder, NeedsStatic
from mmdnn.shapes import OpenShape


def to_ir(program: Exported | Script) -> ir.Model:
    """The IR of a program.

    Args:
        program: What the reader gives.

    Returns:
        A model whose values are named as the program's, and whose layers as its modules.

    Raises:
        UnsupportedError: It has operators without an exact counterpart.
        ShapeError: Shapes that do not fit, or that are needed and nothing says.
    """
    wanted: dict[str, ir.DataType] = {}
    while True:
        graph = GraphImporter(Builder("mmdnn.pytorch", _name(program)), program.files.network)
        graph.integers_wanted = wanted
        try:
            return _finished(graph, _run(program, graph))
        except NeedsIntegers as index:
            wanted[str(index)] = ir.DataType.INT64
        except NeedsStatic as missing:
            raise ShapeError(
                f"the shape of '{missing}' is needed and depends on what is left open",
                file=program.files.network,
                hint="Give the sizes of the inputs with --inputShape.",
            ) from None


def _name(program: Exported | Script) -> str:
    """The class of the module, as far as the file says it."""
    if isinstance(program, Script):
        return program.root.type.rpartition(".")[2]
    stacks = ((n.get("metadata") or {}).get("nn_module_stack") for n in program.graph["nodes"])
    first = next((stack for stack in stacks if stack), "")
    return first.partition(";")[0].rpartition(".")[2] or "graph"


def _run(program: Exported | Script, graph: GraphImporter) -> list[Tensor]:
    if isinstance(program, Exported):
        return exported.run(program, graph)
    return script.run(program, graph)


def _finished(graph: GraphImporter, found: list[Tensor]) -> ir.Model:
    builder = graph.builder
    outputs, initializers = builder.graph.outputs, builder.graph.initializers
    for place, tensor in enumerate(found):
        value = tensor.read(builder.op)
        fresh = value.producer() is not None and value not in outputs
        if not fresh or value not in graph.named:
            value = value if fresh else builder.op.Identity(value)
            builder.rename(value, builder.unique(f"output_{place}"))
        outputs.append(value)
    for name, value in list(initializers.items()):
        if not value.uses() and value not in outputs:
            del initializers[name]
    return builder.model(**{FRAMEWORK: "pytorch"})


def input_shapes(program: Exported | Script) -> dict[str, OpenShape | None]:
    """The shapes of inputs as far as the file says them."""
    return exported.shapes(program) if isinstance(program, Exported) else inputs.shapes(program)
