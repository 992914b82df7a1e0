"""The canonical form: what every exporter may expect of a model.

`NODE_PASSES` is what is done to each node in turn, in the graph's order, so that a node finds what is before
it in canonical form; the reason for the place of each stands beside it. Around them:

* Local functions are inlined first, but for those the exporter knows by name: the passes see what is inside.
* Nodes get every attribute for which the schema has a default, so that no pass has to know one; once more
  at the end, for onnx_ir's passes take some out.
* Operators that the exporter lacks are expanded by their bodies, and what these bring goes through it again.
* Reshapes that lead back to the shape there was go when all shapes are known, then what no output needs.

The model given is not changed, and no weight is read.
"""

from __future__ import annotations

from collections.abc import Callable, Container

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from mmdnn.errors import ShapeError
from mmdnn.ir import COMPUTED, OPSET
from mmdnn.ir.operators import operator
from mmdnn.ir.passes.branches import take_branch
from mmdnn.ir.passes.defaults import add_defaults
from mmdnn.ir.passes.expansion import expand
from mmdnn.ir.passes.folding import fold, fold_sizes
from mmdnn.ir.passes.functions import inline
from mmdnn.ir.passes.inference import infer
from mmdnn.ir.passes.recurrent import drop_idle_inputs
from mmdnn.ir.passes.reshapes import skip_returns
from mmdnn.ir.passes.weights import settle
from mmdnn.ir.passes.windows import spell_window
from mmdnn.ir.recurrent import scans
from mmdnn.ir.recurrent.nodes import KINDS, read
from mmdnn.ir.recurrent.scans import body_of


def canonical(
    model: ir.Model,
    keep: Container[str] | None = None,
    unfit: Callable[[ir.Node], bool] = lambda _: False,
) -> ir.Model:
    """A copy of the model in canonical form.

    Args:
        model: Any IR model.
        keep: The operators that the exporter knows, those outside ONNX's domain as "domain::name".
            Other operators are expanded where the standard defines them by simpler ones. Without it,
            local functions are inlined and operators stay.
        unfit: Which nodes of known operators are expanded all the same.
    """
    model = model.clone()
    inline(model, lambda function: operator(function) not in (keep or ()))
    common.RemoveUnusedFunctionsPass()(model)  # type: ignore[no-untyped-call]
    opset = model.opset_imports.get("", OPSET)
    add_defaults(model)
    _fold_graph(model.graph, opset)
    while keep is not None and expand(model, keep, unfit):
        add_defaults(model)
        _fold_graph(model.graph, opset)
    skip_returns(model.graph)
    common.RemoveUnusedNodesPass()(model)
    add_defaults(model)  # the passes before take some out
    return model


def _fold_graph(graph: ir.Graph, opset: int) -> None:
    for node in graph:
        for step, _ in NODE_PASSES:
            if step(graph, node, opset):
                break


def _branch(graph: ir.Graph, node: ir.Node, _opset: int) -> bool:
    return node.op_type == "If" and not node.domain and take_branch(graph, node)


def _loop(_graph: ir.Graph, node: ir.Node, _opset: int) -> bool:
    if node.op_type in {"Loop", "Scan"} and not node.domain:
        _type_body(node)
    if node.op_type == "Scan" and not node.domain:
        scans.read(node)
    return False


def _subgraphs(_graph: ir.Graph, node: ir.Node, opset: int) -> bool:
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            _fold_graph(attribute.as_graph(), opset)
    return False


def _recurrent(graph: ir.Graph, node: ir.Node, _opset: int) -> bool:
    if node.op_type in KINDS and not node.domain:
        read(node)
        settle(graph, node)
        drop_idle_inputs(node)
    return False


def _empty(_graph: ir.Graph, node: ir.Node, _opset: int) -> bool:
    """Opset 11 wanted all inputs of Resize to be there, and writers still leave empty ones."""
    if node.op_type == "Resize" and not node.domain:
        for index, value in enumerate(node.inputs):
            tensor = value.const_value if index and value is not None else None
            if tensor is not None and not tensor.size:
                node.replace_input_with(index, None)
    return False


def _window(_graph: ir.Graph, node: ir.Node, _opset: int) -> bool:
    spell_window(node)
    return False


def _fold(graph: ir.Graph, node: ir.Node, opset: int) -> bool:
    known = fold(node)
    if known is None and not node.domain:
        if any(_unknown(output) for output in node.outputs):
            _infer(node, opset)
        known = fold_sizes(node)
    if known is not None:
        _replace(graph, node, known)
    return known is not None


NODE_PASSES: tuple[tuple[Callable[[ir.Graph, ir.Node, int], bool], str], ...] = (
    (
        _branch,
        "an If whose condition is known is the branch it takes: nothing need know of the other",
    ),
    (_loop, "a body takes the types of what it is given before anything in it is looked at"),
    (_subgraphs, "what a node holds is in canonical form before the node itself is judged"),
    (
        _recurrent,
        "weights of other orders and idle inputs go before constants are folded into them",
    ),
    (_empty, "what an exporter and inference see of a Resize is what it has"),
    (_window, "pads are numbers before shapes are inferred from them"),
    (
        _fold,
        "what constants and known shapes determine is computed last, from all that is known by then",
    ),
)
"""What is done to each node, and why there; one that returns True has put something else in its place."""


def _type_body(node: ir.Node) -> None:
    """Tell the inputs of a loop's body the types they are given, where it does not say them."""
    body = body_of(node)
    given = list(node.inputs)
    if node.op_type == "Loop":
        known = [ir.TensorType(ir.DataType.INT64), ir.TensorType(ir.DataType.BOOL)]
        types = [*known, *(value.type if value is not None else None for value in given[2:])]
    else:
        types = [value.type if value is not None else None for value in given]
    for value, type_ in zip(body.inputs, types, strict=False):
        value.type = value.type or type_


def _infer(node: ir.Node, opset: int) -> None:
    """What inference cannot tell stays open; a model that runs may be beyond it."""
    for index, output in enumerate(node.outputs):
        output.name = output.name or f"{node.name}_unused_{index}"
    declared = [(output.type, output.shape) for output in node.outputs]
    try:
        infer(node, opset)
    except ShapeError:
        return
    for output, (type_, shape) in zip(node.outputs, declared, strict=True):
        output.type = output.type or type_
        output.shape = _merge(output.shape, shape)


def _merge(found: ir.Shape | None, declared: ir.Shape | None) -> ir.Shape | None:
    if found is None or declared is None or len(found) != len(declared):
        return found if found is not None else declared
    dims = [
        theirs if not isinstance(ours, int) and isinstance(theirs, int) else ours
        for ours, theirs in zip(found, declared, strict=True)
    ]
    return ir.Shape(dims)


def _unknown(value: ir.Value) -> bool:
    return value.type is None or value.shape is None or not value.shape.is_static()


def _replace(graph: ir.Graph, node: ir.Node, known: np.ndarray | ir.TensorProtocol) -> None:
    output = node.outputs[0]
    if output.is_graph_output() and node.op_type == "Identity":
        return  # that is what stands for a known output
    tensor = ir.tensor(known, name=output.name) if isinstance(known, np.ndarray) else known
    name = output.name or f"{node.name}_value"
    value = ir.Value(name=name, const_value=tensor, type=ir.TensorType(tensor.dtype))
    value.shape = ir.Shape(tensor.shape.numpy())
    value.metadata_props.update(output.metadata_props)
    value.metadata_props[COMPUTED] = "yes"
    if output.is_graph_output():
        output.type, output.shape = value.type, value.shape
        value.name = f"{name}_constant"
        tensor.name = value.name
        identity = ir.node(
            "Identity", [value], outputs=[ir.Value(name=name, type=value.type, shape=value.shape)]
        )
        graph.insert_before(node, identity)
        output.replace_all_uses_with(identity.outputs[0], replace_graph_outputs=True)
    else:
        tensor.name = name
        output.replace_all_uses_with(value)
    graph.remove(node, safe=True)
    graph.register_initializer(value)
