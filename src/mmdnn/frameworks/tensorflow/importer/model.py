"""From a TensorFlow graph to the IR, node by node from the outputs back; functions are put in place.

Values are named as tensors: `node`, `node:1` for the second output, and with the calling node's name in front
in a function. Inputs and outputs have the names of the signature. What gives its input as it is has no value
of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import onnx_ir as ir

from mmdnn.errors import FormatError, ShapeError, UnsupportedError, UsageError
from mmdnn.frameworks.tensorflow.graph import ARGUMENT, Graph, Model, Node, Ref
from mmdnn.frameworks.tensorflow.importer.frames import structured
from mmdnn.frameworks.tensorflow.importer.table import GraphImporter, ImportedNode, importer
from mmdnn.ir import FRAMEWORK, layout
from mmdnn.ir.builder import Builder, NeedsStatic
from mmdnn.ir.folding import prune
from mmdnn.shapes import OpenShape

MOST_NODES = 1 << 21
"""Nodes that are waited for at once, or that functions become in all."""
CALLS = {"PartitionedCall", "StatefulPartitionedCall", "RemoteCall"}


def to_ir(model: Model) -> ir.Model:
    """The IR of a TensorFlow graph.

    Args:
        model: A model as the reader gives it.

    Returns:
        A model whose values are named as tensors, channels first.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
        ShapeError: Shapes that do not fit, or that are needed and nothing says.
        FormatError: The graph has a circle, or a variable no numbers.
    """
    structured(model)
    layers = [(node.op, name) for node, name in _nodes(model)]
    importer.check(layers, model.files.network, _hint(model))
    try:
        return layout.channels_first(_imported(model), keep=model.files.keep_layout)
    except NeedsStatic as missing:
        raise _unknown(model, missing) from None


def input_shapes(model: Model) -> dict[str, OpenShape | None]:
    """The shapes of inputs as far as the file says them."""
    return {name: given.shape for name, given in model.inputs.items()}


def _hint(model: Model) -> str:
    return "End the model before them with -node, or begin it behind them with --inNodeName."


def _nodes(model: Model) -> Iterator[tuple[Node, str]]:
    """The nodes that the outputs need, those of functions included; each once."""
    starts = {given.ref.node for given in model.inputs.values()}
    seen: set[tuple[str, str]] = set()
    todo = [(model.graph, ref.node) for ref in model.outputs.values()]
    while todo:
        graph, name = todo.pop()
        if (graph.name, name) in seen or (graph is model.graph and name in starts):
            continue
        seen.add((graph.name, name))
        node = graph.nodes[name]
        called = _called(model, graph, node)
        if node.op not in {ARGUMENT, *CALLS, *model.functions}:
            yield node, f"{graph.name}/{name}" if graph.name else name
        todo += [(graph, ref.node) for ref in node.inputs]
        todo += [(body, ref.node) for body in called for ref in body.results]


def _called(model: Model, graph: Graph, node: Node) -> list[Graph]:
    """The functions that a node may call: of two branches the one that is taken, where that is known."""
    found = dict(model.called(node))
    if "then_branch" in found:
        truth = _constant(graph, node.inputs[0])
        if truth is not None and graph is model.graph:
            return [found["then_branch" if truth else "else_branch"]]
        return [found["then_branch"], found["else_branch"]]
    return [body for _, body in model.called(node)]


def _constant(graph: Graph, ref: Ref) -> bool | None:
    """The truth value that a node gives, where it does not depend on inputs."""
    node = graph.nodes[ref.node]
    if node.op == "Const":
        tensor = node.attributes.get("value")
        return bool(tensor.numpy().any()) if tensor is not None and tensor.size == 1 else None
    if node.op in {"Identity", "PlaceholderWithDefault", "StopGradient"}:
        return _constant(graph, node.inputs[0])
    if node.op == "LogicalNot":
        inner = _constant(graph, node.inputs[0])
        return None if inner is None else not inner
    return None


def _imported(model: Model) -> ir.Model:
    run = _Run(model)
    graph = run.graph
    graph.reserve([*model.inputs, *model.outputs])
    values: dict[Ref, Any] = {}
    shapes = model.files.shapes_of(model.inputs)
    for name, given in model.inputs.items():
        shape = shapes.get(name, given.shape)
        dims = [f"{name}_{axis}" if size is None else size for axis, size in enumerate(shape or ())]
        value = graph.builder.input(name, dims, given.dtype)
        if shape is None:
            value.shape = None
        values[given.ref] = value
        graph.named.add(value)
    found = run(model.graph, list(model.outputs.values()), values, "")
    outputs = graph.builder.graph.outputs
    for name, value in zip(model.outputs, found, strict=True):
        if not isinstance(value, ir.Value):
            raise UnsupportedError(f"the output '{name}' is a list of tensors")
        fresh = value.producer() is not None and value not in outputs and value.const_value is None
        if not fresh:
            if value.name == name:
                value.name = graph.builder.unique(f"{name}/value")
            value = graph.builder.op.Identity(value)
            value.const_value = None
        if value.name != name:
            graph.builder.rename(value, name)
        outputs.append(value)
    prune(graph.builder.graph)
    return graph.builder.model(**{FRAMEWORK: "tensorflow"})


class _Run:
    """Imports nodes from some outputs back to what is known."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.graph = GraphImporter(model, self)
        self.nodes = 0

    def __call__(
        self,
        graph: Graph,
        ends: Sequence[Ref],
        values: dict[Ref, Any],
        path: str,
        builder: Builder | None = None,
    ) -> list[Any]:
        """The values of some outputs.

        Args:
            graph: The nodes.
            ends: Their outputs that are wanted.
            values: Those that are known; the others that are needed are added.
            path: What names of values begin with.
            builder: Where operators are made, if elsewhere than now.
        """
        before = self.graph.builder
        self.graph.builder = builder or before
        try:
            self._import(graph, ends, values, path)
        finally:
            self.graph.builder = before
        return [values[end] for end in ends]

    def _import(self, graph: Graph, ends: Sequence[Ref], values: dict[Ref, Any], path: str) -> None:
        todo, waiting = [*reversed(ends)], set[str]()
        while todo:
            ref = todo[-1]
            if ref in values:
                todo.pop()
                continue
            node = graph.nodes[ref.node]
            missing = [each for each in node.inputs if each not in values]
            if missing:
                if node.name in waiting:
                    raise FormatError("its nodes read each other in a circle", layer=node.name)
                waiting.add(node.name)
                todo += reversed(missing)
                continue
            todo.pop()
            waiting.discard(node.name)
            self.nodes += 1
            if self.nodes > MOST_NODES:
                raise FormatError("its functions call each other without end", layer=node.name)
            for place, value in enumerate(self._node(graph, node, values, path)):
                values[Ref(node.name, place)] = value
            if ref not in values:
                raise FormatError(
                    f"it has no output {ref.output}", layer=node.name, operator=node.op
                )

    def _node(self, graph: Graph, node: Node, values: Mapping[Ref, Any], path: str) -> list[Any]:
        inputs = [values[ref] for ref in node.inputs]
        if node.op in CALLS or node.op in self.model.functions:
            return self.call(node, inputs, path)
        layer = ImportedNode(node, path, graph, self.graph)
        with self.graph.errors_of(layer), self.graph.builder.layer(layer.name, node.op):
            found = layer.call(importer.entry(node.op), inputs)
        for place, value in enumerate(found):
            fresh = isinstance(value, ir.Value) and value.producer() is not None
            if fresh and value not in self.graph.named and not layer.is_synthetic:
                self.graph.rename(value, str(Ref(layer.name, place)))
        return found

    def call(self, node: Node, inputs: Sequence[Any], path: str) -> list[Any]:
        """What a function gives that a node calls."""
        body = next((body for _, body in self.model.called(node)), None)
        if body is None:
            raise FormatError("the function that it calls is nowhere", layer=node.name)
        return self.body(body, inputs, f"{path}{node.name}/")

    def body(
        self, body: Graph, inputs: Sequence[Any], path: str, builder: Builder | None = None
    ) -> list[Any]:
        """What a function gives of these inputs."""
        if len(body.arguments) != len(inputs):
            raise ShapeError(
                f"it takes {len(body.arguments)} inputs and is given {len(inputs)}", layer=path[:-1]
            )
        if path.count("/") > MOST_DEPTH:
            raise FormatError("functions call each other without end", layer=path[:80])
        values = {Ref(name): value for name, value in zip(body.arguments, inputs, strict=True)}
        return self(body, body.results, values, path, builder)


MOST_DEPTH = 400


def _unknown(model: Model, missing: NeedsStatic) -> ShapeError | UsageError:
    """What to say where a size is needed that is left open."""
    open_ = {
        name: given.shape
        for name, given in model.inputs.items()
        if given.shape is None or None in given.shape
    }
    example = " ".join(
        f"{name}:{','.join(str(size or 1) for size in shape or (1, 224, 224, 3))}"
        for name, shape in open_.items()
    )
    return ShapeError(
        f"the shape of '{missing}' is needed and depends on sizes that the file leaves open",
        file=model.files.network,
        hint=f"Give them with --inputShape {example} (or whatever they are).",
    )
