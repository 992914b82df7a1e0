"""Operators spelled out in simpler ones, where the standard says how.

Many operators of ONNX are functions: their schema carries a body, fixed or built for the types of one
node (https://onnx.ai/onnx/repo-docs/IR.html#functions); the bodies of the recurrent ones are in
`recurrent.equations`. An exporter that does not know such an operator knows the operators of its body.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from mmdnn.ir import LAYER, OPSET, TYPE
from mmdnn.ir.builder import dimensions
from mmdnn.ir.operators import operator
from mmdnn.ir.passes.defaults import integer
from mmdnn.ir.recurrent.nodes import KINDS
from mmdnn.shapes import closed

_MARK = "expanded_"

INNER = "mmdnn.inner"
"""In `Value.meta`: the value stands within a body, and the user's model does not have it."""

DOMAINS = ("", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training")


def expand(
    model: ir.Model, keep: Container[str], unfit: Callable[[ir.Node], bool] = lambda _: False
) -> bool:
    """Replace nodes, in place, by the bodies of their operators.

    Types must be known, and attributes be there for which the schema has a default.

    Args:
        model: The model.
        keep: Operators that are not replaced, those outside ONNX's domain as "domain::name".
        unfit: Which nodes of these are replaced all the same.

    Returns:
        Whether there was one.
    """
    found = False
    for node in list(ir.traversal.RecursiveGraphIterator(model.graph)):
        if node.domain not in DOMAINS or node.overload or not node.graph:
            continue
        if operator(node) in keep and not unfit(node):
            continue
        function = _function(node, model.opset_imports)
        if function is not None:
            node.metadata_props.setdefault(TYPE, node.op_type)
            node.metadata_props.setdefault(LAYER, node.name or str(node.outputs[0].name))
            node.overload = function.overload = f"{_MARK}{len(model.functions)}"
            model.functions[function.identifier()] = function
            found = True
    if found:
        known = {value.name for node in model.graph for value in node.outputs}
        common.InlinePass(lambda function: function.overload.startswith(_MARK))(model)
        for value in (value for node in model.graph for value in node.outputs):
            if value.name not in known:
                value.meta[INNER] = True
    return found


def _function(node: ir.Node, opsets: dict[str, int]) -> ir.Function | None:
    if node.op_type in KINDS and not node.domain:
        from mmdnn.ir.recurrent import equations

        function = equations.definition(node)
        function.opset_imports.clear()
        return function
    if node.op_type == "EyeLike" and not node.domain:
        return _eye(node)
    version = opsets.get(node.domain, OPSET if node.domain == "" else 1)
    try:
        schema: Any = onnx.defs.get_schema(node.op_type, version, node.domain)
    except onnx.defs.SchemaError:
        return None
    proto = _body(schema, node, opsets.get("", OPSET))
    if proto is None:
        return None
    if not _trim_outputs(proto, node):
        return None
    function = ir.serde.deserialize_function(proto)
    if node.op_type == "DynamicQuantizeLinear":
        _quantize_zeros(function)
    function.domain, function.name = node.domain, node.op_type
    function.opset_imports.clear()
    for name, attribute in list(node.attributes.items()):
        if attribute.type in {ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS}:
            del node.attributes[name]  # the body was built around it
    return function


def _eye(node: ir.Node) -> ir.Function | None:
    """A constant, where the shape that is all it reads is known."""
    (like,), dtype = node.inputs, node.outputs[0].dtype
    shape = closed(dimensions(like)) if like is not None and like.shape is not None else None
    if shape is None or dtype is None or len(shape) != 2:
        return None
    k = integer(node, "k")
    value = ir.LazyTensor(
        lambda: ir.tensor(np.eye(*shape, k, dtype=dtype.numpy())), dtype, ir.Shape(shape)
    )
    constant = ir.node("Constant", [], {"value": value})
    graph = ir.Graph([ir.val("input")], constant.outputs, nodes=[constant], opset_imports={})
    return ir.Function("", node.op_type, graph=graph, attributes=[])


def _quantize_zeros(function: ir.Function) -> None:
    """Zeros alone have a scale of 1, as in onnxruntime; the body divides by a range of 0."""
    divide = next(node for node in function if node.outputs[0].name == "Scale")
    one = ir.node("Constant", [], {"value_float": 1.0})
    some = ir.node("Cast", [divide.inputs[0]], {"to": int(ir.DataType.BOOL)})
    scale = ir.node("Where", [some.outputs[0], divide.outputs[0], one.outputs[0]])
    divide.outputs[0].name = "Scale_Of_Range"
    for node, name in ((one, "Scale_Of_Zeros"), (some, "Has_Range"), (scale, "Scale")):
        node.outputs[0].name = name
    for user, place in list(divide.outputs[0].uses()):
        if user is not scale:
            user.replace_input_with(place, scale.outputs[0])
    function.insert_after(divide, (one, some, scale))


def _trim_outputs(proto: onnx.FunctionProto, node: ir.Node) -> bool:
    """Make the body's outputs those of the node; False if it does not make one that is used."""
    made = {*proto.input, *(name for inner in proto.node for name in inner.output)}
    names = list(proto.output)[: len(node.outputs)]
    for index, (name, output) in enumerate(zip(names, node.outputs, strict=True)):
        if name not in made:
            if output.uses() or output.is_graph_output():
                return False
            names[index] = names[0]
    del proto.output[:]
    proto.output.extend(names)
    return True


def _body(schema: Any, node: ir.Node, opset: int) -> onnx.FunctionProto | None:
    """The body written for the newest opset that is not later than the model's."""
    if schema.has_function:
        versions = [v for v in schema.function_opset_versions if v <= opset]
        text = schema.get_function_with_opset_version(max(versions)) if versions else None
    elif schema.has_context_dependent_function and _typed(node):
        versions = [v for v in schema.context_dependent_function_opset_versions if v <= opset]
        types = [
            ir.serde.serialize_value(value).type.SerializeToString() if value is not None else b""
            for value in node.inputs
        ]
        message = ir.serde.serialize_node(node).SerializeToString()
        text = (
            schema.get_context_dependent_function_with_opset_version(max(versions), message, types)
            if versions
            else None
        )
    else:
        return None
    return onnx.FunctionProto.FromString(text) if text else None


def _typed(node: ir.Node) -> bool:
    return all(value is None or value.type is not None for value in node.inputs)
