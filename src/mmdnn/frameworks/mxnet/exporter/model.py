"""From the IR to an MXNet model, node by node."""

from __future__ import annotations

from functools import partial

import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.mxnet import _origins
from mmdnn.frameworks.mxnet.exporter import lifting
from mmdnn.frameworks.mxnet.exporter.names import name_nodes, tell_values
from mmdnn.frameworks.mxnet.exporter.scope import Scope
from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array, ExportedNode, exporter, text
from mmdnn.frameworks.mxnet.exporter.writer import Writer, write
from mmdnn.frameworks.mxnet.graph import VARIABLE, Entry, Model, Node, Symbol, reachable
from mmdnn.frameworks.mxnet.reader.ndarray import FLAGS
from mmdnn.ir import FRAMEWORK, SAID
from mmdnn.ir.exporting import Refusals
from mmdnn.ir.origin import adopt

VERSION = {"mxnet_version": ["int", 10901]}


def from_ir(model: ir.Model) -> Model:
    """An MXNet model that computes what the IR model computes.

    Args:
        model: Any IR model; it is not changed.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
    """
    model = model.clone()
    adopt(model, "mxnet")
    lifted = lifting.lifted(model)
    if model.metadata_props.get(FRAMEWORK) == "mxnet":
        from mmdnn.frameworks.mxnet.importer import importer

        lifted.lift(model, importer)
    model = exporter.canonical(model)
    exporter.check(model)
    scope = Scope(model, lifted)
    for value in model.graph.inputs:
        scope.values[value] = _input(value)
    refusals = Refusals("MXNet")
    for node in model.graph:
        if not refusals.attempt(ExportedNode(node), partial(write, scope, node)):
            scope.give_up(node)
    refusals.check()
    return _model(scope, [_head(scope, value) for value in model.graph.outputs])


def _model(scope: Scope, heads: list[Array]) -> Model:
    """What has been written, named."""
    nodes = reachable(head.entry.node for head in heads)
    name_nodes(scope, nodes)
    symbol = Symbol(nodes, [head.entry for head in heads], dict(VERSION))
    model = Model(symbol, auxiliary={n.name for n in nodes if n in scope.auxiliary})
    model.params = {node.name: scope.params[node] for node in nodes if node in scope.params}
    for value in scope.model.graph.inputs:
        shape = scope.values[value].shape or ()
        model.inputs[str(value.name)] = tuple(d if isinstance(d, int) else None for d in shape)
    for node in symbol.parameters - scope.params.keys():
        node.attrs[_origins.INPUT] = "yes"
    tell_values(scope, symbol, heads)
    made = {node: scope.made[node].node for node in nodes if node in scope.made}
    _origins.write(scope.model, made, ((v, array.entry) for v, array in scope.values.items()))
    return model


def _input(value: ir.Value) -> Array:
    kind = value.dtype or ir.DataType.FLOAT
    if kind not in NAMES:
        raise UnsupportedError(f"MXNet has no arrays of {kind.name}", layer=str(value.name))
    node = Node(VARIABLE, str(value.name))
    shape = value.shape
    if shape is not None:
        said = int(value.metadata_props.get(SAID, 0))
        sizes = [d if isinstance(d, int) else 0 if i else said for i, d in enumerate(shape)]
        node.attrs["__shape__"] = text(sizes or [1])
    if kind != ir.DataType.FLOAT:
        node.attrs["__dtype__"] = str(FLAGS[kind])
    return Array(Entry(node), value, kind)


def _head(scope: Scope, value: ir.Value) -> Array:
    """An output; truth values are MXNet's again."""
    array, producer = scope.array(value), value.producer()
    if value.dtype != ir.DataType.BOOL or producer is None:
        return array
    mx = Writer(scope, ExportedNode(producer))
    return Array(mx.Cast(array, dtype="bool").entry, value, ir.DataType.BOOL)
