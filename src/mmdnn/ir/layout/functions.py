"""Operators over images whose channels are the last axis, as functions of ONNX's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import onnx_ir as ir

from mmdnn.ir import CHANNELS_LAST as DOMAIN
from mmdnn.ir.builder import Builder, function_of
from mmdnn.names import take

Orders: TypeAlias = Mapping[int, Sequence[int]]
"""How the axes of inputs (0, 1, ...) and outputs (-1, -2, ...) lie, those of ONNX's own operator."""


def to_functions(model: ir.Model, nodes: Mapping[ir.Node, Orders]) -> None:
    """Make calls of such functions of nodes whose inputs and outputs lie so already."""
    made: dict[str, str] = {}
    taken = {name for domain, name, _ in model.functions if domain == DOMAIN}
    for node, orders in nodes.items():
        key = _key(node)
        if key not in made:
            number = sum(each.partition("_")[0] == node.op_type for each in taken)
            made[key] = take(f"{node.op_type}_{number + 1}" if number else node.op_type, taken)
            function = _function(node, made[key], orders)
            model.functions[function.identifier()] = function
            model.graph.opset_imports[DOMAIN] = 1
        node.op_type, node.domain, node.version = made[key], DOMAIN, 1


def _key(node: ir.Node) -> str:
    """What a function depends on."""
    types = [None if value is None else (value.dtype, str(value.shape)) for value in node.inputs]
    attributes = sorted((name, str(attribute.value)) for name, attribute in node.attributes.items())
    return repr((node.op_type, attributes, types))


def _function(node: ir.Node, name: str, orders: Orders) -> ir.Function:
    inner = Builder(DOMAIN, name)
    parameters: list[ir.Value | None] = []
    for place, value in enumerate(node.inputs):
        if value is None:
            parameters.append(None)
            continue
        parameter = inner.input(f"input_{place}", [])
        parameter.type, parameter.shape = value.type, value.shape
        order = orders.get(place)
        if order is not None:
            back = sorted(range(len(order)), key=list(order).__getitem__)
            parameter = inner.op.Transpose(parameter, perm=back)
        parameters.append(parameter)
    attributes = {key: attribute.value for key, attribute in node.attributes.items()}
    made = inner.node(node.op_type, parameters, attributes, outputs=len(node.outputs))
    turned = [
        inner.op.Transpose(value, perm=orders[-1 - place]) if -1 - place in orders else value
        for place, value in enumerate(made)
    ]
    inner.graph.outputs.extend(turned)
    return function_of(inner.graph, DOMAIN, name, attributes)
