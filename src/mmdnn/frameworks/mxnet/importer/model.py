"""From an MXNet model to the IR, node by node, values named as MXNet names them.

Names are those of `symbol.get_internals().list_outputs()`; where several nodes have one name, the
later ones get a number. An open batch stays open wherever the operators allow.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from mmdnn.frameworks.mxnet import _origins
from mmdnn.frameworks.mxnet._values import called
from mmdnn.frameworks.mxnet.graph import Entry, Model, Node, Symbol, reachable
from mmdnn.frameworks.mxnet.importer import dtypes, inputs_outputs
from mmdnn.frameworks.mxnet.importer.table import GraphImporter, importer
from mmdnn.ir import FRAMEWORK, PARAMETERS, SAID, notes
from mmdnn.ir.builder import Dimension
from mmdnn.ir.importing import open_where_possible
from mmdnn.ir.operators import way_round
from mmdnn.ir.origin import record
from mmdnn.shapes import OpenShape


def to_ir(model: Model, *, static: bool = False) -> ir.Model:
    """The IR of an MXNet model. Its batch is dynamic wherever the operators allow.

    Args:
        model: A model as the reader gives it.
        static: Give every dimension the size that the files or the user say.

    Returns:
        A model whose values are named as MXNet's, channels first.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
        ShapeError: Shapes that do not fit, or that are needed and nothing says.
        UsageError: The file with the arrays lacks some.
    """
    inputs_outputs.check_arrays(model)
    heads = inputs_outputs.heads(model)
    order = _needed(model.symbol, heads)
    nodes = [node for node in Symbol(order, heads).walk() if not node.is_variable]
    importer.check(
        [(node.type, node.name) for node in nodes], model.files.network, _way(order, heads)
    )
    result = open_where_possible(
        lambda sizes: imported(GraphImporter(model), order, heads, sizes),
        {} if static else inputs_outputs.symbols(model),
        lambda missing: inputs_outputs.unknown(model, missing),
    )
    told = []
    if model.unused:
        told.append(f"No variable is called {notes.listed(model.unused)}, as arrays are.")
    if model.labels:
        told.append(f"Left out, as only training reads them: {notes.listed(model.labels)}.")
    return notes.add(result, *told)


def _way(order: Sequence[Node], heads: Sequence[Entry]) -> str:
    """How to leave out what is not known here."""
    steps = [
        ([entry.node.name for entry in node.inputs], [node.name], node.type in importer)
        for node in order
        if not node.is_variable
    ]
    return way_round(steps, [head.node.name for head in heads])


def _needed(symbol: Symbol, heads: list[Entry]) -> list[Node]:
    """The nodes that outputs depend on, in order."""
    found = set(reachable((head.node for head in heads), labels=False))
    return [node for node in symbol.nodes if node in found]


def imported(
    graph: GraphImporter, order: Sequence[Node], heads: Sequence[Entry], sizes: dict[int, str]
) -> ir.Model:
    """The IR with these sizes left open.

    Args:
        graph: The importer of the model's graph.
        order: The nodes, in order.
        heads: What the model gives.
        sizes: The open sizes of first axes, and their names.
    """
    model = graph.model
    graph.names = called(model.symbol)
    made = [node for node in order if not node.is_variable]
    names = [graph.name_of(node, i) for node in made for i in range(len(node.outputs))]
    graph.builder.reserve([*model.params, *model.inputs])
    graph.reserve(names)
    _inputs(graph, sizes, order)
    values = graph.run(order, heads)
    outputs, initializers = graph.builder.graph.outputs, graph.builder.graph.initializers
    _origins.read(order, graph.values, graph.builder.graph)
    plain = [node for node in made if not (node.subgraphs or model.numpy or node.op[:3] == "_np")]
    described = {node.name: graph.described(node) for node in plain}
    record(graph.builder.graph, described, PARAMETERS)
    for value in values:
        fresh = value.const_value is None and value not in outputs
        outputs.append(value if fresh else graph.builder.op.Identity(value))
    for name, value in list(initializers.items()):
        if not value.uses() and value not in outputs:
            del initializers[name]
    return graph.builder.model(**{FRAMEWORK: "mxnet"})


def _inputs(graph: GraphImporter, sizes: dict[int, str], order: Sequence[Node]) -> None:
    model = graph.model
    kinds = dtypes.of_inputs(model)
    variables = {node.name: node for node in model.symbol.variables}
    for name, shape in model.inputs.items():
        if model.files.outputs and variables[name] not in order:
            continue
        shape = shape if shape is not None else model.assumed.get(name)
        dims = _dimensions(model, sizes, name, shape or ())
        value = graph.builder.input(name, dims, kinds[name])
        if shape is None:
            value.shape = None
        elif shape and isinstance(shape[0], int) and not isinstance(dims[0], int):
            value.metadata_props[SAID] = str(shape[0])
        graph.values[variables[name], 0] = value
        graph.named.add(value)


def _dimensions(
    model: Model, sizes: dict[int, str], name: str, shape: OpenShape
) -> list[Dimension]:
    dims: list[Dimension] = [
        f"{name}_{axis}" if size is None else size for axis, size in enumerate(shape)
    ]
    if shape and not inputs_outputs.is_fixed(model, name):
        dims[0] = "batch" if shape[0] is None else sizes.get(shape[0], shape[0])
    return dims
