"""TensorFlow's files to a `graph.Model`: the graph that the outputs need, weights where they are.

.pb, .pbtxt                    a frozen graph, or with a checkpoint's weights
.meta, .index, .data-…         a checkpoint and its graph
saved_model.pb, variables/     a SavedModel of TensorFlow 1 or 2
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx_ir as ir

from mmdnn.errors import Error, FormatError, UsageError
from mmdnn.frameworks.tensorflow.graph import Given, Graph, Model, Node, Ref, schema
from mmdnn.frameworks.tensorflow.reader import bundle, graphs, saved_model, variables
from mmdnn.registry import Source
from mmdnn.tensors.wire import Mapped, Path_, Piece, Tree, carve

_TEXT = {".pbtxt", ".prototxt", ".txt"}
_META: Tree = {2: graphs.GRAPH}
_SAVED: Tree = {2: _META}
_SINKS = frozenset(
    {
        *(
            "NoOp",
            "Assert",
            "Const",
            "SaveV2",
            "SaveSlices",
            "Save",
            "RestoreV2",
            "ShardedFilename",
        ),
        *("MergeV2Checkpoints", "Placeholder", "Print", "ScalarSummary", "HistogramSummary"),
        *("MergeSummary", "VarIsInitializedOp", "IsVariableInitialized"),
        *("CheckNumerics", "LoopCond", "ControlTrigger", "Switch", "RefSwitch", "PlaceholderV2"),
    }
)
"""What nobody reads and is no result of a network."""
_SINK_PARTS = (
    "Assign",
    "Apply",
    "Save",
    "Restore",
    "Summary",
    "Queue",
    "Dataset",
    "Iterator",
    "Variable",
)


def read(source: Source) -> Model:
    """Read a model from its files.

    Args:
        source: The files, and what the user said.

    Raises:
        FormatError: A file is damaged.
        UsageError: A file is missing, or there is no such node or signature.
    """
    path = source.network or source.weights
    if path is None or source.network is None:
        raise UsageError(
            "there are weights and no graph",
            file=source.weights,
            hint="Give the checkpoint's .meta, too, or the graph's .pb.",
        )
    try:
        return _read(path, source)
    except RecursionError:
        raise FormatError("it is nested too deeply", file=path) from None
    except Error as error:
        error.file = error.file or path
        raise


def _read(path: Path, source: Source) -> Model:
    if path.stem == "saved_model":
        return _saved(path, source)
    if path.suffix == ".meta":
        message, pieces = _message(path, "tensorflow.MetaGraphDef", _META)
        graph, functions = graphs.graph(message.graph_def, graphs.Places(path, pieces, ((2, 0),)))
    else:
        message, pieces = _message(path, "tensorflow.GraphDef", graphs.GRAPH)
        graph, functions = graphs.graph(message, graphs.Places(path, pieces))
    if not graph.nodes:
        raise FormatError("it has no nodes")
    model = Model(graph, functions, files=source)
    if source.weights is not None or path.suffix == ".meta":
        prefix = bundle.prefix_of(source.weights or path)
        model.variables = variables.load(graph, functions, bundle.read(prefix))
    return _ends(model)


def _message(path: Path, name: str, tree: Tree) -> tuple[Any, Mapping[Path_, list[Piece]]]:
    """A file's message, the numbers of its tensors left in it."""
    messages = schema()
    if path.suffix.lower() in _TEXT:
        return _text(path, messages[name]()), {}
    with Mapped(path) as view:
        carved = carve(view, tree, path)
    return messages.parse(name, carved.rest, path), carved.pieces


def _text(path: Path, message: Any) -> Any:
    from google.protobuf import text_format

    try:
        text = path.read_bytes().decode("utf-8")
        text_format.Parse(text, message, allow_unknown_field=True)
    except (text_format.ParseError, UnicodeDecodeError, ValueError) as error:
        raise FormatError(f"its text is damaged: {error}", file=path) from None
    return message


def _saved(path: Path, source: Source) -> Model:
    """A SavedModel: the meta graph to serve, one of its signatures."""
    message, pieces = _message(path, "tensorflow.SavedModel", _SAVED)
    if not message.meta_graphs:
        raise FormatError("it has no graph")
    index = saved_model.served(message)
    meta = message.meta_graphs[index]
    places = graphs.Places(path, pieces, ((2, index), (2, 0)))
    graph, functions = graphs.graph(meta.graph_def, places)
    model = Model(graph, functions, files=source)
    prefix = path.parent / "variables" / "variables"
    stored: Mapping[str, ir.TensorProtocol] = {}
    if Path(f"{prefix}.index").is_file() or prefix.is_file():
        stored = bundle.read(prefix)
    model.variables = variables.load(graph, functions, stored)
    saved_model.ends(model, meta, stored)
    if model.outputs:
        return _chosen(model)
    return _ends(model)


def _ends(model: Model) -> Model:
    """Where a graph without a signature begins and ends: placeholders, and what nobody reads."""
    graph = model.graph
    for node in graph.nodes.values():
        if node.op in {"Placeholder", "PlaceholderV2"}:
            shape = node.attributes.get("shape")
            kind = node.attributes.get("dtype") or ir.DataType.FLOAT
            model.inputs[node.name] = Given(Ref(node.name), kind, shape)
    model.outputs = {name: Ref(name) for name in _results(graph, model.inputs)}
    if not model.outputs and not model.files.outputs:
        raise FormatError("it has no outputs", hint="Say where it ends with -node.")
    return _chosen(model, signed=False)


def _results(graph: Graph, inputs: Iterable[str]) -> list[str]:
    """What nobody reads and is made of inputs, but for losses and what training makes, if there is more."""
    nodes = graph.nodes.values()
    read = {ref.node for node in nodes for ref in node.inputs}
    used = read | {name for node in nodes for name in node.controls}
    trains = _behind(
        graph, (n.name for n in nodes if "Grad" in n.op or "gradients" in n.name.split("/"))
    )
    fed = _behind(graph, inputs) or set(graph.nodes)
    ends = [n for n in nodes if n.name in fed - read - trains and not _is_sink(n.op)]
    steps: list[Callable[[Node], bool]] = [
        lambda node: node.name not in used,
        lambda node: not _HIDDEN.search(node.name),
        lambda node: not _LOSSES.search(node.name),
    ]
    for step in steps:
        ends = [node for node in ends if step(node)] or ends
    return [node.name for node in ends]


_HIDDEN = re.compile(r"(^|/)(switch_[tf]|pred_id|assert\w*|save)(/|$)")
_LOSSES = re.compile(r"(^|/)\w*(loss|accuracy|metrics|evaluation)\w*(/|$)", re.IGNORECASE)


def _behind(graph: Graph, names: Iterable[str]) -> set[str]:
    """These nodes, and those that are made of them."""
    readers: dict[str, list[str]] = {}
    for node in graph.nodes.values():
        for ref in node.inputs:
            readers.setdefault(ref.node, []).append(node.name)
    todo, found = list(names), set[str]()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += readers.get(name, [])
    return found


def _is_sink(op: str) -> bool:
    return op in _SINKS or any(part in op for part in _SINK_PARTS)


def _chosen(model: Model, *, signed: bool = True) -> Model:
    """With the inputs and outputs that the user said; of those without a signature only what is needed."""
    if model.files.outputs:
        model.outputs = dict(_named(model, model.files.outputs))
    for name, ref in _named(model, model.files.inputs):
        if name not in model.inputs:
            model.inputs[name] = Given(ref, _type_of(model.graph.nodes[ref.node]), None)
    needed = _reached(model.graph, model.outputs.values(), model.inputs.values())
    model.inputs = {
        name: given
        for name, given in model.inputs.items()
        if given.ref.node in needed or (signed and not model.files.outputs)
    }
    return model


def _type_of(node: Node) -> ir.DataType:
    """The type that a node gives, as far as its attributes say it."""
    said = (node.attributes.get(name) for name in ("DstT", "dtype", "out_type", "T"))
    return next((kind for kind in said if isinstance(kind, ir.DataType)), ir.DataType.FLOAT)


def _named(model: Model, names: Iterable[str]) -> Iterator[tuple[str, Ref]]:
    """Outputs of nodes, or of the signature, by the names that the user gives them."""
    for text in names:
        name, _, place = text.partition(":")
        if text in model.outputs:
            yield text, model.outputs[text]
        elif name in model.graph.nodes and (place or "0").isdigit():
            yield (name if place in {"", "0"} else text), Ref(name, int(place or 0))
        else:
            raise UsageError(f"the model has no node '{text}'", file=model.files.network)


def _reached(graph: Graph, ends: Iterable[Ref], given: Iterable[Given]) -> set[str]:
    """The nodes that some outputs need."""
    starts = {each.ref.node for each in given}
    found: set[str] = set()
    todo = [ref.node for ref in ends]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            if name not in starts:
                todo += [ref.node for ref in graph.nodes[name].inputs]
    return found
