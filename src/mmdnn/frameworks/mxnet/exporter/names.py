"""Names of nodes and parameters, and of the values of the source."""

from __future__ import annotations

import json

import onnx_ir as ir

from mmdnn.frameworks.mxnet._values import VALUES
from mmdnn.frameworks.mxnet.exporter.scope import Scope
from mmdnn.frameworks.mxnet.exporter.table import Array, text
from mmdnn.frameworks.mxnet.graph import Node, Symbol
from mmdnn.frameworks.mxnet.reader.ndarray import FLAGS
from mmdnn.names import take


def name_nodes(scope: Scope, nodes: list[Node]) -> None:
    """Layers' names for what ends them, names made of these for the rest."""
    taken = {node.name for node in nodes if node.is_variable and node not in scope.params}
    last = {scope.final[n].layer: n for n in nodes if n in scope.final}
    for node in nodes:
        if node in scope.final and last[scope.final[node].layer] is node:
            node.name = take(scope.final[node].layer, taken)
    for node in nodes:
        if node in scope.params:
            node.name = take(node.name, taken)
        if node in scope.params and node not in scope.claimed:
            tensor = scope.params[node]
            node.attrs["__shape__"] = text(tensor.shape.numpy())
            node.attrs["__dtype__"] = str(FLAGS[tensor.dtype])
    for node in nodes:
        if not node.name:
            node.name = take(f"{scope.made[node].layer}_{suffix(node.op)}", taken)


def tell_values(scope: Scope, symbol: Symbol, heads: list[Array]) -> None:
    """Say in the file which output holds which values of the source, where the names differ.

    Truth values have another type there, and are left out, but for those that are outputs.
    """
    made = {entry for n in symbol.operators for entry in outputs(n)}
    told: dict[str, list[str]] = {}
    scalars: list[str] = []
    for array in dict.fromkeys([*heads, *reversed(scope.values.values())]):
        node, index, value = array.entry.node, array.entry.output, array.value
        truth = value is not None and value.dtype == ir.DataType.BOOL and array not in heads
        if value is None or truth or (node, index) not in made:
            continue
        told.setdefault(node.output_name(index), []).append(str(value.name))
        if array.shape == ():
            scalars.append(str(value.name))
    names = {key: list(dict.fromkeys(found)) for key, found in told.items()}
    names = {key: found for key, found in names.items() if found != [key]}
    if names or scalars:
        found = {"names": names, "scalars": sorted(set(scalars))}
        symbol.attrs[VALUES] = ["str", json.dumps(found, ensure_ascii=False)]


def suffix(op: str) -> str:
    """What an operator adds to its layer's name, where that names another node."""
    return op.removeprefix("_contrib_").strip("_").lower()


def outputs(node: Node) -> list[tuple[Node, int]]:
    """A node with each of its outputs' places."""
    return [(node, index) for index in range(len(node.outputs))]
