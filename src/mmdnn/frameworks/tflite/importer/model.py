"""From a TensorFlow Lite model to the IR, operator by operator, each value named as its tensor.

An operator has the name of its first output. Values of other subgraphs have the operator's name in front.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from mmdnn.errors import FormatError, ShapeError, UnsupportedError, UsageError
from mmdnn.frameworks.tflite.graph import Model, Operator, Subgraph
from mmdnn.frameworks.tflite.importer.table import GraphImporter, ImportedNode, Value, importer
from mmdnn.ir import FRAMEWORK, layout, notes
from mmdnn.ir.builder import NeedsStatic
from mmdnn.ir.folding import prune
from mmdnn.shapes import OpenShape

MOST_DEPTH = 64
"""Subgraphs inside each other, at most."""
MOST_OPERATORS = 1 << 20


def to_ir(model: Model) -> ir.Model:
    """The IR of a TensorFlow Lite model: of its first subgraph.

    Args:
        model: A model as the reader gives it.

    Returns:
        A model whose values are named as tensors, channels first.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
        ShapeError: Shapes that do not fit, or that are needed and nothing says.
        FormatError: A tensor is read that nothing gives.
    """
    importer.check(_operators(model, model.subgraphs[0], 0), model.files.network)
    try:
        return layout.channels_first(_imported(model), keep=model.files.keep_layout)
    except NeedsStatic as missing:
        raise _unknown(model, missing) from None


def _states(model: Model) -> str:
    """What the user should know of states, or ""."""
    states = [tensor.name for tensor in model.subgraphs[0].tensors if tensor.is_variable]
    if not states:
        return ""
    return (
        f"The states {notes.listed(states)} are zero at the beginning of each run: the interpreter "
        "keeps them from one run to the next until its variables are reset."
    )


def _unfused(graph: GraphImporter) -> str:
    """What the user should know of activations that do nothing, or ""."""
    names = notes.listed(graph.unfused)
    return (
        f"The interpreter leaves out the fused activation of {names}: so does this."
        if names
        else ""
    )


def _operators(model: Model, subgraph: Subgraph, depth: int) -> Iterator[tuple[str, str]]:
    """Types and names of the operators of a subgraph and of those that it runs."""
    if depth > MOST_DEPTH:
        raise FormatError("its subgraphs run each other without end", file=model.files.network)
    for operator in subgraph.operators:
        yield operator.type, _name(subgraph, operator)
        for number in inner(model, operator):
            yield from _operators(model, model.subgraphs[number], depth + 1)


def inner(model: Model, operator: Operator) -> list[int]:
    """The numbers of the subgraphs that an operator runs."""
    names = [name for name in operator.options if name.endswith("_subgraph_index")]
    found = [int(operator.options[name]) for name in names]
    if operator.type in {"IF", "WHILE"}:
        for number in found:
            if not 0 <= number < len(model.subgraphs):
                raise FormatError(f"there is no subgraph {number}", file=model.files.network)
        return found
    return []


def _name(subgraph: Subgraph, operator: Operator) -> str:
    return subgraph.tensors[operator.outputs[0]].name if operator.outputs else operator.type


def input_shapes(model: Model) -> dict[str, OpenShape | None]:
    """The shapes of inputs as far as the file says them."""
    tensors = [model.subgraphs[0].tensors[number] for number in model.subgraphs[0].inputs]
    return {tensor.name: tensor.shape if tensor.has_rank else None for tensor in tensors}


def _imported(model: Model) -> ir.Model:
    subgraph = model.subgraphs[0]
    graph = GraphImporter(model, subgraph)
    graph.reserve([tensor.name for tensor in subgraph.tensors])
    shapes = model.files.shapes_of(input_shapes(model))
    for number in subgraph.inputs:
        tensor = subgraph.tensors[number]
        if tensor.dtype in (None, ir.DataType.STRING):
            raise UnsupportedError(f"the input '{tensor.name}' holds no numbers", file=graph.file)
        shape = shapes.get(tensor.name, tensor.shape)
        dims = [
            (f"{tensor.name}_{axis}" if axis else "batch") if size is None else size
            for axis, size in enumerate(shape)
        ]
        graph.tensors[number] = graph.builder.input(tensor.name, dims, tensor.dtype)
        graph.named.add(graph.tensors[number])
    run(graph)
    outputs = graph.builder.graph.outputs
    for number in _ends(model):
        value, name = result_of(graph, number), subgraph.tensors[number].name
        if subgraph.tensors[number].dtype in (ir.DataType.COMPLEX64, ir.DataType.COMPLEX128):
            raise UnsupportedError(f"the output '{name}' is of complex numbers", file=graph.file)
        fresh = value.producer() is not None and value not in outputs and value.const_value is None
        if not fresh:
            if value.name == name and value not in outputs and not value.is_graph_input():
                value.name = graph.builder.unique(f"{name}/value")
            value = graph.builder.op.Identity(value)
            value.const_value = None
            graph.builder.rename(
                value, name if not _is_taken(graph, name) else graph.builder.unique(name)
            )
        outputs.append(value)
    prune(graph.builder.graph)
    result = graph.builder.model(**{FRAMEWORK: "tflite"})
    return notes.add(result, _states(model), _unfused(graph))


def _is_taken(graph: GraphImporter, name: str) -> bool:
    ends = [*graph.builder.graph.inputs, *graph.builder.graph.outputs]
    return any(value.name == name for value in ends)


def _ends(model: Model) -> list[int]:
    """The model's outputs, or those that the user named."""
    subgraph, wanted = model.subgraphs[0], model.files.outputs
    if not wanted:
        return list(subgraph.outputs)
    known = {tensor.name: number for number, tensor in enumerate(subgraph.tensors)}
    for name in wanted:
        if name not in known:
            raise UsageError(f"the model has no tensor '{name}'", file=model.files.network)
    return [known[name] for name in wanted]


def result_of(graph: GraphImporter, number: int) -> Value:
    """A tensor that an operator or the caller wants.

    Raises:
        FormatError: Nothing gives it.
    """
    value = graph.value(number)
    if value is None:
        name = graph.subgraph.tensors[number].name
        raise FormatError(f"nothing gives the tensor '{name}'", file=graph.file)
    return value


def run(graph: GraphImporter) -> None:
    """Import the operators of a subgraph whose inputs are known; they are in the order of running."""
    for operator in graph.subgraph.operators:
        node = ImportedNode(operator, f"{graph.prefix}{_name(graph.subgraph, operator)}", graph)
        with graph.errors_of(node), graph.builder.layer(node.name, operator.type):
            inputs = [None if n is None else graph.value(n) for n in operator.inputs]
            for number, value in zip(operator.inputs, inputs, strict=True):
                if number is not None and value is None:
                    _check_state(graph, number)
            found = node.call(importer.entry(operator.type), inputs)
        for number, value in zip(operator.outputs, found, strict=False):
            graph.tensors[number] = value
            if value.producer() is not None and value not in graph.named:
                graph.rename(value, f"{graph.prefix}{graph.subgraph.tensors[number].name}")


def _check_state(graph: GraphImporter, number: int) -> None:
    """What nothing gives can be a state, which is zero when the model begins.

    Raises:
        FormatError: It is none.
    """
    tensor = graph.subgraph.tensors[number]
    if not tensor.is_variable:
        raise FormatError(f"nothing gives the tensor '{tensor.name}'")


def _unknown(model: Model, missing: NeedsStatic) -> ShapeError:
    """What to say where a size is needed that is left open."""
    open_ = {name: shape for name, shape in input_shapes(model).items() if None in (shape or ())}
    example = " ".join(
        f"{name}:{','.join(str(size or 1) for size in shape or ())}"
        for name, shape in open_.items()
    )
    return ShapeError(
        f"the shape of '{missing}' is needed and depends on sizes that the file leaves open",
        file=model.files.network,
        hint=f"Give them with --inputShape {example} (or whatever they are).",
    )
