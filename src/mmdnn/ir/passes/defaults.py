"""Every default of an operator's schema, as an attribute of the nodes that leave it out.

What an attribute is where nobody says it stands in ONNX's schemas (https://onnx.ai/onnx/operators), and
nowhere else. An attribute whose absence means something of its own (a convolution's `kernel_shape`, a
transposition's `perm`) has no default there, and stays absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import onnx
import onnx_ir as ir

from mmdnn.ir import OPSET

LEFT_OUT = {("BatchNormalization", "momentum"), ("RNN", "activations")}
"""Defaults that stay out: one is for two directions; the other is for training, where each framework has its
own, and takes that where nothing is said."""


def add_defaults(model: ir.Model) -> None:
    """Put the defaults into the nodes of the graph and of the graphs inside it, in place.

    Each node's `version` becomes that of its operator.
    """
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        node.version = model.opset_imports.get(node.domain, 1 if node.domain else OPSET)
        for name, attribute in defaults(node).items():
            if name not in node.attributes:
                node.attributes[name] = attribute


def integer(node: ir.Node, name: str) -> int:
    """An attribute of a node of any model, as it stands there or by default.

    Raises:
        KeyError: It does neither.
    """
    return (node.attributes.get(name) or defaults(node)[name]).as_int()


def defaults(node: ir.Node) -> Mapping[str, ir.Attr]:
    """The defaults of a node's operator; none for a local function, whose nodes say everything."""
    return of_schema(node.op_type, node.version or OPSET, node.domain)


@cache
def of_schema(op_type: str, version: int = OPSET, domain: str = "") -> Mapping[str, ir.Attr]:
    """The defaults of an operator; none for one that there is not."""
    try:
        schema = onnx.defs.get_schema(op_type, version, domain)
    except onnx.defs.SchemaError:
        return {}
    return {
        name: ir.serde.deserialize_attribute(attribute.default_value)
        for name, attribute in schema.attributes.items()
        if attribute.default_value.type and (op_type, name) not in LEFT_OUT
    }
