"""Layers of Caffe that became several nodes of the IR, made one layer again.

The nodes of one source layer whose type is one of Caffe's are a group. A function of `proposals`
guesses the layer that they came from; the guess is imported, and only where that gives the very same
nodes and constants is it taken. So a guess may be wrong without harm, and what was changed on the way
(or comes from elsewhere and has a type of the same name) is written operator by operator.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error
from mmdnn.frameworks.caffe.exporter.blobs import Constant, layer_message
from mmdnn.frameworks.caffe.exporter.matching import Match
from mmdnn.frameworks.caffe.exporter.table import LIFTED
from mmdnn.frameworks.caffe.exporter.values import small
from mmdnn.frameworks.caffe.graph import Filler, Layer, Unknown, message
from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer
from mmdnn.ir import COMPUTED, LAYER, TYPE
from mmdnn.ir.builder import Builder, NeedsStatic
from mmdnn.ir.importing import GraphImporter
from mmdnn.ir.operators import Operators
from mmdnn.tensors import references

proposals: Operators[Any] = Operators("lifted to Caffe")
"""Registers a function `(group, proposal)` that fills in a proposal, or calls `group.give_up()`."""


class GiveUp(Exception):  # noqa: N818 - a signal: the group is not what was thought
    """The group cannot have come of such a layer."""


_NOT_IT = (
    *(GiveUp, Error, NeedsStatic),
    *(IndexError, AttributeError, KeyError, TypeError, ValueError),
)
"""What goes wrong with a guess that is wrong."""


@dataclass(eq=False)
class Group:
    """The nodes of one source layer.

    Attributes:
        name: The layer's name.
        type: Its type.
        nodes: Its nodes, in order; an Identity at the end is no part of what is compared.
        values: The graph's values by name.
        bottoms: The values that it reads and that are no constants, each once, in order.
        weights: The initializers that it reads, each once, in order, those computed left out.
        tops: The values it makes for others.
        native: Whether the model was one of Caffe's.
    """

    name: str
    type: str
    nodes: list[ir.Node]
    values: dict[str, ir.Value]
    bottoms: list[ir.Value] = field(default_factory=list)
    weights: list[ir.Value] = field(default_factory=list)
    tops: list[ir.Value] = field(default_factory=list)
    native: bool = False

    def value(self, name: str) -> ir.Value:
        """A value of the graph."""
        return self.values[name]

    def all(self, *types: str) -> list[ir.Node]:
        """Its nodes of these types."""
        return [node for node in self.nodes if node.op_type in types]

    def first(self, *types: str) -> ir.Node:
        """Its first node of one of these types."""
        found = self.all(*types)
        return found[0] if found else self.give_up()

    def number(self, *types: str, default: float) -> float:
        """The number that the first node of one of these types has for a constant."""
        for node in self.all(*types):
            for value in node.inputs:
                array = small(value)
                if array is not None and array.size == 1:
                    return float(array.reshape(-1)[0])
        return default

    def give_up(self) -> Any:
        """Stop: it is something else."""
        raise GiveUp


@dataclass(eq=False)
class Proposal:
    """A layer that may be the one.

    Attributes:
        message: Its LayerParameter, to be filled.
        bottoms: The group's, unless the proposal says otherwise.
        blobs: Its weights: an initializer of the group, and Caffe's shape of it.
        unknown: Parameters of forks.
        fork: Whether only the fork has such a layer.
    """

    message: Any
    bottoms: list[ir.Value]
    blobs: list[tuple[ir.Value, tuple[int, ...]]] = field(default_factory=list)
    unknown: Unknown = field(default_factory=dict)
    fork: bool = False

    def fill(self, **fields: Any) -> None:
        """Set these fields of its type's parameter block."""
        self.message = layer_message(self.message.type, fields)


@dataclass(frozen=True)
class Lifted:
    """A layer that was recognised; its node's inputs are the bottoms, then the weights."""

    message: Any
    bottoms: int
    shapes: tuple[tuple[int, ...], ...]
    unknown: Unknown


def lift(model: ir.Model, fork: str, round_: str = "") -> dict[str, Lifted]:
    """Replace groups by single nodes, in place.

    Args:
        model: What is changed.
        fork: The fork whose layers may be used.
        round_: What tells the nodes' names from those of a lift before.

    Returns:
        By node name, what it stands for.
    """
    found: dict[str, Lifted] = {}
    for number, group in enumerate(_groups(model)):
        proposal = _recognised(group, fork)
        if proposal is not None:
            name = f"lifted {round_}{number}"
            found[name] = _replace(model.graph, group, proposal, name)
    return found


def _groups(model: ir.Model) -> Iterator[Group]:
    graph, native = model.graph, model.metadata_props.get("mmdnn.framework") == "caffe"
    found: dict[tuple[str, str], Group] = {}
    values = {str(value.name): value for value in graph.inputs}
    for node in graph:
        values |= {str(value.name): value for value in node.outputs}
        name, type_ = node.metadata_props.get(LAYER, ""), node.metadata_props.get(TYPE, "")
        if name and type_ in importer and type_ in proposals:
            group = Group(name, type_, [], values, native=native)
            found.setdefault((name, type_), group).nodes.append(node)
    for group in found.values():
        _survey(group)
        yield group


def _survey(group: Group) -> None:
    inside = set(group.nodes)
    for node in group.nodes:
        for value in node.inputs:
            if value is None or value.producer() in inside:
                continue
            if value.const_value is None:
                _once(group.bottoms, value)
            elif COMPUTED not in value.metadata_props:
                _once(group.weights, value)
    for node in group.nodes:
        for output in node.outputs:
            users = [use.node for use in output.uses()]
            inner = bool(users) and all(user in inside for user in users)
            made_up = not users and str(output.name).startswith(f"{group.name}/")
            if output.is_graph_output() or not (inner or made_up):
                group.tops.append(output)


def _once(values: list[ir.Value], value: ir.Value) -> None:
    if value not in values:
        values.append(value)


def _recognised(group: Group, fork: str) -> Proposal | None:
    proposal = Proposal(layer_message(group.type), list(group.bottoms))
    try:
        proposals[group.type](group, proposal)
    except _NOT_IT:
        return None
    if proposal.fork and fork != "ssd":
        return None
    orders = [proposal.bottoms]
    if len(proposal.bottoms) == 2:
        orders.append(proposal.bottoms[::-1])
    for proposal.bottoms in orders:
        try:
            if _same(group, proposal):
                return proposal
        except _NOT_IT:
            continue
    return None


def _same(group: Group, proposal: Proposal) -> bool:
    """Whether importing the proposal gives the group's nodes."""
    shapes = [shape for _, shape in proposal.blobs]
    stand_ins = {
        value: ir.Value(name=f"bottom {index}", shape=value.shape, type=value.type)
        for index, value in enumerate(dict.fromkeys(proposal.bottoms))
    }
    bottoms = [stand_ins[value] for value in proposal.bottoms]
    tried = _tried(proposal.message, bottoms, len(group.tops), shapes, proposal.unknown)
    results = _imported(tried, bottoms)
    match = Match(stand_ins, [value for value, _ in proposal.blobs], tried.handed)
    return len(results) >= len(group.tops) and all(
        match.values(_behind_identity(top, group), result)
        for top, result in zip(group.tops, results, strict=False)
    )


def _tried(
    layer: Any,
    bottoms: Sequence[ir.Value],
    tops: int,
    shapes: Sequence[tuple[int, ...]],
    unknown: Unknown,
) -> _Tried:
    names = [str(value.name) for value in bottoms]
    made = message("LayerParameter")
    made.CopyFrom(layer)
    made.bottom.extend(names)
    tried = _Tried(made, names, tops, shapes)
    tried.unknown = unknown
    return tried


def _imported(tried: _Tried, bottoms: Sequence[ir.Value]) -> list[ir.Value]:
    """What the importer makes of a layer, with stand-ins for its weights."""
    graph = GraphImporter(Builder("mmdnn.caffe", "proposal"), None)
    with graph.builder.layer("proposal", tried.type):
        return ImportedLayer(tried, graph).call(importer.entry(tried.type), bottoms)


def close(model: ir.Model, lifted: dict[str, Lifted]) -> bool:
    """Work out the shapes that were open, once those of the inputs are known.

    Returns:
        Whether one was.
    """
    closed = False
    for node in model.graph:
        if node.domain != LIFTED or all(_is_known(output) for output in node.outputs):
            continue
        layer = lifted[str(node.name)]
        bottoms = [value for value in node.inputs[: layer.bottoms] if value is not None]
        if not all(_is_known(value) for value in bottoms):
            continue
        try:
            tried = _tried(layer.message, bottoms, len(node.outputs), layer.shapes, layer.unknown)
            results = _imported(tried, bottoms)
        except (Error, NeedsStatic):
            continue
        for output, result in zip(node.outputs, results, strict=False):
            output.shape = result.shape
        closed |= all(_is_known(output) for output in node.outputs)
    return closed


def _is_known(value: ir.Value) -> bool:
    return value.shape is not None and value.shape.is_static()


def _behind_identity(top: ir.Value, group: Group) -> ir.Value:
    node = top.producer()
    if node is not None and node.op_type == "Identity" and node in group.nodes:
        assert node.inputs[0] is not None
        return node.inputs[0]
    return top


class _Tried(Layer):
    """A layer whose weights are stand-ins; they remember which blob they stand for."""

    def __init__(self, layer: Any, names: list[str], tops: int, shapes: Sequence[tuple[int, ...]]):
        super().__init__("proposal", layer.type, names, [f"top {i}" for i in range(tops)], layer)
        self.shapes = shapes
        self.blobs = [Filler() for _ in shapes]
        self.handed: dict[int, tuple[int, ir.TensorProtocol]] = {}

    def blob(self, index: int, shape: Sequence[int]) -> ir.TensorProtocol:
        """Zeros, if the shape is that of the weight but for axes of size 1."""
        if [d for d in self.shapes[index] if d != 1] != [d for d in shape if d != 1]:
            raise GiveUp
        tensor = ir.LazyTensor(
            lambda: ir.tensor(np.zeros(tuple(shape), np.float32)),
            ir.DataType.FLOAT,
            ir.Shape(shape),
        )
        self.handed[id(tensor)] = index, tensor
        return tensor


def _replace(graph: ir.Graph, group: Group, proposal: Proposal, name: str) -> Lifted:
    weights = [value for value, _ in proposal.blobs]
    outputs = [ir.Value(name=top.name, shape=top.shape, type=top.type) for top in group.tops]
    node = ir.node(
        group.type,
        [*proposal.bottoms, *weights],
        domain=LIFTED,
        outputs=outputs,
        name=name,
        metadata_props={LAYER: group.name, TYPE: group.type},
    )
    graph.insert_after(group.nodes[-1], node)
    for top, output in zip(group.tops, outputs, strict=True):
        group.values[str(top.name)] = output
        top.replace_all_uses_with(output, replace_graph_outputs=True)
    graph.remove(reversed(group.nodes), safe=True)
    shapes = tuple(shape for _, shape in proposal.blobs)
    return Lifted(proposal.message, len(proposal.bottoms), shapes, proposal.unknown)


def no_statistics(channels: int) -> list[ir.TensorProtocol]:
    """The blobs of a BatchNorm that does not use them."""
    zeros = np.zeros(channels, np.float32)
    return [ir.tensor(zeros), ir.tensor(zeros), ir.tensor(np.ones(1, np.float32))]


def _stored(constant: Constant, shape: tuple[int, ...]) -> ir.TensorProtocol:
    """A weight in Caffe's shape; the matrix as it was where its axes were exchanged."""
    before = references.before_transpose(constant.tensor)
    if before is not None and shape == constant.shape[::-1]:
        return before
    return constant.shaped(shape)


def write(caffe: Any, lifted: Lifted, operands: Sequence[Any]) -> list[Any]:
    """The layer of a lifted node: its tops, in their order."""
    bottoms, weights = operands[: lifted.bottoms], operands[lifted.bottoms :]
    blobs = [
        _stored(constant, shape)
        for constant, shape in zip(weights, lifted.shapes, strict=True)
        if isinstance(constant, Constant)
    ]
    node = caffe.node
    if lifted.message.type == "BatchNorm":
        blobs = no_statistics(bottoms[0].shape[1])
    shapes = [node.shape(index) for index in range(len(node.node.outputs))]
    tops = caffe.layers(lifted.message.type, *bottoms, shapes=shapes, blobs=blobs)
    draft = tops[0].maker if tops else None
    if draft is not None:
        draft.message = lifted.message
        draft.unknown = lifted.unknown
    return list(tops)
