"""SavedModels: which graph is served, and which signature.

A TensorFlow 2 model without signatures has only functions, which its graph of objects names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx_ir as ir

from mmdnn.errors import UnsupportedError, UsageError
from mmdnn.frameworks.tensorflow.graph import Call, Given, Graph, Model, Node, Ref, dtype, schema
from mmdnn.frameworks.tensorflow.reader.attributes import shape_of
from mmdnn.frameworks.tensorflow.reader.bundle import OBJECTS

DEFAULT = "serving_default"
_INIT = "__saved_model_init_op"
_OBJECT_VALUE = "VARIABLE_VALUE"


def served(message: Any) -> int:
    """The place of the graph that is tagged to be served, else of the first."""
    for index, meta in enumerate(message.meta_graphs):
        if "serve" in meta.meta_info_def.tags:
            return index
    return 0


def ends(model: Model, meta: Any, stored: Mapping[str, ir.TensorProtocol]) -> None:
    """Set a model's inputs and outputs: those of the signature that the user said, or the usual one.

    Raises:
        UsageError: There is no such signature.
    """
    signatures = {k: v for k, v in meta.signature_def.items() if k != _INIT and v.outputs}
    functions = _functions(meta)
    wanted = model.files.signature
    known = {**signatures, **functions}
    if wanted and wanted not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise UsageError(
            f"the model has no signature '{wanted}'", hint=f"Its signatures are: {listed}."
        )
    name = wanted or (DEFAULT if DEFAULT in signatures else next(iter(sorted(signatures)), ""))
    if name in signatures:
        _of_signature(model, signatures[name])
    elif functions:
        name = wanted or next((n for n in ("__call__", "call") if n in functions), "")
        _of_function(model, meta, functions[name or next(iter(functions))], stored)


def _of_signature(model: Model, signature: Any) -> None:
    for key, info in sorted(signature.inputs.items()):
        kind = dtype(info.dtype)
        model.inputs[key] = Given(_ref(model, info.name), kind, shape_of(info.tensor_shape))
    for key, info in sorted(signature.outputs.items()):
        model.outputs[key] = _ref(model, info.name)


def _ref(model: Model, text: str) -> Ref:
    name, _, place = text.partition(":")
    if not name:
        raise UnsupportedError("its signature has a tensor that is not dense")
    if name not in model.graph.nodes or not (place or "0").isdigit():
        raise UsageError(f"its signature names '{text}', which is nowhere")
    return Ref(name, int(place or 0))


def _functions(meta: Any) -> dict[str, list[str]]:
    """The concrete functions of the methods of the model's root, by the methods' names."""
    nodes = meta.object_graph_def.nodes
    found: dict[str, list[str]] = {}
    if not nodes:
        return found
    for child in nodes[0].children:
        if 0 <= child.node_id < len(nodes):
            names = list(nodes[child.node_id].function.concrete_functions)
            if names and child.local_name != "signatures":
                found[child.local_name] = names
    return found


def _of_function(
    model: Model, meta: Any, names: list[str], stored: Mapping[str, ir.TensorProtocol]
) -> None:
    """A function's arguments are the inputs; what it captures are variables, found by their objects."""
    body = next((model.functions[name] for name in names if name in model.functions), None)
    if body is None:
        return
    concrete = meta.object_graph_def.concrete_functions[body.name]
    captured = list(concrete.bound_inputs)
    count = len(body.arguments) - len(captured)
    specs = _specs(concrete.canonicalized_input_signature)
    graph, inputs = Graph(name=""), []
    keys = _keys(stored)
    for place, argument in enumerate(body.arguments[:count]):
        spec = specs[place] if place < len(specs) else None
        name = (spec.name if spec is not None and spec.name else argument) or f"argument_{place}"
        graph.nodes[name] = Node(name, "Placeholder")
        kind = dtype(spec.dtype) if spec is not None else ir.DataType.FLOAT
        model.inputs[name] = Given(
            Ref(name), kind, shape_of(spec.shape) if spec is not None else None
        )
        inputs.append(Ref(name))
    for place, number in enumerate(captured):
        name = f"captured_{place}"
        graph.nodes[name] = Node(name, "VarHandleOp")
        if number in keys:
            model.variables[name] = stored[keys[number]]
        inputs.append(Ref(name))
    call = Node("StatefulPartitionedCall", "StatefulPartitionedCall", inputs)
    call.attributes["f"] = Call(body.name)
    graph.nodes[call.name] = call
    model.graph = graph
    for place in range(len(body.results)):
        model.outputs[f"output_{place}"] = Ref(call.name, place)


def _specs(value: Any) -> list[Any]:
    """The tensors of a structure, in the order that a function is given them."""
    kind = value.WhichOneof("kind") if "kind" in value.DESCRIPTOR.oneofs_by_name else None
    assert kind is None
    if value.HasField("tensor_spec_value"):
        return [value.tensor_spec_value]
    parts = [*value.tuple_value.values, *value.list_value.values]
    parts += [value.dict_value.fields[key] for key in sorted(value.dict_value.fields)]
    return [spec for part in parts for spec in _specs(part)]


def _keys(stored: Mapping[str, ir.TensorProtocol]) -> dict[int, str]:
    """The checkpoint's keys of objects, by their numbers."""
    if OBJECTS not in stored:
        return {}
    data = stored[OBJECTS].numpy().reshape(-1)[0]
    message = schema().parse("tensorflow.TrackableObjectGraph", data)
    return {
        number: attribute.checkpoint_key
        for number, node in enumerate(message.nodes)
        for attribute in node.attributes
        if attribute.name == _OBJECT_VALUE and attribute.checkpoint_key in stored
    }
