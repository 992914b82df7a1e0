"""Operators over images whose channels are the last axis, as functions of ONNX's own."""

from __future__ import annotations

from collections.abc import Iterable

import onnx_ir as ir

from mmdnn.ir.builder import Builder, function_of
from mmdnn.names import take

DOMAIN = "mmdnn.channels_last"


def to_functions(model: ir.Model, nodes: Iterable[ir.Node]) -> None:
    """Make calls of such functions of nodes whose first input and output are channels-last already."""
    made: dict[str, str] = {}
    taken = {name for domain, name, _ in model.functions if domain == DOMAIN}
    for node in nodes:
        key = _key(node)
        if key not in made:
            number = sum(each.partition("_")[0] == node.op_type for each in taken)
            made[key] = take(f"{node.op_type}_{number + 1}" if number else node.op_type, taken)
            function = _function(node, made[key])
            model.functions[function.identifier()] = function
            model.graph.opset_imports[DOMAIN] = 1
        node.op_type, node.domain, node.version = made[key], DOMAIN, 1


def _key(node: ir.Node) -> str:
    """What a function depends on."""
    types = [None if value is None else (value.dtype, str(value.shape)) for value in node.inputs]
    attributes = sorted((name, str(attribute.value)) for name, attribute in node.attributes.items())
    return repr((node.op_type, attributes, types))


def _function(node: ir.Node, name: str) -> ir.Function:
    inner = Builder(DOMAIN, name)
    parameters: list[ir.Value | None] = []
    for place, value in enumerate(node.inputs):
        if value is None:
            parameters.append(None)
            continue
        parameter = inner.input(f"input_{place}", [])
        parameter.type, parameter.shape = value.type, value.shape
        parameters.append(parameter)
    x = parameters[0]
    rank = len(x.shape or ()) if x is not None else 0
    first = inner.op.Transpose(x, perm=[0, rank - 1, *range(1, rank - 1)])
    attributes = {key: attribute.value for key, attribute in node.attributes.items()}
    made = inner.node(node.op_type, [first, *parameters[1:]], attributes, outputs=len(node.outputs))
    rank = len(node.outputs[0].shape or ())
    last = inner.op.Transpose(made[0], perm=[0, *range(2, rank), 1])
    inner.graph.outputs.extend([last, *made[1:]])
    return function_of(inner.graph, DOMAIN, name, attributes)
